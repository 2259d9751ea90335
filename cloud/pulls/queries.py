"""Reads the wishes of the principal's sites, and what is here of their parts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from cloud.clips.tables import Clip, Event
from cloud.database import Connection
from cloud.principal import Principal
from cloud.pulls.rules import Arrived, PullState
from cloud.pulls.tables import Pull
from cloud.review.rules import stored_share


async def newest(principal: Principal, site: str | None, bed: str | None, limit: int) -> list[Pull]:
    """The newest wishes, of one bed where it is named."""
    rows = Pull.filter(**principal.site_filter())
    if site is not None:
        rows = rows.filter(site=site)
    if bed is not None:
        rows = rows.filter(bed=bed)
    return await rows.order_by("-asked_at_ns", "pull_id").limit(limit)


async def one(principal: Principal, pull_id: UUID) -> Pull | None:
    """One wish; None when it is absent or not the principal's."""
    return await Pull.filter(pull_id=pull_id, **principal.site_filter()).get_or_none()


async def waiting(connection: Connection, site: str, bed: str) -> int:
    """How many wishes wait for this bed's answer."""
    return await Pull.filter(site=site, bed=bed, state=PullState.asked.value).using_db(connection).count()


async def mark_since(connection: Connection, site: str, bed: str, asked_at_ns: int) -> Pull | None:
    """The newest press of the bed's button on the web since then."""
    rows = Pull.filter(site=site, bed=bed, cause="button", asked_at_ns__gte=asked_at_ns).using_db(connection)
    return await rows.order_by("-asked_at_ns").first()


async def of_references(principal: Principal, references: Collection[UUID]) -> dict[UUID, Pull]:
    """The newest wish for each of these reference seizures."""
    rows = Pull.filter(reference_id__in=list(references), **principal.site_filter()).order_by("asked_at_ns")
    return {row.reference_id: row for row in await rows if row.reference_id is not None}


def events_of(row: Pull) -> list[UUID]:
    """The events that the bed made of it."""
    return [UUID(str(part["event_id"])) for part in row.parts or []]


async def arrived(principal: Principal, pulls: Sequence[Pull]) -> dict[UUID, Arrived]:
    """What is here of each event that these wishes name."""
    ids = [event_id for row in pulls for event_id in events_of(row)]
    scope = principal.site_filter()
    known = {
        UUID(str(each)) for each in await Event.filter(event_id__in=ids, **scope).values_list("event_id", flat=True)
    }
    clips = {
        row.event_id: row
        for row in await Clip.filter(event_id__in=ids, **scope).only(
            "event_id", "proxies_stored_at_ns", "stored_at_ns", "bytes_stored", "bytes_wanted"
        )
    }
    found = {}
    for event_id in ids:
        clip = clips.get(event_id)
        watchable = clip is not None and clip.proxies_stored_at_ns is not None
        stored = clip is not None and clip.stored_at_ns is not None
        share = stored_share(clip.bytes_stored, clip.bytes_wanted) if clip is not None else 0.0
        found[event_id] = Arrived(event_id in known, watchable, stored, share)
    return found
