"""The audit log: a chain of hashes that shows every change, and heads kept where the database cannot reach."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cloud import audit
from cloud.audit import anchors, queries
from cloud.audit.rules import FIRST_HASH, Entry, entry_hash, link_fault
from cloud.audit.tables import AuditEntry, AuditHead
from cloud.database import in_transaction
from cloud.objects import Objects
from cloud.principal import Principal
from cloud.settings import ObjectsSection
from shared.errors import Refused

NURSE = Principal("nurse", "person", frozenset(), frozenset({"north"}))
SYSTEM = Principal.system("check")
ENTRY = Entry("north", 1, "nurse", "verdict_given", "event", {"verdict": "confirmed"}, 5, FIRST_HASH)


async def deeds(count: int, site: str = "north") -> None:
    for number in range(count):
        async with in_transaction() as connection:
            await audit.record(connection, NURSE, "looked", site=site, subject=f"event {number}", details={"n": number})


def test_an_entrys_hash_is_of_all_its_fields() -> None:
    changes = [("who", "other"), ("number", 2), ("deed", "x"), ("subject", "y"), ("details", {}), ("at_ns", 6)]
    hashes = {entry_hash(Entry(**{**_fields(ENTRY), name: value})) for name, value in changes}
    assert len(hashes | {entry_hash(ENTRY)}) == len(changes) + 1


def _fields(entry: Entry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in Entry.__slots__}


def test_a_link_says_how_it_is_broken() -> None:
    digest = entry_hash(ENTRY)
    assert link_fault(ENTRY, digest, 1, FIRST_HASH) is None
    assert link_fault(ENTRY, digest, 2, FIRST_HASH) == "entry 2 is missing"
    assert link_fault(ENTRY, digest, 1, "f" * 64) == "entry 1 does not follow entry 0"
    assert link_fault(ENTRY, "f" * 64, 1, FIRST_HASH) == "entry 1 was changed after it was written"


@pytest.mark.usefixtures("database")
class TestOnTheDatabase:
    async def test_deeds_at_once_make_one_chain_a_site(self) -> None:
        await asyncio.gather(*(deeds(5, site) for site in ("north", "south") for _ in range(4)))
        for site in ("north", "south"):
            previous, number = FIRST_HASH, 0
            async for entry, stored in queries.chain(SYSTEM, site):
                assert link_fault(entry, stored, number + 1, previous) is None
                previous, number = stored, entry.number
            head = await AuditHead.get(site=site)
            assert (number, head.number, head.hash) == (20, 20, previous)

    async def test_a_deed_that_is_rolled_back_leaves_no_entry(self) -> None:
        async def fails() -> None:
            async with in_transaction() as connection:
                await audit.record(connection, NURSE, "looked", site="north")
                raise ArithmeticError

        with pytest.raises(ArithmeticError):
            await fails()
        await deeds(1)
        assert [entry.number for entry in await AuditEntry.all()] == [1]

    async def test_details_hold_nothing_that_a_database_would_change(self) -> None:
        for details in ({"score": 0.5}, {"list": [1]}, {"long": "x" * 9_000}):
            async with in_transaction() as connection:
                with pytest.raises(Refused, match="details"):
                    await audit.record(connection, NURSE, "looked", site="north", details=details)  # type: ignore[arg-type]

    async def test_nobody_reads_another_sites_chain(self) -> None:
        await deeds(2, "south")
        assert [entry async for entry in queries.chain(NURSE, "south")] == []
        assert await queries.heads(NURSE) == []
        assert await queries.entries_about(NURSE, "event 1") == []

    async def test_a_chain_that_was_cut_short_contradicts_its_kept_head(self, tmp_path: Path) -> None:
        objects = Objects(ObjectsSection(url=f"file://{tmp_path}"))
        await deeds(3)
        assert await anchors.keep_heads(objects) == 1
        assert await anchors.keep_heads(objects) == 0
        last = await AuditEntry.get(site="north", number=2)
        await AuditEntry.filter(site="north", number=3).delete()
        await AuditHead.filter(site="north").update(number=2, hash=last.hash)
        kept = (await anchors.kept_heads(objects))["north"]
        assert kept[0] == 3
        assert "shorter" in str(await anchors.fault_of("north", kept))
        await deeds(2)
        assert "not the one" in str(await anchors.fault_of("north", kept))
        assert await anchors.keep_heads(objects) == 0
        assert (await anchors.kept_heads(objects))["north"] == kept
