"""Reads stays and beds of the principal's sites."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from tortoise.expressions import Q

import cloud.devices.queries
from cloud.database import Connection, in_transaction
from cloud.devices.tables import BedConnection
from cloud.principal import Principal
from cloud.stays.tables import Stay, StayCorrection
from shared.command import DesiredState
from shared.heartbeat import Heartbeat


async def present(principal: Principal) -> dict[tuple[str, str], Stay]:
    """Who stays now, by (site, bed)."""
    rows = await Stay.filter(holds_bed__isnull=False, **principal.site_filter())
    return {(row.site, row.bed): row for row in rows}


async def present_in(principal: Principal, site: str, bed: str, *, connection: Connection | None = None) -> Stay | None:
    """The stay that lasts in one bed now; locked until the commit when a connection is given."""
    rows = Stay.filter(site=site, bed=bed, holds_bed__isnull=False, **principal.site_filter())
    if connection is not None:
        rows = rows.using_db(connection).select_for_update()
    return await rows.first()


async def codes(principal: Principal, stay_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The patient codes of these stays."""
    rows = await Stay.filter(stay_id__in=list(stay_ids), **principal.site_filter()).values_list(
        "stay_id", "patient_code"
    )
    return {stay_id: str(code) for stay_id, code in rows}


async def present_patient(connection: Connection, principal: Principal, site: str, code: str) -> Stay | None:
    """The stay that lasts under this code now."""
    rows = Stay.filter(site=site, patient_code=code, holds_patient__isnull=False, **principal.site_filter())
    return await rows.using_db(connection).first()


async def code_was_used(connection: Connection, site: str, code: str) -> bool:
    """Whether the site ever gave this code to a patient."""
    return await Stay.filter(site=site, patient_code=code).using_db(connection).exists()


@dataclass(frozen=True, slots=True)
class BedFacts:
    """One bed, the last that it said, what the cloud wants of it and who stays there; what nobody said is None.

    `last_event`: id and start, in ns of UTC, of the newest event.
    """

    site: str
    bed: str
    connection: BedConnection | None
    heartbeat: Heartbeat | None
    seen_utc_ns: int | None
    desired: DesiredState | None
    stay: Stay | None
    last_event: tuple[UUID, int] | None = None


async def beds(principal: Principal) -> list[BedFacts]:
    """All beds of the principal's sites, by site and name."""
    known = await cloud.devices.queries.beds(principal)
    connections = await cloud.devices.queries.connections(principal)
    heartbeats = await cloud.devices.queries.heartbeats(principal)
    desired = await cloud.devices.queries.desired_states(principal)
    stays = await present(principal)
    newest = await _newest_events(sorted({row.site for row in known}))
    found = []
    for row in known:
        key = (row.site, row.name)
        connection, (heartbeat, heard_ns) = connections.get(key), heartbeats.get(key, (None, None))
        times = [moment for moment in (heard_ns, connection.changed_at_ns if connection else None) if moment]
        seen = max(times, default=None)
        told = (row.site, row.name, connection, heartbeat, seen, desired.get(key), stays.get(key), newest.get(key))
        found.append(BedFacts(*told))
    return found


async def _newest_events(sites: list[str]) -> dict[tuple[str, str], tuple[UUID, int]]:
    """The newest event of each bed of these sites: one step along the events' index for each bed."""
    async with in_transaction() as connection:
        rows = await connection.execute_query_dict(
            "SELECT bed.site, bed.name, last.event_id, last.start_utc_ns FROM bed CROSS JOIN LATERAL"
            " (SELECT event_id, start_utc_ns FROM event WHERE event.site = bed.site AND event.bed = bed.name"
            " ORDER BY start_utc_ns DESC LIMIT 1) AS last WHERE bed.site = ANY($1::text[])",
            [sites],
        )
    return {(row["site"], row["name"]): (UUID(str(row["event_id"])), int(row["start_utc_ns"])) for row in rows}


async def stays_of_code(
    principal: Principal, site: str, code: str, *, connection: Connection | None = None
) -> list[Stay]:
    """All stays under a code of a site, the newest first."""
    if not principal.sees(site):
        return []
    return await Stay.filter(site=site, patient_code=code).using_db(connection).order_by("-admitted_utc_ns")


async def linked_stays(connection: Connection, principal: Principal, stay_id: UUID) -> list[Stay]:
    """A stay with those that it was transferred from and to, locked until the commit; none when it is not the principal's."""
    rows = await connection.execute_query_dict(
        "WITH RECURSIVE linked AS (SELECT * FROM stay WHERE stay_id = $1 UNION SELECT stay.* FROM stay JOIN linked"
        " ON stay.transferred_from = linked.stay_id OR linked.transferred_from = stay.stay_id) SELECT stay_id FROM linked",
        [str(stay_id)],
    )
    linked = Stay.filter(stay_id__in=[row["stay_id"] for row in rows], **principal.site_filter())
    return await linked.using_db(connection).order_by("admitted_utc_ns").select_for_update()


async def corrections(principal: Principal, site: str, stay_ids: Iterable[UUID], code: str) -> list[StayCorrection]:
    """What was corrected on these stays, or away from this code, the newest first."""
    if not principal.sees(site):
        return []
    rows = StayCorrection.filter(Q(stay_id__in=list(stay_ids)) | Q(from_code=code), site=site)
    return await rows.order_by("-id").limit(200)
