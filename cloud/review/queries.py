"""Every query of review: the worklist's page, one event with its surroundings. Nothing beyond the principal's sites is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import cloud.classify.queries
import cloud.labels.queries
import cloud.stays.queries
from cloud.classify.tables import Classification
from cloud.clips.tables import Clip, ClipObject, Event, StoredObject
from cloud.database import Connection
from cloud.labels.tables import Label
from cloud.principal import Principal
from cloud.review.rules import Standing, TaskFilter, TaskState
from cloud.review.tables import Review, ReviewTask
from shared.clip import ClipManifest
from shared.frame import Stream
from shared.review import Verdict

CLIP_WITHOUT_MANIFEST = (
    "event_id", "site", "bytes_wanted", "bytes_stored", "proxies_stored_at_ns", "stored_at_ns", "segments_wanted",
    "segments_stored",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """One event and what is known of it; `mine` is the principal's own newest verdict."""

    task: ReviewTask
    event: Event
    clip: Clip | None
    suggestion: Classification | None
    mine: Review | None
    label: Label | None
    patient_code: str | None


@dataclass(frozen=True, slots=True)
class FoundDetail:
    """One event with its clip's manifest, the streams that can be watched, the suggestion's windows and all verdicts."""

    found: Found
    manifest: ClipManifest | None
    watchable: frozenset[Stream]
    windows: list[dict[str, object]]
    reviews: list[Review]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the worklist, and how many there are in all."""

    items: list[Found]
    total: int
    open: int


async def page(principal: Principal, state: TaskFilter, bed: str | None, limit: int, offset: int) -> Page:
    """The tasks of one page, the highest rank first, the newest first among equals."""
    seen = ReviewTask.filter(**principal.site_filter())
    if bed is not None:
        seen = seen.filter(bed=bed)
    wanted = seen if state is TaskFilter.all else seen.filter(state=state.value)
    tasks = await wanted.order_by("-rank", "-start_utc_ns", "event_id").limit(limit).offset(offset)
    waiting = await seen.filter(state=TaskState.open.value).count()
    total = waiting if state is TaskFilter.open else await wanted.count()
    return Page(await _surroundings(principal, tasks), total, waiting)


async def _surroundings(principal: Principal, tasks: Sequence[ReviewTask]) -> list[Found]:
    ids = [task.event_id for task in tasks]
    scope = principal.site_filter()
    events = {row.event_id: row for row in await Event.filter(event_id__in=ids, **scope)}
    clips = {row.event_id: row for row in await Clip.filter(event_id__in=ids, **scope).only(*CLIP_WITHOUT_MANIFEST)}
    suggestions = await cloud.classify.queries.newest(principal, ids)
    labels = await cloud.labels.queries.newest(principal, ids)
    own = Review.filter(event_id__in=ids, reviewer=principal.name, **scope).order_by("version")
    mine = {row.event_id: row for row in await own}
    codes = await cloud.stays.queries.codes(principal, {row.stay_id for row in events.values() if row.stay_id})
    return [
        Found(
            task,
            event,
            clips.get(task.event_id),
            suggestions.get(task.event_id),
            mine.get(task.event_id),
            labels.get(task.event_id),
            codes.get(event.stay_id) if event.stay_id else None,
        )
        for task in tasks
        if (event := events.get(task.event_id)) is not None
    ]


async def detail(principal: Principal, event_id: UUID) -> FoundDetail | None:
    """One event with all that the review page shows, None when it is absent or not the principal's."""
    scope = principal.site_filter()
    tasks = await ReviewTask.filter(event_id=event_id, **scope)
    surroundings = await _surroundings(principal, tasks)
    if not surroundings:
        return None
    found = surroundings[0]
    clip = await Clip.filter(event_id=event_id, **scope).first()
    suggestion = found.suggestion
    windows = await cloud.classify.queries.windows_of(principal, event_id, suggestion.release) if suggestion else []
    return FoundDetail(
        found,
        ClipManifest.model_validate(clip.manifest) if clip else None,
        frozenset(await watchable_streams(principal, event_id)),
        windows,
        await newest_reviews(principal, event_id),
    )


async def watchable_streams(principal: Principal, event_id: UUID) -> dict[Stream, ClipObject]:
    """The proxies of the clip whose bytes the store holds."""
    scope = principal.site_filter()
    rows = await ClipObject.filter(event_id=event_id, stream__isnull=False, **scope)
    hashes = [row.sha256 for row in rows]
    stored = await StoredObject.filter(sha256__in=hashes, **scope).values_list("site", "sha256")
    return {Stream(row.stream): row for row in rows if row.stream and (row.site, row.sha256) in set(stored)}


async def newest_reviews(principal: Principal, event_id: UUID, *, connection: Connection | None = None) -> list[Review]:
    """The standing verdict of each reader, the first reader first."""
    rows = Review.filter(event_id=event_id, **principal.site_filter()).using_db(connection).order_by("version", "id")
    standing = {row.reviewer: row for row in await rows}
    return sorted(standing.values(), key=lambda row: (row.reviewed_utc_ns, row.reviewer))


def standing_of(row: Review) -> Standing:
    """The row as the rule on labels reads it."""
    return Standing(row.reviewer, Verdict(row.verdict), row.reviewed_utc_ns)


async def locked_task(connection: Connection, principal: Principal, event_id: UUID) -> ReviewTask | None:
    """The task, locked until the commit; None when it is absent or not the principal's."""
    rows = ReviewTask.filter(event_id=event_id, **principal.site_filter()).using_db(connection).select_for_update()
    return await rows.first()
