"""PostgreSQL's own fence between sites: what a query that forgets its filter finds, and what the people's role may not do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
from tortoise import Tortoise
from tortoise.exceptions import OperationalError

from cloud import audit
from cloud.audit.tables import AuditEntry, AuditHead
from cloud.clips.tables import Event
from cloud.database import DatabaseAddress, in_transaction, open_tables
from cloud.principal import Principal
from cloud.schema import must_be_current
from cloud.scope import MAKES_PRINCIPALS, fenced, see, unfenced, unfenced_tables
from shared.errors import Misconfigured
from tests.cloud.people_house import House, open_house

NORTH = Principal.person("ann", {("north", "clinician")})
BOTH = Principal.person("ben", {("north", "clinician"), ("south", "clinician")})
WITHOUT_SITE = {
    "account",
    "person_session",
    "login_failure",
    "saved_view",
    "release",
    "dataset_key",
    "tortoise_migrations",
}
"""Tables that hold nothing of a site; the job queue's own are named by their prefix."""


async def two_sites(house: House) -> None:
    for site in ("north", "south"):
        await house.event(site)
        async with in_transaction() as connection:
            await audit.record(connection, Principal.system("test"), "looked", site=site)


async def all_sites() -> list[str]:
    """A query that forgets its filter."""
    return sorted(event.site for event in await Event.all())


async def test_a_query_that_forgets_its_filter_finds_nothing_foreign(house: House) -> None:
    await two_sites(house)
    assert await all_sites() == ["north", "south"]
    with fenced():
        assert await all_sites() == []
        see(NORTH)
        assert await all_sites() == ["north"]
        rows = await Tortoise.get_connection("default").execute_query_dict("SELECT count(*) AS n FROM review_task")
        assert rows[0]["n"] == 1
        see(BOTH)
        assert await all_sites() == ["north", "south"]
    assert await all_sites() == ["north", "south"]


async def test_nothing_can_be_written_into_a_foreign_site(house: House) -> None:
    await two_sites(house)
    with fenced():
        see(NORTH)
        assert await Event.filter(site="south").update(motor_type="unknown") == 0
        assert await Event.filter(site="south").delete() == 0
        with pytest.raises(OperationalError, match="row-level security"):
            await Event.filter(site="north").update(site="south")
        with pytest.raises(OperationalError, match="row-level security"):
            async with in_transaction() as connection:
                await audit.record(connection, NORTH, "forged", site="south")
    assert await Event.filter(motor_type="unknown").count() == 0


async def test_tasks_at_the_same_moment_keep_their_own_sites(house: House) -> None:
    await two_sites(house)

    async def one(principal: Principal, wanted: list[str]) -> None:
        for _ in range(20):
            with fenced():
                see(principal)
                assert await all_sites() == wanted

    async def everything() -> None:
        for _ in range(20):
            assert await all_sites() == ["north", "south"]

    await asyncio.gather(one(NORTH, ["north"]), one(BOTH, ["north", "south"]), everything(), everything())


async def _changes_an_entry() -> None:
    await AuditEntry.filter(site="north").update(who="nobody")


async def _deletes_an_entry() -> None:
    await AuditEntry.filter(site="north").delete()


async def _turns_the_head_back() -> None:
    await AuditHead.filter(site="north").update(number=0)


async def _deletes_the_head() -> None:
    await AuditHead.filter(site="north").delete()


async def _empties_the_log() -> None:
    await Tortoise.get_connection("default").execute_query("TRUNCATE audit_entry")


async def _lifts_the_fence() -> None:
    await Tortoise.get_connection("default").execute_query("ALTER TABLE event DISABLE ROW LEVEL SECURITY")


@pytest.mark.parametrize(
    "deed",
    [
        _changes_an_entry,
        _deletes_an_entry,
        _turns_the_head_back,
        _deletes_the_head,
        _empties_the_log,
        _lifts_the_fence,
    ],
)
async def test_the_peoples_role_cannot_alter_the_audit_log(house: House, deed: Callable[[], Awaitable[None]]) -> None:
    await two_sites(house)
    with fenced():
        see(NORTH)
        with pytest.raises(OperationalError, match=r"permission denied|only moves on|must be owner"):
            await deed()
        async with in_transaction() as connection:
            await audit.record(connection, NORTH, "looked", site="north")
    assert [number for _, number in sorted(await AuditEntry.filter(site="north").values_list("id", "number"))] == [1, 2]


async def test_one_connection_serves_one_after_the_other_and_none_sees_the_others_sites(
    migrated_database: DatabaseAddress, tmp_path: Path
) -> None:
    async with open_tables(migrated_database, connections=1), open_house(tmp_path) as house:
        await Event.all().delete()
        await AuditEntry.all().delete()
        await AuditHead.all().delete()
        await two_sites(house)
        for principal, wanted in ((NORTH, ["north"]), (BOTH, ["north", "south"]), (NORTH, ["north"]), (None, [])):
            with fenced():
                if principal is not None:
                    see(principal)
                assert await all_sites() == wanted
            assert await all_sites() == ["north", "south"]


async def test_a_deed_that_is_not_the_persons_own_leaves_the_fence_for_its_block(house: House) -> None:
    await two_sites(house)
    with fenced():
        see(NORTH)
        with unfenced():
            assert await all_sites() == ["north", "south"]
        assert await all_sites() == ["north"]


async def test_every_table_with_a_site_has_its_policy_and_the_others_are_known(database: DatabaseAddress) -> None:
    connection = await asyncpg.connect(database.url)
    try:
        assert await unfenced_tables(connection) == []
        rows = await connection.fetch(
            "SELECT c.relname AS name FROM pg_class c WHERE c.relkind = 'r' AND NOT c.relrowsecurity"
            " AND c.relnamespace = 'public'::regnamespace"
        )
    finally:
        await connection.close()
    open_tables = {str(row["name"]) for row in rows}
    assert {name for name in open_tables if not name.startswith("procrastinate_")} == WITHOUT_SITE | MAKES_PRINCIPALS


async def test_a_program_does_not_start_on_a_database_with_a_gap_in_the_fence(database: DatabaseAddress) -> None:
    connection = await asyncpg.connect(database.url)
    try:
        await must_be_current(database)
        await connection.execute("ALTER TABLE clip DISABLE ROW LEVEL SECURITY")
        with pytest.raises(Misconfigured, match="migrate"):
            await must_be_current(database)
    finally:
        await connection.execute("ALTER TABLE clip ENABLE ROW LEVEL SECURITY")
        await connection.close()
