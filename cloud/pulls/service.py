"""What happens to wishes: a person asks, the bed is asked until it answers, the answer is kept, time runs out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

import structlog

import cloud.devices.queries
from cloud import audit
from cloud.accounts.service import refuse
from cloud.database import Connection, in_transaction
from cloud.principal import Principal
from cloud.problems import HttpProblem
from cloud.pulls import queries
from cloud.pulls.rules import (
    ASK_AGAIN_NS,
    EXPIRES_AFTER_NS,
    MARK_DEBOUNCE_NS,
    OPEN_LIMIT,
    STATE_OF,
    Arrived,
    PullState,
    must_be_askable,
)
from cloud.pulls.tables import Pull
from shared.event import EventCause
from shared.ids import uuid7
from shared.pull import MARK_NS, PullAnswer, PullRequest
from shared.topics import Address, Topic

SENT_A_TURN = 100
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """A span of a bed that somebody wants."""

    site: str
    bed: str
    start_utc_ns: int
    end_utc_ns: int
    cause: EventCause = EventCause.pull
    reference_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class FoundPull:
    """A wish with what is here of its parts, and whether its bed can be reached now."""

    row: Pull
    parts: list[Arrived]
    online: bool


async def ask(principal: Principal, wish: Wish, now_ns: int) -> FoundPull:
    """Keeps the wish. 404 for a bed that is not the person's, 409 when too many wait; raises Refused for an impossible span."""
    must_be_askable(wish.start_utc_ns, wish.end_utc_ns, now_ns)
    await _must_know(principal, wish.site, wish.bed)
    async with in_transaction() as connection:
        row = await keep(connection, principal, wish, now_ns)
    return (await shown(principal, [row]))[0]


async def mark(principal: Principal, site: str, bed: str, now_ns: int) -> FoundPull:
    """Somebody pressed the button of a bed on the web, now. A second press within 3 s is the same one."""
    await _must_know(principal, site, bed)
    async with in_transaction() as connection:
        await _lock(connection, site, bed)
        row = await queries.mark_since(connection, site, bed, now_ns - MARK_DEBOUNCE_NS)
        if row is None:
            wish = Wish(site, bed, max(0, now_ns - MARK_NS), now_ns + MARK_NS, EventCause.button)
            row = await keep(connection, principal, wish, now_ns)
    return (await shown(principal, [row]))[0]


async def keep(connection: Connection, principal: Principal, wish: Wish, now_ns: int) -> Pull:
    """Writes a wish that was checked, in the caller's transaction. 409 when too many of the bed wait."""
    await _lock(connection, wish.site, wish.bed)
    if await queries.waiting(connection, wish.site, wish.bed) >= OPEN_LIMIT:
        raise HttpProblem(409, f"{OPEN_LIMIT} wishes wait for the answer of this bed already.")
    row = await Pull.create(
        using_db=connection,
        pull_id=uuid7(now_ns),
        site=wish.site,
        bed=wish.bed,
        cause=wish.cause.value,
        start_utc_ns=wish.start_utc_ns,
        end_utc_ns=wish.end_utc_ns,
        asked_by=principal.name,
        asked_at_ns=now_ns,
        expires_at_ns=now_ns + EXPIRES_AFTER_NS,
        reference_id=wish.reference_id,
        state=PullState.asked.value,
    )
    deed = "bed_marked" if wish.cause is EventCause.button else "pull_asked"
    details: dict[str, audit.Detail] = {
        "bed": wish.bed, "start_utc_ns": wish.start_utc_ns, "end_utc_ns": wish.end_utc_ns,
    }  # fmt: skip
    await audit.record(connection, principal, deed, site=wish.site, subject=str(row.pull_id), details=details)
    return row


async def _lock(connection: Connection, site: str, bed: str) -> None:
    """One person at a time asks a bed, so that the bound holds."""
    await connection.execute_query("SELECT id FROM bed WHERE site = $1 AND name = $2 FOR UPDATE", [site, bed])


async def _must_know(principal: Principal, site: str, bed: str) -> None:
    if await cloud.devices.queries.bed(principal, site, bed) is None:
        await refuse(principal, f"{site}.{bed}")


async def newest(principal: Principal, site: str | None, bed: str | None, limit: int) -> list[FoundPull]:
    """The newest wishes of the person's sites."""
    return await shown(principal, await queries.newest(principal, site, bed, limit))


async def one(principal: Principal, pull_id: UUID) -> FoundPull:
    """One wish. 404, audited, when it is absent or not the person's."""
    row = await queries.one(principal, pull_id)
    return (await shown(principal, [row]))[0] if row is not None else await refuse(principal, str(pull_id))


async def shown(principal: Principal, rows: list[Pull]) -> list[FoundPull]:
    """The rows with their surroundings."""
    here = await queries.arrived(principal, rows)
    connections = await cloud.devices.queries.connections(principal)
    found = []
    for row in rows:
        link = connections.get((row.site, row.bed))
        parts = [here[event_id] for event_id in queries.events_of(row)]
        found.append(FoundPull(row, parts, link is not None and link.online))
    return found


async def take_answer(address: Address, answer: PullAnswer) -> bool:
    """Keeps a bed's answer to its own wish, once; returns whether it was new. Another bed's wish is audited and left alone."""
    now_ns = time.time_ns()
    async with in_transaction() as connection:
        row = await Pull.filter(pull_id=answer.pull_id).using_db(connection).select_for_update().get_or_none()
        who = Principal.bed(address.site, address.bed)
        if row is None or (row.site, row.bed) != (address.site, address.bed):
            await audit.record(connection, who, "refused", site=address.site, subject=str(answer.pull_id))
            return False
        if row.state not in {PullState.asked.value, PullState.expired.value}:
            return False
        row.state, row.reason, row.answered_at_ns = STATE_OF[answer.outcome].value, answer.reason, now_ns
        row.parts = [part.model_dump(mode="json") for part in answer.parts]
        await row.save(using_db=connection, update_fields=["state", "reason", "answered_at_ns", "parts"])
        details: dict[str, audit.Detail] = {"outcome": answer.outcome.value, "parts": len(answer.parts)}
        subject = str(answer.pull_id)
        await audit.record(connection, who, "pull_answered", site=address.site, subject=subject, details=details)
    _log.info("pull_answered", pull_id=str(answer.pull_id), bed=address.bed, outcome=answer.outcome.value)
    return True


async def expire(now_ns: int) -> int:
    """Ends wishes that no bed answered in time; returns how many."""
    expired = Pull.filter(state=PullState.asked.value, expires_at_ns__lte=now_ns)
    return await expired.update(state=PullState.expired.value, reason="The bed did not answer in time.")


async def claim_due(now_ns: int) -> list[tuple[Address, PullRequest]]:
    """Wishes to send now: of beds that are connected, never sent or half a minute ago. Each ingester gets others."""
    async with in_transaction() as connection:
        rows = await connection.execute_query_dict(
            "UPDATE pull SET sent_at_ns = $1 WHERE pull_id IN (SELECT pull_id FROM pull JOIN bed_connection USING (site, bed)"
            " WHERE state = 'asked' AND online AND expires_at_ns > $1 AND sent_at_ns <= $2 ORDER BY asked_at_ns LIMIT $3"
            " FOR UPDATE OF pull SKIP LOCKED) RETURNING pull_id, site, bed, cause, start_utc_ns, end_utc_ns, expires_at_ns",
            [now_ns, now_ns - ASK_AGAIN_NS, SENT_A_TURN],
        )
    return [(_address(row), _request(row)) for row in rows]


def _address(row: dict[str, object]) -> Address:
    return Address(str(row["site"]), str(row["bed"]), Topic.pull)


def _request(row: dict[str, object]) -> PullRequest:
    return PullRequest(
        pull_id=UUID(str(row["pull_id"])),
        cause=EventCause(str(row["cause"])),
        start_utc_ns=int(str(row["start_utc_ns"])),
        end_utc_ns=int(str(row["end_utc_ns"])),
        expires_utc_ns=int(str(row["expires_at_ns"])),
    )


async def send_again(pull_id: UUID) -> None:
    """The broker did not take it: it is due at once."""
    await Pull.filter(pull_id=pull_id).update(sent_at_ns=0)
