"""Reads the beds of the principal's sites: which there are, their connections, heartbeats and desired states."""

from __future__ import annotations

from cloud.database import Connection
from cloud.devices.tables import Bed, BedConnection, BedHeartbeat, DesiredRow
from cloud.principal import Principal
from shared.command import DesiredState
from shared.heartbeat import Heartbeat


async def beds(principal: Principal) -> list[Bed]:
    """All beds of the principal's sites, by site and name."""
    return await Bed.filter(**principal.site_filter()).order_by("site", "name")


async def bed(principal: Principal, site: str, name: str) -> Bed | None:
    """One bed, None when there is none or the principal may not see its site."""
    return await Bed.get_or_none(site=site, name=name) if principal.sees(site) else None


async def connections(principal: Principal) -> dict[tuple[str, str], BedConnection]:
    """The newest birth or will of each bed, by (site, bed)."""
    rows = await BedConnection.filter(**principal.site_filter())
    return {(row.site, row.bed): row for row in rows}


async def heartbeats(principal: Principal) -> dict[tuple[str, str], tuple[Heartbeat, int]]:
    """The newest heartbeat of each bed with the UTC ns of its arrival, by (site, bed)."""
    rows = await BedHeartbeat.filter(**principal.site_filter())
    return {(row.site, row.bed): (_heartbeat(row.body), row.received_at_ns) for row in rows}


def _heartbeat(body: dict[str, object]) -> Heartbeat:
    return Heartbeat.model_validate(body)


async def desired(
    principal: Principal, site: str, bed: str, *, connection: Connection | None = None
) -> DesiredState | None:
    """What the cloud wants of the bed, None when it never said anything."""
    if not principal.sees(site):
        return None
    row = await DesiredRow.filter(site=site, bed=bed).using_db(connection).get_or_none()
    return None if row is None else DesiredState.model_validate(row.body)


async def desired_states(principal: Principal) -> dict[tuple[str, str], DesiredState]:
    """What the cloud wants of each bed, by (site, bed)."""
    rows = await DesiredRow.filter(**principal.site_filter())
    return {(row.site, row.bed): DesiredState.model_validate(row.body) for row in rows}


async def unpublished(principal: Principal) -> list[DesiredRow]:
    """Desired states of which the broker has an older version or none, for a principal of all sites."""
    if not principal.sees_all_sites:
        return []
    return list(await DesiredRow.raw("SELECT * FROM desired WHERE version > published_version ORDER BY id LIMIT 1000"))


async def all_desired(principal: Principal) -> list[DesiredRow]:
    """The desired states of all beds, for a broker that may have forgotten them."""
    return await DesiredRow.filter(**principal.site_filter()).order_by("id")
