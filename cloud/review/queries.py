"""Every query of review: the worklist's page, one event with its surroundings. Nothing beyond the principal's sites is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import cloud.classify.queries
import cloud.labels.queries
import cloud.stays.queries
from cloud.classify.tables import Classification
from cloud.clips.tables import Clip, ClipObject, Event, StoredObject
from cloud.database import Connection
from cloud.labels.tables import Label
from cloud.principal import Principal
from cloud.review import reading, worklist
from cloud.review.rules import WITHDRAWN, Reading, Standing, reading_of
from cloud.review.tables import Claim, Review, ReviewTask
from cloud.review.worklist import Filters, Place
from shared.clip import ClipManifest
from shared.frame import Stream
from shared.review import Verdict

CLIP_WITHOUT_MANIFEST = (
    "event_id", "site", "bytes_wanted", "bytes_stored", "proxies_stored_at_ns", "stored_at_ns", "segments_wanted",
    "segments_stored",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """One event and what is known of it; `mine` is the principal's own newest verdict.

    Read blind, it has no suggestion and no label; what event and task say of the detector's opinion is not to be told either.
    """

    task: ReviewTask
    event: Event
    clip: Clip | None
    suggestion: Classification | None
    mine: Review | None
    label: Label | None
    patient_code: str | None
    claim: Claim | None
    reading: Reading = Reading.open


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
    """One page of the worklist, how many there are in all up to a limit, and where the next page begins."""

    items: list[Found]
    total: int
    open: int
    next: Place | None


async def page(principal: Principal, wanted: Filters, after: Place | None, limit: int) -> Page:
    """The tasks of one page, the most urgent first."""
    blind = await reading.blind_sites(principal)
    reading.must_not_filter_by_kind(wanted.motor_type, blind)
    wanted = replace(wanted, oldest_first=bool(blind))
    tasks = await worklist.tasks(principal, wanted, after, limit + 1)
    shown = tasks[:limit]
    further = worklist.place_of(shown[-1], wanted) if len(tasks) > limit else None
    total, waiting = await worklist.counts(principal, wanted)
    return Page(await _surroundings(principal, shown), total, waiting, further)


async def of_stays(principal: Principal, stay_ids: Sequence[UUID], limit: int) -> list[Found]:
    """The newest events of these stays."""
    rows = Event.filter(stay_id__in=list(stay_ids), **principal.site_filter()).order_by("-start_utc_ns").limit(limit)
    ids = await rows.values_list("event_id", flat=True)
    tasks = ReviewTask.filter(event_id__in=ids, **principal.site_filter())
    return await _surroundings(principal, await tasks.order_by("-start_utc_ns"))


async def _surroundings(principal: Principal, tasks: Sequence[ReviewTask]) -> list[Found]:
    ids = [task.event_id for task in tasks]
    scope = principal.site_filter()
    events = {row.event_id: row for row in await Event.filter(event_id__in=ids, **scope)}
    clips = {row.event_id: row for row in await Clip.filter(event_id__in=ids, **scope).only(*CLIP_WITHOUT_MANIFEST)}
    suggestions = await cloud.classify.queries.newest(principal, ids)
    labels = await cloud.labels.queries.newest(principal, ids)
    own = await Review.filter(event_id__in=ids, reviewer=principal.name, **scope).order_by("version")
    mine = {row.event_id: row for row in own}
    first = {row.event_id: row for row in reversed(own)}
    blind = await reading.blind_sites(principal)
    claims = {row.event_id: row for row in await Claim.filter(event_id__in=ids, **scope)}
    codes = await cloud.stays.queries.codes(principal, {row.stay_id for row in events.values() if row.stay_id})
    found = []
    for task in tasks:
        event, judged = events.get(task.event_id), first.get(task.event_id)
        if event is None:
            continue
        how = reading_of(
            blind_site=task.site in blind,
            verdicts_given=int(judged is not None),
            first_saw_suggestion=judged is not None and judged.suggestion_shown,
        )
        row = Found(
            task,
            event,
            clips.get(task.event_id),
            suggestions.get(task.event_id),
            mine.get(task.event_id),
            labels.get(task.event_id),
            codes.get(event.stay_id) if event.stay_id else None,
            claims.get(task.event_id),
            how,
        )
        found.append(replace(row, suggestion=None, label=None) if how is Reading.blind else row)
    return found


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
    reviews = [] if found.reading is Reading.blind else await newest_reviews(principal, event_id)
    return FoundDetail(
        found,
        ClipManifest.model_validate(clip.manifest) if clip else None,
        frozenset(await watchable_streams(principal, event_id)),
        windows,
        [row for row in reviews if row.verdict != WITHDRAWN],
    )


async def watchable_streams(principal: Principal, event_id: UUID) -> dict[Stream, ClipObject]:
    """The proxies of the clip whose bytes the store holds."""
    scope = principal.site_filter()
    rows = await ClipObject.filter(event_id=event_id, stream__isnull=False, **scope)
    hashes = [row.sha256 for row in rows]
    stored = await StoredObject.filter(sha256__in=hashes, **scope).values_list("site", "sha256")
    return {Stream(row.stream): row for row in rows if row.stream and (row.site, row.sha256) in set(stored)}


async def newest_reviews(principal: Principal, event_id: UUID, *, connection: Connection | None = None) -> list[Review]:
    """The newest verdict of each reader, also of those who took theirs back, the first reader first."""
    rows = Review.filter(event_id=event_id, **principal.site_filter()).using_db(connection).order_by("version", "id")
    standing = {row.reviewer: row for row in await rows}
    return sorted(standing.values(), key=lambda row: (row.reviewed_utc_ns, row.reviewer))


def standing_of(row: Review) -> Standing:
    """The row as the rule on labels reads it."""
    return Standing(row.reviewer, Verdict(row.verdict), row.reviewed_utc_ns, row.suggestion_shown)


async def locked_tasks(
    connection: Connection, principal: Principal, event_ids: Sequence[UUID]
) -> dict[UUID, ReviewTask]:
    """These tasks, locked until the commit in one order for all; what is absent or not the principal's is left out."""
    rows = ReviewTask.filter(event_id__in=list(event_ids), **principal.site_filter())
    locked = await rows.using_db(connection).order_by("event_id").select_for_update()
    return {row.event_id: row for row in locked}
