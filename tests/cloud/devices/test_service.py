"""What the cloud wants of a bed: versions that only grow, and only for one's own sites."""

from __future__ import annotations

import asyncio

import pytest

from cloud.audit.tables import AuditEntry
from cloud.database import in_transaction
from cloud.devices import queries
from cloud.devices.service import DesiredChanges, ensure_bed, mark_published, set_desired
from cloud.principal import Principal
from shared.command import DesiredState
from shared.errors import Refused
from shared.ids import uuid7
from tests.cloud.facts import UTC_NS

pytestmark = pytest.mark.usefixtures("database")
NURSE = Principal("nurse", "person", frozenset(), frozenset({"north"}))
SYSTEM = Principal.system("ingester")


async def wish(**changes: object) -> DesiredState:
    async with in_transaction() as connection:
        return await set_desired(connection, NURSE, "north", "bed-1", **DesiredChanges(**changes))  # type: ignore[typeddict-item]


async def test_a_change_keeps_the_other_fields_and_counts_the_version() -> None:
    stay = uuid7(UTC_NS)
    await wish(stay_id=stay)
    second = await wish(paused=True)
    assert (second.version, second.stay_id, second.paused) == (2, stay, True)
    assert await queries.desired(NURSE, "north", "bed-1") == second
    entries = await AuditEntry.all().order_by("id")
    assert [(entry.deed, entry.details) for entry in entries] == [
        ("desired_changed", {"stay_id": str(stay)}),
        ("desired_changed", {"paused": "True"}),
    ]


async def test_changes_at_once_lose_none() -> None:
    stay = uuid7(UTC_NS)
    await asyncio.gather(
        wish(stay_id=stay), wish(paused=True), wish(record_unassigned=False), wish(release="detector-v1")
    )
    found = await queries.desired(NURSE, "north", "bed-1")
    assert found is not None
    assert (found.version, found.stay_id, found.paused, found.record_unassigned, found.release) == (
        4,
        stay,
        True,
        False,
        "detector-v1",
    )


async def test_another_sites_bed_looks_absent() -> None:
    await wish(paused=True)
    stranger = Principal("other", "person", frozenset(), frozenset({"south"}))
    async with in_transaction() as connection:
        with pytest.raises(Refused, match="nothing here"):
            await set_desired(connection, stranger, "north", "bed-1", paused=False)
        await ensure_bed(connection, "north", "bed-1")
    assert await queries.desired(stranger, "north", "bed-1") is None
    assert await queries.bed(stranger, "north", "bed-1") is None
    assert await queries.beds(stranger) == []
    assert await queries.desired_states(stranger) == {}


async def test_a_version_that_came_while_the_older_was_published_stays_due() -> None:
    await wish(paused=True)
    (due,) = await queries.unpublished(SYSTEM)
    await wish(paused=False)
    await mark_published(due)
    (still,) = await queries.unpublished(SYSTEM)
    assert still.version == 2
    await mark_published(still)
    assert await queries.unpublished(SYSTEM) == []
    assert [row.version for row in await queries.all_desired(SYSTEM)] == [2]
