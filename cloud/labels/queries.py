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
    """The label that holds for each of these events; events without one are left out."""
    rows = Label.filter(event_id__in=list(event_ids), **principal.site_filter()).using_db(connection)
    return {row.event_id: row for row in await rows.order_by("version")}
