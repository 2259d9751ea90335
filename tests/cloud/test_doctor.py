"""The cloud's doctor names each fault with a page that is there, and finds nothing where all is well."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from cloud.database import DatabaseAddress, in_transaction, open_tables
from cloud.devices.service import note_heartbeats
from cloud.doctor import examine
from cloud.settings import CloudSettings
from shared.finding import told
from shared.heartbeat import Heartbeat
from tests.authority import TestAuthority
from tests.shared.test_metrics import HEARTBEAT

PAGES = Path(__file__).parents[2] / "docs/operations"


def everybody(_host: str, _port: int) -> str | None:
    return None


def settings_of(folder: Path, url: str) -> CloudSettings:
    server = TestAuthority(folder).issue("server", server=True)
    return CloudSettings.model_validate({
        "mode": "demo", "database": {"url": url}, "objects": {"url": f"file://{folder / 'objects'}"},
        "mqtt": {"host": "127.0.0.1", "port": 1},
        "beds": {"certificate_file": server.certificate_file, "key_file": server.key_file, "ca_file": folder / "ca.crt"},
    })  # fmt: skip


async def sql(address: DatabaseAddress, *queries: str) -> None:
    connection = await asyncpg.connect(address.url)
    for query in queries:
        await connection.execute(query)
    await connection.close()


async def heard(heartbeats: dict[tuple[str, str], Heartbeat], address: DatabaseAddress) -> None:
    async with open_tables(address, 2), in_transaction() as connection:
        await note_heartbeats(connection, heartbeats)


@pytest.fixture
async def address(module_database: DatabaseAddress) -> AsyncIterator[DatabaseAddress]:
    """A database that nobody has open, with a worker that lives; the doctor opens it by itself."""
    await sql(module_database, "INSERT INTO procrastinate_workers DEFAULT VALUES")
    yield module_database
    await sql(module_database, "TRUNCATE procrastinate_workers, procrastinate_jobs, bed_heartbeat CASCADE")


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine of the tests may have a disk that is nearly full."""
    monkeypatch.setattr("cloud.doctor._FULL_SHARE", 1.0)


async def test_a_cloud_that_is_well_has_nothing(address: DatabaseAddress, tmp_path: Path) -> None:
    await heard({("north", "bed-1"): HEARTBEAT.model_copy(update={"alarms": []})}, address)
    assert await examine(settings_of(tmp_path, address.url), everybody) == []


async def test_each_fault_is_named(address: DatabaseAddress, tmp_path: Path) -> None:
    await heard({("north", "bed-1"): HEARTBEAT, ("north", "bed-2"): HEARTBEAT}, address)
    await sql(
        address,
        "TRUNCATE procrastinate_workers CASCADE",
        "UPDATE bed_heartbeat SET received_at_ns = received_at_ns - 600000000000 WHERE bed = 'bed-2'",
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('upkeep', 'watch_clip', 'failed')",
    )
    found = await examine(settings_of(tmp_path, address.url), lambda _host, _port: "connection refused")
    assert [finding.sentence for finding in found] == [
        "The broker 127.0.0.1:1 cannot be reached: connection refused.",
        "No worker gave a sign of life within a minute.",
        "1 jobs watch_clip were parked after all their tries.",
        "Bed north.bed-1: One.",
        "Bed north.bed-2 gave no sign of life for 10 minutes.",
    ]
    for finding in found:
        assert (PAGES / f"{finding.page}.md").exists()
    assert next(iter(told(found))).startswith("fault: The broker")


async def test_a_database_that_is_away_or_of_another_version_is_one_finding(
    address: DatabaseAddress, tmp_path: Path
) -> None:
    (away,) = await examine(settings_of(tmp_path, "postgresql://nobody@127.0.0.1:1/none"), everybody)
    assert away.sentence.startswith("The database cannot be reached")
    later = "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('cloud', '9999_later', now())"
    await sql(address, later)
    try:
        (newer,) = await examine(settings_of(tmp_path, address.url), everybody)
    finally:
        await sql(address, "DELETE FROM tortoise_migrations WHERE name = '9999_later'")
    assert (newer.sentence, newer.page) == ("The database belongs to a newer version of this program.", "upgrade")


@pytest.mark.parametrize(
    "page", ["install", "lost-network", "lost-database", "disk-full", "key-rotation", "upgrade", "trouble"]
)
def test_the_pages_are_there(page: str) -> None:
    assert (PAGES / f"{page}.md").exists()
