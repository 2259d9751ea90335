"""What happens to beds: they become known, they tell how they are, the cloud changes what it wants of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, Unpack
from uuid import UUID

from cloud import audit
from cloud.database import Connection
from cloud.devices.tables import Bed, BedHeartbeat, DesiredRow
from cloud.principal import Principal
from shared.command import DesiredState
from shared.heartbeat import BedState, Heartbeat


class DesiredChanges(TypedDict, total=False):
    """The fields of a desired state that a caller may change; those left out stay as they are."""

    stay_id: UUID | None
    paused: bool
    record_unassigned: bool
    release: str | None
    order: dict[str, Any]


async def ensure_bed(connection: Connection, site: str, bed: str) -> bool:
    """Makes the bed known. Returns whether it was new."""
    rows = await connection.execute_query_dict(
        "INSERT INTO bed (site, name, known_since_ns) VALUES ($1, $2, $3) ON CONFLICT (site, name) DO NOTHING"
        " RETURNING id",
        [site, bed, time.time_ns()],
    )
    return bool(rows)


async def ensure_beds(connection: Connection, beds: Iterable[tuple[str, str]]) -> None:
    """Makes all these beds (site, name) known."""
    wanted = sorted(set(beds))
    await connection.execute_query(
        "INSERT INTO bed (site, name, known_since_ns) SELECT site, name, $3 FROM unnest($1::text[], $2::text[]) AS new (site, name)"
        " WHERE NOT EXISTS (SELECT 1 FROM bed WHERE bed.site = new.site AND bed.name = new.name)"
        " ON CONFLICT (site, name) DO NOTHING",
        [[site for site, _ in wanted], [name for _, name in wanted], time.time_ns()],
    )


async def set_desired(
    connection: Connection, principal: Principal, site: str, bed: str, **changes: Unpack[DesiredChanges]
) -> DesiredState:
    """Changes what the cloud wants of a bed in the caller's transaction; the version grows by one, the ingester publishes it.

    Raises Refused, in words of absence, when the bed is not one of the principal's sites.
    """
    principal.must_see(site)
    row = await _locked_row(connection, site, bed)
    body: dict[str, Any] = {**row.body, **changes, "version": row.version + 1, "issued_utc_ns": time.time_ns()}
    state = DesiredState.model_validate(body)
    await (
        DesiredRow.filter(id=row.id)
        .using_db(connection)
        .update(version=state.version, body=state.model_dump(mode="json"))
    )
    told = {key: None if value is None else str(value) for key, value in changes.items() if key != "order"}
    await audit.record(connection, principal, "desired_changed", site=site, subject=f"{site}.{bed}", details={**told})
    return state


async def _locked_row(connection: Connection, site: str, bed: str) -> DesiredRow:
    first = DesiredState(
        version=0, stay_id=None, paused=False, record_unassigned=True, release=None, issued_utc_ns=time.time_ns()
    )
    await connection.execute_query(
        "INSERT INTO desired (site, bed, version, body, published_version) VALUES ($1, $2, 0, $3::jsonb, 0)"
        " ON CONFLICT (site, bed) DO NOTHING",
        [site, bed, first.model_dump_json()],
    )
    return await DesiredRow.filter(site=site, bed=bed).using_db(connection).select_for_update().get()


async def mark_published(row: DesiredRow) -> None:
    """Notes that the broker has this version; a newer one that came meanwhile stays unpublished."""
    await DesiredRow.filter(id=row.id, published_version__lt=row.version).update(published_version=row.version)


async def note_state(connection: Connection, site: str, bed: str, state: BedState) -> bool:
    """Keeps a birth or a will. Returns False, and keeps nothing, for a will of an older session."""
    rows = await connection.execute_query_dict(
        "INSERT INTO bed_connection (site, bed, online, session, version, changed_at_ns) VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (site, bed) DO UPDATE SET online = excluded.online, session = excluded.session,"
        " version = excluded.version, changed_at_ns = excluded.changed_at_ns"
        " WHERE excluded.online OR excluded.session >= bed_connection.session RETURNING id",
        [site, bed, state.online, state.session, state.version, time.time_ns()],
    )
    return bool(rows)


async def note_heartbeat(connection: Connection, site: str, bed: str, heartbeat: Heartbeat) -> None:
    """Keeps the newest heartbeat; one that is older in the same boot changes nothing."""
    await note_heartbeats(connection, {(site, bed): heartbeat})


async def note_heartbeats(connection: Connection, heartbeats: Mapping[tuple[str, str], Heartbeat]) -> None:
    """The same for several beds (site, name) at once."""
    beds = sorted(heartbeats)
    columns = [
        [site for site, _ in beds],
        [bed for _, bed in beds],
        [heartbeats[bed].model_dump_json() for bed in beds],
    ]
    await connection.execute_query(
        "INSERT INTO bed_heartbeat (site, bed, body, received_at_ns)"
        " SELECT site, bed, body::jsonb, $4 FROM unnest($1::text[], $2::text[], $3::text[]) AS new (site, bed, body)"
        " ON CONFLICT (site, bed) DO UPDATE SET body = excluded.body, received_at_ns = excluded.received_at_ns"
        " WHERE bed_heartbeat.body->>'boot_id' <> excluded.body->>'boot_id'"
        " OR (bed_heartbeat.body->>'mono_ns')::bigint <= (excluded.body->>'mono_ns')::bigint",
        [*columns, time.time_ns()],
    )


__all__ = [
    "Bed",
    "BedHeartbeat",
    "DesiredChanges",
    "ensure_bed",
    "ensure_beds",
    "mark_published",
    "note_heartbeat",
    "note_heartbeats",
    "note_state",
    "set_desired",
]
