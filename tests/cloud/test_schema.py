"""Migrations: they make exactly what the tables say, once, whoever runs them."""

from __future__ import annotations

import asyncio
import uuid

import asyncpg
import pytest
from tortoise import Tortoise
from tortoise.migrations.autodetector import MigrationAutodetector

from cloud.database import DatabaseAddress, ensure_database
from cloud.schema import OFFLINE, migrate_database, must_be_current
from shared.errors import Misconfigured


@pytest.fixture
async def empty(embedded_server: DatabaseAddress) -> DatabaseAddress:
    return await ensure_database(embedded_server, f"test_{uuid.uuid4().hex[:12]}")


async def test_an_empty_database_is_refused_until_it_is_migrated(empty: DatabaseAddress) -> None:
    with pytest.raises(Misconfigured, match="migrate"):
        await must_be_current(empty)
    await migrate_database(empty)
    await must_be_current(empty)


async def test_a_second_migration_changes_nothing(empty: DatabaseAddress) -> None:
    await migrate_database(empty)
    await migrate_database(empty)
    await must_be_current(empty)


async def test_a_database_of_a_newer_version_is_refused(empty: DatabaseAddress) -> None:
    await migrate_database(empty)
    connection = await asyncpg.connect(empty.url)
    await connection.execute(
        "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('cloud', '9999_x', now())"
    )
    await connection.close()
    with pytest.raises(Misconfigured, match="newer version"):
        await must_be_current(empty)


async def test_four_programs_that_migrate_at_once_do_it_once(empty: DatabaseAddress) -> None:
    code = (
        "import asyncio, sys; from cloud.database import DatabaseAddress; from cloud.schema import migrate_database;"
        "asyncio.run(migrate_database(DatabaseAddress.parse(sys.argv[1])))"
    )
    import sys

    programs = [await asyncio.create_subprocess_exec(sys.executable, "-c", code, empty.url) for _ in range(4)]
    assert [await program.wait() for program in programs] == [0, 0, 0, 0]
    await must_be_current(empty)


async def test_no_table_has_changed_without_a_migration() -> None:
    async with await Tortoise.init(config=OFFLINE, init_connections=False) as context:
        assert context.apps is not None
        assert await MigrationAutodetector(context.apps, OFFLINE["apps"]).changes() == []
