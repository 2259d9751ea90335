"""What happens in review: a task opens with its event, its rank follows what is known, a clinician looks and gives a verdict."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

import cloud.classify.queries
import cloud.clips.service
import cloud.labels.service
from cloud import audit
from cloud.accounts.rules import ABSOLUTE_END_NS
from cloud.accounts.service import SignedIn, refuse
from cloud.clips.tables import ClipObject, Event
from cloud.database import Connection, in_transaction
from cloud.objects import Objects, object_key
from cloud.principal import Principal
from cloud.problems import HttpProblem
from cloud.review import queries
from cloud.review.queries import FoundDetail, Page
from cloud.review.rules import ByteSpan, Rank, TaskFilter, TaskState, byte_span, label_of, rank_of
from cloud.review.tables import ClipView, Review, ReviewTask
from shared.errors import Broken
from shared.event import EventCause
from shared.frame import Stream
from shared.review import Verdict

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """A verdict as somebody wants it kept."""

    event_id: UUID
    verdict: Verdict
    expected_version: int
    suggestion_shown: bool


@dataclass(frozen=True, slots=True)
class Given:
    """A verdict as it was kept, and the label that follows."""

    version: int
    label: Verdict | None


@dataclass(frozen=True, slots=True)
class Media:
    """A part of a video on its way: status 200 or 206, headers, and the bytes."""

    status: int
    headers: dict[str, str]
    body: AsyncIterator[bytes]


async def open_task(connection: Connection, event_id: UUID, site: str) -> bool:
    """Opens the event's review task in the transaction that keeps the event, or ranks the task anew. Returns if it is new."""
    event = await Event.get(event_id=event_id, site=site, using_db=connection)
    rank = await _rank(connection, event)
    rows = await connection.execute_query_dict(
        "INSERT INTO review_task (event_id, site, bed, state, rank, rank_reason, start_utc_ns, opened_utc_ns)"
        " VALUES ($1, $2, $3, 'open', $4, $5, $6, $7) ON CONFLICT (event_id) DO NOTHING RETURNING event_id",
        [str(event_id), site, event.bed, rank.value, rank.reason, event.start_utc_ns, time.time_ns()],
    )
    if not rows:
        await _keep_rank(connection, event, rank)
    return bool(rows)


async def open_tasks(connection: Connection, events: Sequence[Event]) -> None:
    """`open_task` for several events at once, given as they stand in the transaction; call it with them in a fixed order."""
    ids = [event.event_id for event in events]
    known = await cloud.classify.queries.newest(Principal.system("review"), ids, connection=connection)
    rows: list[list[object]] = []
    for event in events:
        suggestion = known.get(event.event_id)
        rank = rank_of(EventCause(event.cause), event.peak_score, suggestion.probabilities if suggestion else None)
        names = [str(event.event_id), event.site, event.bed]
        rows.append([*names, rank.value, rank.reason, event.start_utc_ns, time.time_ns()])
    await connection.execute_many(
        "INSERT INTO review_task (event_id, site, bed, state, rank, rank_reason, start_utc_ns, opened_utc_ns)"
        " VALUES ($1, $2, $3, 'open', $4, $5, $6, $7) ON CONFLICT (event_id) DO UPDATE SET rank = excluded.rank,"
        " rank_reason = excluded.rank_reason, start_utc_ns = excluded.start_utc_ns",
        rows,
    )


async def rank_again(connection: Connection, event_id: UUID, site: str) -> None:
    """Ranks the task anew after a classification came."""
    event = await Event.get(event_id=event_id, site=site, using_db=connection)
    await _keep_rank(connection, event, await _rank(connection, event))


async def _rank(connection: Connection, event: Event) -> Rank:
    system = Principal.system("review")
    suggestion = (await cloud.classify.queries.newest(system, [event.event_id], connection=connection)).get(
        event.event_id
    )
    return rank_of(EventCause(event.cause), event.peak_score, suggestion.probabilities if suggestion else None)


async def _keep_rank(connection: Connection, event: Event, rank: Rank) -> None:
    task = ReviewTask.filter(event_id=event.event_id).using_db(connection)
    await task.update(rank=rank.value, rank_reason=rank.reason, start_utc_ns=event.start_utc_ns)


async def worklist(principal: Principal, state: TaskFilter, bed: str | None, limit: int, offset: int) -> Page:
    """One page of the worklist."""
    return await queries.page(principal, state, bed, limit, offset)


async def event_detail(principal: Principal, event_id: UUID) -> FoundDetail:
    """One event for the review page. 404, audited, when it is absent or not the principal's."""
    found = await queries.detail(principal, event_id)
    return found if found is not None else await refuse(principal, str(event_id))


async def give_verdict(principal: Principal, wish: Wish, now_ns: int) -> Given:
    """Keeps a verdict and the label that follows, in one transaction. 404 when absent, 409 when the version is stale."""
    async with in_transaction() as connection:
        task = await queries.locked_task(connection, principal, wish.event_id)
        given = await _keep_verdict(connection, principal, task, wish, now_ns) if task else None
    if given is None:
        await refuse(principal, str(wish.event_id))
    _log.info("verdict_given", event_id=str(wish.event_id), verdict=wish.verdict.value, version=given.version)
    return given


async def _keep_verdict(
    connection: Connection, principal: Principal, task: ReviewTask, wish: Wish, now_ns: int
) -> Given:
    before = await queries.newest_reviews(principal, wish.event_id, connection=connection)
    current = max((row.version for row in before if row.reviewer == principal.name), default=0)
    if current != wish.expected_version:
        raise HttpProblem(409, f"Your verdict was changed meanwhile: version {current}.", current_version=current)
    review = await Review.create(
        using_db=connection,
        event_id=wish.event_id,
        site=task.site,
        reviewer=principal.name,
        version=current + 1,
        verdict=wish.verdict.value,
        suggestion_shown=wish.suggestion_shown,
        reviewed_utc_ns=now_ns,
    )
    others = [row for row in before if row.reviewer != principal.name]
    agreed = label_of([queries.standing_of(row) for row in (*others, review)])
    if agreed is not None:
        await cloud.labels.service.keep(
            connection, principal, task.site, wish.event_id, agreed.verdict, agreed.readers, now_ns
        )
        await cloud.clips.service.reopen_released(connection, wish.event_id, agreed.verdict)
    await (
        ReviewTask.filter(event_id=wish.event_id)
        .using_db(connection)
        .update(state=TaskState.reviewed.value, reviewed_utc_ns=now_ns)
    )
    facts = {"verdict": wish.verdict.value, "version": review.version, "suggestion_shown": wish.suggestion_shown}
    await audit.record(
        connection, principal, "verdict_given", site=task.site, subject=str(wish.event_id), details=facts
    )
    return Given(review.version, agreed.verdict if agreed else None)


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
