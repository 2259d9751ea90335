"""What happens to views: a person asks, the bed answers, pictures flow, somebody ends it; each start and end is written down."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

import structlog

import cloud.devices.queries
from cloud import audit
from cloud.accounts.service import refuse
from cloud.database import Connection, in_transaction
from cloud.live_view import queries
from cloud.live_view.rules import (
    ANSWER_WAIT_NS,
    OPEN,
    OPEN_LIMIT,
    ViewState,
    state_after,
    watched_s,
)
from cloud.live_view.tables import LiveView
from cloud.principal import Principal
from cloud.problems import HttpProblem
from shared.clock import NS_PER_S
from shared.frame import Stream
from shared.ids import uuid7
from shared.live_view import ViewCause, ViewPhase, ViewReport
from shared.topics import Address

CHANNEL = "deepepil_live"
"""The ingesters listen there (PostgreSQL's NOTIFY); what they miss they find within a second."""
LOOK_PERIOD_S = 0.05
OFFLINE = "The bed is offline."
NO_ANSWER = "The bed did not answer in time."
_log = structlog.get_logger(__name__)


async def ask(principal: Principal, site: str, bed: str, stream: Stream, sdp: str, now_ns: int) -> LiveView:
    """Keeps the offer and waits for the bed's word, 8 s at most. 404 for a bed that is not the person's.

    The row's state says what came of it; a bed that is offline, or silent, ends it with the cause `bed_gone`.
    """
    if await cloud.devices.queries.bed(principal, site, bed) is None:
        await refuse(principal, f"{site}.{bed}")
    link = (await cloud.devices.queries.connections(principal)).get((site, bed))
    async with in_transaction() as connection:
        if await queries.open_of(principal, connection) >= OPEN_LIMIT:
            raise HttpProblem(409, f"You watch {OPEN_LIMIT} beds already; end one of the views.")
        row = await LiveView.create(
            using_db=connection, view_id=uuid7(now_ns), site=site, bed=bed, stream=stream.value,
            viewer=principal.name, state=ViewState.asked.value, offer=sdp, asked_at_ns=now_ns, seen_at_ns=now_ns,
        )  # fmt: skip
        await notify(connection)
    if link is None or not link.online:
        return await _give_up(principal, row.view_id, OFFLINE)
    for _ in range(int(ANSWER_WAIT_NS / NS_PER_S / LOOK_PERIOD_S)):
        await asyncio.sleep(LOOK_PERIOD_S)
        found = await queries.own(principal, row.view_id)
        if found is not None and found.state != ViewState.asked.value:
            return found
    return await _give_up(principal, row.view_id, NO_ANSWER)


async def _give_up(principal: Principal, view_id: UUID, sentence: str) -> LiveView:
    async with in_transaction() as connection:
        row = await queries.own(principal, view_id, connection)
        assert row is not None
        if row.state == ViewState.asked.value:
            await finish(connection, row, ViewState.refused, ViewCause.bed_gone, sentence, time.time_ns())
    return row


async def seen(principal: Principal, view_id: UUID, now_ns: int) -> LiveView:
    """The page is still there; how its view stands. 404 for another person's view."""
    row = await queries.own(principal, view_id)
    if row is None:
        await refuse(principal, str(view_id))
    await LiveView.filter(view_id=view_id).update(seen_at_ns=now_ns)
    return row


async def leave(principal: Principal, view_id: UUID, now_ns: int) -> None:
    """The viewer ends it; a second time has no effect. 404 for another person's view."""
    async with in_transaction() as connection:
        row = await queries.own(principal, view_id, connection)
        if row is not None and row.state in OPEN:
            await finish(connection, row, ViewState.ended, ViewCause.left, "The viewer ended it.", now_ns)
    if row is None:
        await refuse(principal, str(view_id))


async def finish(
    connection: Connection, row: LiveView, state: ViewState, cause: ViewCause, sentence: str, now_ns: int,
    *, tell_bed: bool = True,
) -> None:  # fmt: skip
    """Ends a view in the caller's transaction: row, order to the bed, audit entry of who watched how long."""
    row.state, row.cause, row.sentence, row.ended_at_ns = state.value, cause.value, sentence, now_ns
    row.hangup_due, row.offer, row.answer = tell_bed, "", ""
    await row.save(using_db=connection)
    if tell_bed:
        await notify(connection)
    deed = "live_refused" if state is ViewState.refused else "live_ended"
    await _record(connection, row, deed, cause=cause.value, seconds=watched_s(row.joined_at_ns, now_ns))


async def _record(connection: Connection, row: LiveView, deed: str, **more: audit.Detail) -> None:
    who = Principal(row.viewer, "person", sites=frozenset({row.site}))
    details: dict[str, audit.Detail] = {"bed": row.bed, "stream": row.stream, **more}
    await audit.record(connection, who, deed, site=row.site, subject=str(row.view_id), details=details)


async def notify(connection: Connection) -> None:
    """Wakes the ingesters when the transaction commits."""
    await connection.execute_query("SELECT pg_notify($1, '')", [CHANNEL])


async def take_report(address: Address, report: ViewReport) -> bool:
    """Keeps a bed's word on a view of its own; returns whether it changed anything. Another bed's view is audited and left alone."""
    now_ns = time.time_ns()
    async with in_transaction() as connection:
        row = await LiveView.filter(view_id=report.view_id).using_db(connection).select_for_update().get_or_none()
        if row is None or (row.site, row.bed) != (address.site, address.bed):
            who = Principal.bed(address.site, address.bed)
            await audit.record(connection, who, "refused", site=address.site, subject=str(report.view_id))
            return False
        state = state_after(ViewState(row.state), report.phase)
        if state is None:
            if row.state not in OPEN and report.phase in {ViewPhase.answered, ViewPhase.joined}:
                row.hangup_due = True  # it was given up here while the bed took it
                await row.save(using_db=connection, update_fields=["hangup_due"])
            return False
        if report.cause is not None:
            await finish(connection, row, state, report.cause, report.sentence, now_ns, tell_bed=False)
        else:
            row.state, row.answer = state.value, report.sdp or row.answer
            if state is ViewState.joined:
                row.joined_at_ns = now_ns
            await row.save(using_db=connection, update_fields=["state", "answer", "joined_at_ns"])
            if state is ViewState.joined:
                await _record(connection, row, "live_joined")
    _log.info("view_told", view_id=str(report.view_id), bed=address.bed, phase=report.phase.value)
    return True
