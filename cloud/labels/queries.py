"""Reads labels and annotations of the principal's sites."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from cloud.database import Connection
from cloud.labels.tables import AnnotationVersion, Label
from cloud.principal import Principal


async def newest(
    principal: Principal, event_ids: Iterable[UUID], *, connection: Connection | None = None
) -> dict[UUID, Label]:
    """The label that holds for each of these events; those without one, or whose readers all took theirs back, are left out."""
    found = await newest_versions(principal, event_ids, connection=connection)
    return {event_id: row for event_id, row in found.items() if row.readers > 0}


async def newest_versions(
    principal: Principal, event_ids: Iterable[UUID], *, connection: Connection | None = None
) -> dict[UUID, Label]:
    """The newest version of each of these events' labels, also where it says that there is none any more."""
    rows = Label.filter(event_id__in=list(event_ids), **principal.site_filter()).using_db(connection)
    return {row.event_id: row for row in await rows.order_by("version")}


async def newest_annotations(principal: Principal, event_id: UUID) -> list[AnnotationVersion]:
    """The newest annotation of each reader of an event, by reader."""
    rows = AnnotationVersion.filter(event_id=event_id, **principal.site_filter())
    names = await rows.order_by("annotator").distinct().values_list("annotator", flat=True)
    newest = [await rows.filter(annotator=name).order_by("-version").first() for name in names]
    return [row for row in newest if row is not None]


async def newest_annotation(
    connection: Connection, principal: Principal, event_id: UUID, annotator: str
) -> AnnotationVersion | None:
    """The newest annotation of one reader."""
    rows = AnnotationVersion.filter(event_id=event_id, annotator=annotator, **principal.site_filter())
    return await rows.using_db(connection).order_by("-version").first()


async def annotation_history(principal: Principal, event_id: UUID, annotator: str) -> list[AnnotationVersion]:
    """One reader's versions without their bodies, the newest first, at most 200."""
    rows = AnnotationVersion.filter(event_id=event_id, annotator=annotator, **principal.site_filter())
    fields = ("id", "event_id", "site", "annotator", "version", "suggestion_shown", "saved_utc_ns")
    return await rows.order_by("-version").limit(200).only(*fields)


async def annotation_version(
    principal: Principal, event_id: UUID, annotator: str, number: int
) -> AnnotationVersion | None:
    """One version of one reader."""
    rows = AnnotationVersion.filter(event_id=event_id, annotator=annotator, version=number, **principal.site_filter())
    return await rows.first()
