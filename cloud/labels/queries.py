"""Reads labels of the principal's sites."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from cloud.database import Connection
from cloud.labels.tables import Label
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
