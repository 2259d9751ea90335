"""Reads classifications, and what is to be classified, of the principal's sites."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from cloud.classify.tables import Classification
from cloud.clips.tables import Clip, ClipObject, Event, StoredObject
from cloud.database import Connection
from cloud.principal import Principal
from shared.frame import Stream


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


async def exists(principal: Principal, event_id: UUID, release: str, *, connection: Connection | None = None) -> bool:
    """Whether this release has classified the event."""
    rows = Classification.filter(event_id=event_id, release=release, **principal.site_filter())
    return await rows.using_db(connection).exists()


async def infrared_proxy(principal: Principal, event_id: UUID) -> tuple[Clip, ClipObject] | None:
    """The clip and its infrared proxy, None while its bytes are not stored."""
    scope = principal.site_filter()
    clip = await Clip.filter(event_id=event_id, **scope).first()
    proxy = await ClipObject.filter(event_id=event_id, stream=Stream.ir.value, **scope).first()
    if clip is None or proxy is None:
        return None
    stored = await StoredObject.filter(site=proxy.site, sha256=proxy.sha256).exists()
    return (clip, proxy) if stored else None


async def lock_event(connection: Connection, principal: Principal, event_id: UUID) -> bool:
    """Locks the event until the commit, so that of two workers one writes. Returns whether it exists."""
    rows = Event.filter(event_id=event_id, **principal.site_filter()).using_db(connection).select_for_update()
    return await rows.first() is not None
