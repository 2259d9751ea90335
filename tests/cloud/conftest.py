"""A real PostgreSQL for the cloud's tests: Debian's where it is installed, else the embedded one; empty tables a test."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from cloud.database import DatabaseAddress, EmbeddedServer, ensure_database, open_tables
from cloud.schema import migrate_database
from tests.cloud.people_house import House, open_house
from tests.databases import debian_postgres, debian_programs
from tests.waiting import wait_for


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[DatabaseAddress]:
    """One embedded server in a folder of its own under /tmp: run by root it makes the folders above enterable."""
    folder = Path(tempfile.mkdtemp(prefix="deepepil-pg-", dir="/tmp"))
    server = EmbeddedServer(folder / "data")
    address = server.start()
    asyncio.run(_hasten(address))
    yield address
    pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGQUIT)  # its data are thrown away: it need not tidy up first
    wait_for(lambda: not _alive(pid), "the embedded server's end")
    shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def _hasten(address: DatabaseAddress) -> None:
    """Nothing here has to survive a power cut."""
    connection = await asyncpg.connect(address.url)
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        await connection.execute(f"ALTER SYSTEM SET {name} = off")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


@pytest.fixture(scope="session")
def database_server(request: pytest.FixtureRequest) -> Iterator[DatabaseAddress]:
    """The server of nearly all tests; what is special to the embedded one asks for `embedded_server`."""
    programs = debian_programs()
    if programs is None:
        yield request.getfixturevalue("embedded_server")
        return
    with debian_postgres(programs) as address:
        yield address


@pytest.fixture(scope="session")
def migrated_database(database_server: DatabaseAddress) -> DatabaseAddress:
    """One database with all tables and the job queue, made by the migrations."""

    async def build() -> DatabaseAddress:
        address = await ensure_database(database_server, "tests")
        await migrate_database(address)
        return address

    return asyncio.run(build())


@pytest.fixture(scope="module")
def module_database(migrated_database: DatabaseAddress) -> DatabaseAddress:
    """The database with empty tables at the start of a test module."""
    asyncio.run(_empty(migrated_database))
    return migrated_database


@pytest.fixture
async def database(migrated_database: DatabaseAddress) -> AsyncIterator[DatabaseAddress]:
    """Open, empty tables for one test."""
    await _empty(migrated_database)
    async with open_tables(migrated_database, connections=6):
        yield migrated_database


async def _empty(address: DatabaseAddress) -> None:
    connection = await asyncpg.connect(address.url)
    names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    wanted = [f'"{row["tablename"]}"' for row in names if row["tablename"] != "tortoise_migrations"]
    await connection.execute(f"TRUNCATE {', '.join(wanted)} RESTART IDENTITY CASCADE")
    await connection.close()


@pytest.fixture
async def house(database: DatabaseAddress, tmp_path: Path) -> AsyncIterator[House]:
    """The people's application over empty tables."""
    async with open_house(tmp_path) as opened:
        yield opened
