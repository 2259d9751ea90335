"""Every query of review: the worklist's page, one event with its surroundings. Nothing beyond the principal's sites is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from tortoise import Tortoise

import cloud.classify.queries
from cloud.classify.tables import Classification
from cloud.clips.tables import Clip, ClipObject, Event
from cloud.database import Connection, in_transaction
from cloud.labels.tables import Label
from cloud.principal import Principal
from cloud.review import reading, worklist
from cloud.review.rules import WITHDRAWN, Reading, Standing, reading_of
from cloud.review.surroundings import surroundings
from cloud.review.tables import Claim, Review, ReviewTask
from cloud.review.worklist import Filters, Place
from shared.clip import ClipManifest
from shared.frame import Stream
from shared.review import Verdict


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
    async with in_transaction() as connection:  # one connection is lent once for all that a page reads
        blind = await reading.blind_sites(principal, connection=connection)
        reading.must_not_filter_by_kind(wanted.motor_type, blind)
        wanted = replace(wanted, oldest_first=bool(blind))
        tasks = await worklist.tasks(connection, principal, wanted, after, limit + 1)
        shown = tasks[:limit]
        further = worklist.place_of(shown[-1], wanted) if len(tasks) > limit else None
        total, waiting = await worklist.counts(connection, principal, wanted)
        return Page(await _found(connection, principal, shown, blind), total, waiting, further)


async def of_stays(principal: Principal, stay_ids: Sequence[UUID], limit: int) -> list[Found]:
    """The newest events of these stays."""
    async with in_transaction() as connection:
        scope = principal.site_filter()
        rows = Event.filter(stay_id__in=list(stay_ids), **scope).using_db(connection)
        ids = await rows.order_by("-start_utc_ns").limit(limit).values_list("event_id", flat=True)
        tasks = ReviewTask.filter(event_id__in=ids, **scope).using_db(connection).order_by("-start_utc_ns")
        blind = await reading.blind_sites(principal, connection=connection)
        return await _found(connection, principal, await tasks, blind)


async def _found(
    connection: Connection, principal: Principal, tasks: Sequence[ReviewTask], blind: frozenset[str]
) -> list[Found]:
    around = await surroundings(connection, principal, [task.event_id for task in tasks])
    found = []
    for task in tasks:
        known = around.get(task.event_id)
        if known is None:
            continue
        how = reading_of(
            blind_site=task.site in blind,
            verdicts_given=int(known.mine is not None),
            first_saw_suggestion=bool(known.first_saw_suggestion),
        )
        hidden = how is Reading.blind
        found.append(
            Found(
                task,
                known.event,
                known.clip,
                None if hidden else known.suggestion,
                known.mine,
                None if hidden else known.label,
                known.patient_code,
                known.claim,
                how,
            )
        )
    return found


async def detail(principal: Principal, event_id: UUID) -> FoundDetail | None:
    """One event with all that the review page shows, None when it is absent or not the principal's."""
    scope = principal.site_filter()
    async with in_transaction() as connection:
        tasks = await ReviewTask.filter(event_id=event_id, **scope).using_db(connection)
        blind = await reading.blind_sites(principal, connection=connection)
        around = await _found(connection, principal, tasks, blind)
        if not around:
            return None
        found = around[0]
        clip = await Clip.filter(event_id=event_id, **scope).using_db(connection).first()
        suggestion = found.suggestion
        windows = await cloud.classify.queries.windows_of(principal, event_id, suggestion.release) if suggestion else []
        hidden = found.reading is Reading.blind
        reviews = [] if hidden else await newest_reviews(principal, event_id, connection=connection)
        watchable = frozenset(await watchable_streams(principal, event_id))
    return FoundDetail(
        found,
        ClipManifest.model_validate(clip.manifest) if clip else None,
        watchable,
        windows,
        [row for row in reviews if row.verdict != WITHDRAWN],
    )


async def watchable_streams(principal: Principal, event_id: UUID) -> dict[Stream, ClipObject]:
    """The proxies of the clip whose bytes the store holds."""
    rows = await Tortoise.get_connection("default").execute_query_dict(
        "SELECT object.* FROM clip_object AS object JOIN stored_object AS stored ON stored.site = object.site"
        " AND stored.sha256 = object.sha256 WHERE object.event_id = $1 AND object.stream IS NOT NULL",
        [str(event_id)],
    )
    return {Stream(row["stream"]): ClipObject(**row) for row in rows if principal.sees(row["site"])}


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
