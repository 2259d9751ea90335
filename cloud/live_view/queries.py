"""Reads views of the principal's sites; of its own, where only the viewer may ask."""

from __future__ import annotations

from uuid import UUID

from cloud.database import Connection
from cloud.live_view.rules import OPEN
from cloud.live_view.tables import LiveView
from cloud.principal import Principal


async def own(principal: Principal, view_id: UUID, connection: Connection | None = None) -> LiveView | None:
    """One of the person's own views; None when it is absent or another's. With a connection the row is locked."""
    rows = LiveView.filter(view_id=view_id, viewer=principal.name, **principal.site_filter())
    if connection is not None:
        rows = rows.using_db(connection).select_for_update()
    return await rows.get_or_none()


async def open_of(principal: Principal, connection: Connection) -> int:
    """How many views this person has under way."""
    states = [state.value for state in OPEN]
    return await LiveView.filter(viewer=principal.name, state__in=states).using_db(connection).count()


async def watching(principal: Principal, site: str, bed: str) -> list[LiveView]:
    """The open views of a bed, the oldest first."""
    states = [state.value for state in OPEN]
    rows = LiveView.filter(site=site, bed=bed, state__in=states, **principal.site_filter())
    return await rows.order_by("asked_at_ns")
