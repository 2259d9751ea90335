"""Reads stays, their reference seizures and the events of their bed, of the principal's sites."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from cloud.clips.tables import Event
from cloud.principal import Principal
from cloud.references.tables import ReferenceList, ReferenceSeizure
from cloud.stays.tables import Stay


async def stays(principal: Principal, limit: int) -> list[Stay]:
    """The newest stays, those that last first."""
    rows = Stay.filter(**principal.site_filter())
    return await rows.order_by("-holds_bed", "-admitted_utc_ns").limit(limit)


async def counts(principal: Principal, stay_ids: list[UUID]) -> dict[UUID, int]:
    """How many reference seizures each of these stays has."""
    rows = ReferenceList.filter(stay_id__in=stay_ids, **principal.site_filter())
    found: dict[UUID, int] = {}
    for stay_id, seizures in await rows.values_list("stay_id", "seizures"):
        found[stay_id] = found.get(stay_id, 0) + int(seizures)
    return found


async def stay(principal: Principal, stay_id: UUID) -> Stay | None:
    """One stay; None when it is absent or not the principal's."""
    return await Stay.filter(stay_id=stay_id, **principal.site_filter()).get_or_none()


async def lists(principal: Principal, stay_id: UUID) -> list[ReferenceList]:
    """The files imported for a stay, the newest first."""
    rows = ReferenceList.filter(stay_id=stay_id, **principal.site_filter())
    return await rows.order_by("-imported_at_ns")


async def seizures(principal: Principal, stay_id: UUID) -> list[ReferenceSeizure]:
    """The reference seizures of a stay, in the order of time."""
    rows = ReferenceSeizure.filter(stay_id=stay_id, **principal.site_filter())
    return await rows.order_by("start_utc_ns", "line")


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """What matters of an event here. For a pull the asked span, for others what was detected or pressed."""

    event_id: UUID
    start_utc_ns: int
    end_utc_ns: int
    cause: str


async def events(principal: Principal, site: str, bed: str, within: tuple[int, int]) -> list[TimedEvent]:
    """The events of a bed that touch a span of UTC."""
    rows = Event.filter(
        site=site, bed=bed, start_utc_ns__lt=within[1], end_utc_ns__gt=within[0], **principal.site_filter()
    )
    found = await rows.order_by("start_utc_ns").values_list("event_id", "start_utc_ns", "end_utc_ns", "cause")
    return [TimedEvent(event_id, int(start), int(end), str(cause)) for event_id, start, end, cause in found]
