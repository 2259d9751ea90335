"""Reads events, clips and objects of the principal's sites."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from cloud.clips.rules import PROXY, REOPENED, WantedObject
from cloud.clips.tables import Clip, ClipObject, Event, ReceivedChunk, StoredObject
from cloud.database import Connection
from cloud.principal import Principal


async def event(principal: Principal, event_id: UUID) -> Event | None:
    """One event, None when there is none or the principal may not see its site."""
    return await Event.filter(event_id=event_id, **principal.site_filter()).get_or_none()


async def clip(principal: Principal, event_id: UUID) -> Clip | None:
    """The clip of one event, None when no manifest came yet or the principal may not see its site."""
    return await Clip.filter(event_id=event_id, **principal.site_filter()).get_or_none()


async def locked_event(connection: Connection, principal: Principal, event_id: UUID) -> Event | None:
    """The event with its row locked until the transaction ends: all that changes its clip holds this lock."""
    rows = Event.filter(event_id=event_id, **principal.site_filter()).using_db(connection)
    return await rows.select_for_update().get_or_none()


async def wanted_objects(connection: Connection, event_id: UUID) -> list[WantedObject]:
    """What the clip's manifest names, in the order in which it is wanted."""
    rows = await ClipObject.filter(event_id=event_id).using_db(connection).order_by("position")
    return [WantedObject(row.sha256, row.size_bytes, row.kind, row.stream) for row in rows]


async def stored_of(connection: Connection, site: str, hashes: Sequence[str]) -> set[str]:
    """Which of these objects the site's store holds."""
    rows = StoredObject.filter(site=site, sha256__in=list(hashes)).using_db(connection)
    return {str(found) for found in await rows.values_list("sha256", flat=True)}


async def is_stored(site: str, sha256: str) -> bool:
    """Whether the site's store holds this object."""
    return await StoredObject.filter(site=site, sha256=sha256).exists()


async def kept_chunk(owner: tuple[str, str], sha256: str, number: int) -> str | None:
    """The hash of one chunk that came from this bed, None while it did not."""
    row = await ReceivedChunk.get_or_none(site=owner[0], bed=owner[1], sha256=sha256, number=number)
    return None if row is None else row.chunk_sha256


async def chunks_of(connection: Connection, owner: tuple[str, str], hashes: Sequence[str]) -> dict[str, dict[int, str]]:
    """Which chunks of these objects came from this bed: hash of the object to {number: hash of the chunk}."""
    found: dict[str, dict[int, str]] = {}
    site, bed = owner
    for row in await ReceivedChunk.filter(site=site, bed=bed, sha256__in=list(hashes)).using_db(connection):
        found.setdefault(row.sha256, {})[row.number] = row.chunk_sha256
    return found


async def open_clips(connection: Connection, site: str, bed: str) -> int:
    """How many clips of this bed are not stored yet."""
    return await Clip.filter(site=site, bed=bed, stored_at_ns__isnull=True).using_db(connection).count()


async def wanted_again(site: str, bed: str, limit: int) -> list[UUID]:
    """Clips of this bed whose raw segments are wanted after they were released, oldest first."""
    rows = Clip.filter(site=site, bed=bed, stored_at_ns__isnull=True, raw_decision=REOPENED)
    return [
        UUID(str(found)) for found in await rows.order_by("event_id").limit(limit).values_list("event_id", flat=True)
    ]


async def is_named(site: str, bed: str, sha256: str, size_bytes: int) -> bool:
    """Whether a manifest of this very bed names this object with this size."""
    return await ClipObject.filter(site=site, bed=bed, sha256=sha256, size_bytes=size_bytes).exists()


async def is_named_by_any(sha256: str) -> bool:
    """Whether a manifest of any bed names this object: for the audit alone, never for an answer."""
    return await ClipObject.filter(sha256=sha256).exists()


async def clips_naming(connection: Connection, site: str, sha256: str) -> list[ClipObject]:
    """The links of all clips of the site that name this object, by event: the order in which rows are locked."""
    return await ClipObject.filter(site=site, sha256=sha256).using_db(connection).order_by("event_id")


async def proxy_object(principal: Principal, event_id: UUID, stream: str) -> ClipObject | None:
    """The stored proxy of one stream of an event, None while it is not stored or not to be seen."""
    links = ClipObject.filter(event_id=event_id, stream=stream, kind=PROXY, **principal.site_filter())
    link = await links.get_or_none()
    if link is None or not await StoredObject.filter(site=link.site, sha256=link.sha256).exists():
        return None
    return link
