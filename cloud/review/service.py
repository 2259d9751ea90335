"""What happens in review: a task opens with its event, its rank follows what is known, a clinician looks."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import cloud.classify.queries
from cloud import audit
from cloud.accounts.rules import ABSOLUTE_END_NS
from cloud.accounts.service import SignedIn, refuse
from cloud.classify.tables import Classification
from cloud.clips.tables import ClipObject, Event
from cloud.database import Connection, in_transaction
from cloud.objects import Objects, object_key
from cloud.principal import Principal
from cloud.problems import HttpProblem
from cloud.review import queries
from cloud.review.queries import FoundDetail, Page
from cloud.review.rules import ByteSpan, Rank, byte_span, rank_of, urgency_of
from cloud.review.tables import ClipView, ReviewTask
from cloud.review.worklist import Filters, Place
from shared.errors import Broken
from shared.event import EventCause
from shared.frame import Stream


@dataclass(frozen=True, slots=True)
class Media:
    """A part of a video on its way: status 200 or 206, headers, and the bytes."""

    status: int
    headers: dict[str, str]
    body: AsyncIterator[bytes]


_INSERT = (
    "INSERT INTO review_task"
    " (event_id, site, bed, state, rank, rank_reason, urgency, motor_type, start_utc_ns, opened_utc_ns)"
    " VALUES ($1, $2, $3, 'open', $4, $5, $6, $7, $8, $9)"
)


async def open_task(connection: Connection, event_id: UUID, site: str) -> bool:
    """Opens the event's review task in the transaction that keeps the event, or ranks the task anew. Returns if it is new."""
    event = await Event.get(event_id=event_id, site=site, using_db=connection)
    rank = await _rank(connection, event)
    rows = await connection.execute_query_dict(
        f"{_INSERT} ON CONFLICT (event_id) DO NOTHING RETURNING event_id", _task_row(event, rank)
    )
    if not rows:
        await _keep_rank(connection, event, rank)
    return bool(rows)


async def open_tasks(connection: Connection, events: Sequence[Event]) -> None:
    """`open_task` for several events at once, given as they stand in the transaction; call it with them in a fixed order."""
    ids = [event.event_id for event in events]
    known = await cloud.classify.queries.newest(Principal.system("review"), ids, connection=connection)
    rows = [_task_row(event, _rank_with(event, known.get(event.event_id))) for event in events]
    await connection.execute_many(
        f"{_INSERT} ON CONFLICT (event_id) DO UPDATE SET rank = excluded.rank, rank_reason = excluded.rank_reason,"
        " urgency = excluded.urgency, motor_type = excluded.motor_type, start_utc_ns = excluded.start_utc_ns",
        rows,
    )


def _task_row(event: Event, rank: Rank) -> list[object]:
    urgency = urgency_of(rank.value, event.start_utc_ns)
    place = [str(event.event_id), event.site, event.bed]
    return [*place, rank.value, rank.reason, urgency, event.motor_type, event.start_utc_ns, time.time_ns()]


def _rank_with(event: Event, suggestion: Classification | None) -> Rank:
    probabilities = suggestion.probabilities if suggestion else None
    return rank_of(EventCause(event.cause), event.motor_type, event.peak_score, probabilities)


async def rank_again(connection: Connection, event_id: UUID, site: str) -> None:
    """Ranks the task anew after a classification came."""
    event = await Event.get(event_id=event_id, site=site, using_db=connection)
    await _keep_rank(connection, event, await _rank(connection, event))


async def _rank(connection: Connection, event: Event) -> Rank:
    system = Principal.system("review")
    suggestion = (await cloud.classify.queries.newest(system, [event.event_id], connection=connection)).get(
        event.event_id
    )
    return _rank_with(event, suggestion)


async def _keep_rank(connection: Connection, event: Event, rank: Rank) -> None:
    task = ReviewTask.filter(event_id=event.event_id).using_db(connection)
    await task.update(
        rank=rank.value,
        rank_reason=rank.reason,
        urgency=urgency_of(rank.value, event.start_utc_ns),
        motor_type=event.motor_type,
        start_utc_ns=event.start_utc_ns,
    )


async def worklist(principal: Principal, wanted: Filters, after: Place | None, limit: int) -> Page:
    """One page of the worklist."""
    return await queries.page(principal, wanted, after, limit)


async def event_detail(principal: Principal, event_id: UUID) -> FoundDetail:
    """One event for the review page. 404, audited, when it is absent or not the principal's."""
    found = await queries.detail(principal, event_id)
    return found if found is not None else await refuse(principal, str(event_id))


async def open_proxy(
    viewer: SignedIn, event_id: UUID, stream: Stream, range_header: str | None, objects: Objects, now_ns: int
) -> Media:
    """A stored proxy's bytes. 404, audited, when there is none for this person; 416 for a span beyond its end."""
    found = (await queries.watchable_streams(viewer.principal, event_id)).get(stream)
    if found is None:
        await refuse(viewer.principal, str(event_id))
    await note_view(viewer, found.event_id, found.site, now_ns)
    try:
        asked = byte_span(range_header, found.size_bytes)
    except ValueError as error:
        raise HttpProblem(416, f"The span lies beyond the end: {error}.") from error
    span = asked or ByteSpan(0, found.size_bytes)
    headers = {
        "accept-ranges": "bytes",
        "cache-control": "private, no-store",
        "content-length": str(span.end - span.start),
    }
    if asked:
        headers["content-range"] = f"bytes {span.start}-{span.end - 1}/{found.size_bytes}"
    return Media(206 if asked else 200, headers, await _begun(_parts(objects, found, span)))


async def _parts(objects: Objects, found: ClipObject, span: ByteSpan) -> AsyncIterator[bytes]:
    key = object_key(found.site, found.sha256)
    try:
        async for part in objects.read(key, span.start, span.end):
            yield part
    except FileNotFoundError as error:
        raise Broken("An object that its row calls stored is not in the store.", key=key) from error


async def _begun(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same parts, after the first was read: a store that is away is told before the answer's status is sent."""
    first = await anext(parts)

    async def all_parts() -> AsyncIterator[bytes]:
        yield first
        async for part in parts:
            yield part

    return all_parts()


async def note_view(viewer: SignedIn, event_id: UUID, site: str, now_ns: int) -> None:
    """Audits the first look of a session at an event."""
    async with in_transaction() as connection:
        rows = await connection.execute_query_dict(
            "INSERT INTO clip_view (event_id, site, session_sha256, viewed_utc_ns) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (event_id, session_sha256) DO NOTHING RETURNING id",
            [str(event_id), site, viewer.session, now_ns],
        )
        if rows:
            await ClipView.filter(viewed_utc_ns__lt=now_ns - ABSOLUTE_END_NS).using_db(connection).delete()
            await audit.record(connection, viewer.principal, "clip_viewed", site=site, subject=str(event_id))
