"""Reads classifications of the principal's sites."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from cloud.classify.tables import Classification
from cloud.database import Connection
from cloud.principal import Principal


async def newest(
    principal: Principal, event_ids: Iterable[UUID], *, connection: Connection | None = None
) -> dict[UUID, Classification]:
    """The newest classification of each of these events, without its windows."""
    rows = (
        Classification.filter(event_id__in=list(event_ids), **principal.site_filter())
        .using_db(connection)
        .order_by("classified_utc_ns")
        .only("id", "event_id", "site", "release", "best", "probabilities", "simulated", "classified_utc_ns")
    )
    return {row.event_id: row for row in await rows}


async def windows_of(principal: Principal, event_id: UUID, release: str) -> list[dict[str, object]]:
    """The windows of one classification, in order of time; none when there is no such classification."""
    row = await Classification.filter(event_id=event_id, release=release, **principal.site_filter()).first()
    return row.windows if row else []


async def exists(principal: Principal, event_id: UUID, release: str) -> bool:
    """Whether this release has classified the event."""
    return await Classification.filter(event_id=event_id, release=release, **principal.site_filter()).exists()
