"""What happens to annotations: kept version by version, each reader's apart, with what was on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from tortoise.exceptions import IntegrityError

import cloud.stays.queries
from cloud import audit
from cloud.accounts.service import refuse
from cloud.clips.tables import Event
from cloud.database import in_transaction
from cloud.labels import queries
from cloud.labels.tables import AnnotationVersion
from cloud.principal import Principal
from cloud.problems import HttpProblem
from cloud.review import reading
from shared.annotation import Annotation, must_hold
from shared.comment_gate import doubtful
from shared.errors import Refused

MOST_VERSIONS = 5_000
"""Versions of one reader on one event; a page that saves itself each 2 s reaches it after hours of steady work."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An annotation as a reader wants it kept."""

    said: Annotation
    expected_version: int
    suggestion_shown: bool


@dataclass(frozen=True, slots=True)
class Exported:
    """An annotation and the patient code of its event's stay."""

    row: AnnotationVersion
    patient_code: str | None


async def all_of(principal: Principal, event_id: UUID) -> list[AnnotationVersion]:
    """The newest version of each reader; of an event that is read blind one's own alone. 404, audited, when it is absent."""
    event = await _event(principal, event_id)
    rows = await queries.newest_annotations(principal, event_id)
    blind = await reading.hidden(principal, {event_id: event.site})
    return [row for row in rows if row.annotator == principal.name or not blind]


async def shows_evidence(principal: Principal, event_id: UUID, site: str) -> bool:
    """Whether the evidence of the signs may be shown: not while the event is read blind."""
    return not await reading.hidden(principal, {event_id: site})


async def history(principal: Principal, event_id: UUID, annotator: str) -> list[AnnotationVersion]:
    """All versions of one reader without their bodies, the newest first. 404, audited; 409 for others' while read blind."""
    await _may_read(principal, await _event(principal, event_id), annotator)
    return await queries.annotation_history(principal, event_id, annotator)


async def version(principal: Principal, event_id: UUID, annotator: str, number: int) -> AnnotationVersion:
    """One version. 404, audited, when there is none; 409 for others' while read blind."""
    await _may_read(principal, await _event(principal, event_id), annotator)
    row = await queries.annotation_version(principal, event_id, annotator, number)
    return row if row is not None else await refuse(principal, str(event_id))


async def save(principal: Principal, event_id: UUID, draft: Draft, now_ns: int) -> AnnotationVersion:
    """Keeps the next version of one's own annotation. 404 when the event is absent, 409 when the version is stale.

    Raises Refused for what the vocabulary or the clip does not allow, and for a doubtful comment that was not checked.
    """
    event = await _event(principal, event_id)
    must_hold(draft.said, event.clip_end_mono_ns - event.clip_start_mono_ns)
    _must_be_checked(draft.said)
    try:
        async with in_transaction() as connection:
            before = await queries.newest_annotation(connection, principal, event_id, principal.name)
            current = before.version if before else 0
            _must_be_next(draft.expected_version, current)
            suggested = await reading.suggested(principal, {event_id: event.site}, connection=connection)
            row = await AnnotationVersion.create(
                using_db=connection,
                event_id=event_id,
                site=event.site,
                annotator=principal.name,
                version=current + 1,
                body=draft.said.model_dump(mode="json"),
                # a page can only have shown what it was given
                suggestion_shown=draft.suggestion_shown and event_id in suggested,
                saved_utc_ns=now_ns,
            )
            facts: dict[str, audit.Detail] = {"version": row.version, "suggestion_shown": row.suggestion_shown}
            await audit.record(
                connection, principal, "annotation_saved", site=event.site, subject=str(event_id), details=facts
            )
    except IntegrityError as error:  # another tab was quicker by a moment
        raise _stale(draft.expected_version + 1) from error
    return row


async def export(principal: Principal, event_id: UUID, annotator: str) -> Exported:
    """What an export is made of, audited. 404, audited, when the event or the annotation is absent; 409 while read blind."""
    event = await _event(principal, event_id)
    await _may_read(principal, event, annotator)
    async with in_transaction() as connection:
        row = await queries.newest_annotation(connection, principal, event_id, annotator)
        if row is not None:
            facts: dict[str, audit.Detail] = {"annotator": annotator, "version": row.version}
            await audit.record(
                connection, principal, "annotation_exported", site=event.site, subject=str(event_id), details=facts
            )
    if row is None:
        await refuse(principal, str(event_id))
    codes = await cloud.stays.queries.codes(principal, {event.stay_id} if event.stay_id else set())
    return Exported(row, codes.get(event.stay_id) if event.stay_id else None)


async def _event(principal: Principal, event_id: UUID) -> Event:
    event = await Event.filter(event_id=event_id, **principal.site_filter()).first()
    return event if event is not None else await refuse(principal, str(event_id))


async def _may_read(principal: Principal, event: Event, annotator: str) -> None:
    if annotator != principal.name:
        await reading.must_be_shown(principal, event.event_id, event.site)


def _must_be_next(expected: int, current: int) -> None:
    if expected != current:
        raise _stale(current)
    if current >= MOST_VERSIONS:
        raise Refused(f"An annotation has at most {MOST_VERSIONS} versions; this one is full.")


def _stale(current: int) -> HttpProblem:
    return HttpProblem(409, f"Your annotation was changed elsewhere: version {current}.", current_version=current)


def _must_be_checked(said: Annotation) -> None:
    if said.comment and not said.comment_checked and (found := doubtful(said.comment)):
        kinds = ", ".join(sorted({one.kind for one in found}))
        raise Refused(f"comment: it may identify a patient ({kinds}); check it first.")
