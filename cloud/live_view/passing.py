"""Passes offers and orders to end to the beds, and ends views that time ended; runs in every ingester beside the other senders."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import structlog

from cloud.accounts.rules import ABSOLUTE_END_NS, IDLE_END_NS
from cloud.database import UNREACHABLE, DatabaseAddress, in_transaction
from cloud.live_view.rules import (
    ANSWER_WAIT_NS,
    ASK_AGAIN_NS,
    BED_GONE_NS,
    KEPT_NS,
    OFFER_LASTS_NS,
    OPEN,
    PAGE_GONE_NS,
    ViewState,
)
from cloud.live_view.service import CHANNEL, NO_ANSWER, OFFLINE, finish
from cloud.live_view.tables import LiveView
from shared.clock import NS_PER_S
from shared.envelope import seal
from shared.frame import Stream
from shared.live_view import LiveHangup, LiveOffer, ViewCause
from shared.topics import Address, Topic

PERIOD_S = 1.0
SENT_A_TURN = 100
ENDED_A_TURN = 100
PAGE_GONE = "The page was closed, or its session was over."
_log = structlog.get_logger(__name__)


class Link(Protocol):
    """What this needs of the link to the broker."""

    connected: bool

    def publish(self, topic: str, payload: bytes, *, qos: int) -> bool:
        """Hands a message to the broker; False when it cannot go now."""


class LivePasser:
    """One in each ingester; the database keeps two from passing on the same."""

    def __init__(self, link: Link, address: DatabaseAddress) -> None:
        self._link = link
        self._address = address
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. Woken by the database when somebody asks; without that it looks each second."""
        listening = asyncio.create_task(self._listen())
        try:
            while True:
                self._woken.clear()
                try:
                    await self.turn(time.time_ns())
                except UNREACHABLE as error:
                    _log.warning("database_unreachable", reason=f"{type(error).__name__}: {error}"[:300])
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), PERIOD_S)
        finally:
            listening.cancel()

    async def _listen(self) -> None:
        """One connection of its own, made again whenever it is lost."""
        while True:
            try:
                connection = await asyncpg.connect(self._address.url, timeout=10)
                lost = asyncio.Event()
                connection.add_termination_listener(lambda _connection, lost=lost: lost.set())
                await connection.add_listener(CHANNEL, self._wake)
                try:
                    await lost.wait()
                finally:
                    await connection.close(timeout=2)
            except UNREACHABLE:
                await asyncio.sleep(PERIOD_S)

    def _wake(self, *_: Any) -> None:
        self._woken.set()

    async def turn(self, now_ns: int) -> None:
        """One round: what time ended, then orders to end, then offers."""
        await end_what_is_over(now_ns)
        if not self._link.connected:
            return
        for address, hangup in await claim_hangups():
            if not self._link.publish(address.text, seal(address, hangup, now_ns), qos=1):
                await LiveView.filter(view_id=hangup.view_id).update(hangup_due=True)
        for address, offer in await claim_offers(now_ns):
            if self._link.publish(address.text, seal(address, offer, now_ns), qos=1):
                _log.info("offer_sent", view_id=str(offer.view_id), site=address.site, bed=address.bed)
            else:
                await LiveView.filter(view_id=offer.view_id).update(sent_at_ns=0)


async def claim_offers(now_ns: int) -> list[tuple[Address, LiveOffer]]:
    """Offers to send now: to beds that are connected, never sent or two seconds ago, while somebody waits. Each ingester gets others."""
    async with in_transaction() as connection:
        rows = await connection.execute_query_dict(
            "UPDATE live_view SET sent_at_ns = $1 WHERE view_id IN (SELECT view_id FROM live_view JOIN bed_connection"
            " USING (site, bed) WHERE state = 'asked' AND online AND asked_at_ns > $2 AND sent_at_ns <= $3"
            " ORDER BY asked_at_ns LIMIT $4 FOR UPDATE OF live_view SKIP LOCKED)"
            " RETURNING view_id, site, bed, stream, viewer, offer, asked_at_ns",
            [now_ns, now_ns - ANSWER_WAIT_NS, now_ns - ASK_AGAIN_NS, SENT_A_TURN],
        )
    return [
        (
            Address(row["site"], row["bed"], Topic.offer),
            LiveOffer(
                view_id=UUID(str(row["view_id"])), viewer=row["viewer"], stream=Stream(row["stream"]),
                sdp=row["offer"], expires_utc_ns=int(row["asked_at_ns"]) + OFFER_LASTS_NS,
            ),
        )
        for row in rows
    ]  # fmt: skip


async def claim_hangups() -> list[tuple[Address, LiveHangup]]:
    """Ends that the beds do not know of yet."""
    async with in_transaction() as connection:
        rows = await connection.execute_query_dict(
            "UPDATE live_view SET hangup_due = false WHERE view_id IN (SELECT view_id FROM live_view WHERE hangup_due"
            " LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING view_id, site, bed",
            [SENT_A_TURN],
        )
    return [
        (Address(row["site"], row["bed"], Topic.hangup), LiveHangup(view_id=UUID(str(row["view_id"])))) for row in rows
    ]


async def end_what_is_over(now_ns: int) -> int:
    """Ends views whose page, bed or viewer's last session is gone, or that nobody answered; forgets those of yesterday.

    Returns how many ended.
    """
    async with in_transaction() as connection:
        rows = await connection.execute_query_dict(
            "SELECT view_id, COALESCE(NOT c.online AND c.changed_at_ns < $1, false) AS bed_gone FROM live_view v"
            " LEFT JOIN bed_connection c USING (site, bed) WHERE state = ANY ($2::text[]) AND (seen_at_ns < $3"
            " OR (state = 'asked' AND asked_at_ns < $4) OR (NOT c.online AND c.changed_at_ns < $1)"
            " OR NOT EXISTS (SELECT 1 FROM person_session s JOIN account a ON a.name = s.account_id"
            " WHERE a.name = v.viewer AND a.active AND s.used_utc_ns > $6 AND s.created_utc_ns > $7))"
            " ORDER BY view_id LIMIT $5 FOR UPDATE OF v SKIP LOCKED",
            [
                now_ns - BED_GONE_NS, [state.value for state in OPEN], now_ns - PAGE_GONE_NS,
                now_ns - ANSWER_WAIT_NS - 2 * NS_PER_S, ENDED_A_TURN,
                now_ns - IDLE_END_NS, now_ns - ABSOLUTE_END_NS,
            ],
        )  # fmt: skip
        for found in rows:
            row = await LiveView.get(view_id=found["view_id"], using_db=connection)
            asked = row.state == ViewState.asked.value
            gone = bool(found["bed_gone"]) or asked
            cause = ViewCause.bed_gone if gone else ViewCause.hung_up
            sentence = (NO_ANSWER if asked else OFFLINE) if gone else PAGE_GONE
            await finish(connection, row, ViewState.refused if asked else ViewState.ended, cause, sentence, now_ns)
        await connection.execute_query("DELETE FROM live_view WHERE ended_at_ns < $1", [now_ns - KEPT_NS])
    return len(rows)
