"""The simulation of delivery in its short form: a few seeds hold every promise, a seed is the same run each time, a fault in it is seen."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.database import DatabaseAddress
from edge_agent.database import open_database
from edge_agent.outbox.store import Outbox
from tests.campaigns.delivery.sim_disk import BedDisk, make_template
from tests.campaigns.delivery.simulation import SHORT_SEEDS, SimulationFigures, database_server, simulate
from tests.edge_agent.outbox.reports import UTC_NS, make_report

pytestmark = pytest.mark.timeout(600)
"""Twenty seconds where the machine is idle; a loaded one may take its time."""


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseAddress]:
    """A PostgreSQL of these tests' own: it flushes nothing and never tidies up."""
    with database_server() as address:
        yield address


@pytest.fixture(scope="module")
def found(server: DatabaseAddress) -> SimulationFigures:
    """The short form, once for all of these tests."""
    return simulate(range(1, 1 + SHORT_SEEDS), 2, server=server)


def test_every_promise_holds_in_each_of_a_few_seeds(found: SimulationFigures) -> None:
    assert found.violations == []
    assert found.seeds == SHORT_SEEDS
    assert found.least_events >= 50
    assert found.least_faults >= 5


def test_a_seed_is_the_same_run_in_any_process_and_a_receipt_before_the_commit_is_seen(
    server: DatabaseAddress, found: SimulationFigures
) -> None:
    again = simulate(range(14, 15), 1, server=server, mutations=("receipt_before_commit",))
    assert again.digests[14] == found.digests[14] != found.digests[13]
    assert again.mutations_caught == 1


@pytest.mark.parametrize("seed", range(8))
def test_a_torn_commit_takes_the_last_report_whole_or_not_at_all_and_no_other(tmp_path: Path, seed: int) -> None:
    disk = BedDisk(tmp_path / "bed", make_template(tmp_path / "template"))
    connection = disk.open()
    outbox = Outbox(connection, "north", "bed-4")
    kept = [make_report() for _ in range(5)]
    for report in kept:
        outbox.record(report, UTC_NS)
    disk.watch_commit()
    torn = make_report()
    outbox.record(torn, UTC_NS)
    disk.cut_power(connection, random.Random(seed), torn=True)
    with_torn, without = _held(disk.folder)
    assert with_torn == without
    assert with_torn - {str(torn.event_id)} == {str(report.event_id) for report in kept}


def _held(folder: Path) -> tuple[set[str], set[str]]:
    """The events with a message, and those with a pin."""
    connection = open_database(folder)
    try:
        return _names(connection, "messages"), _names(connection, "pins")
    finally:
        connection.close()


def _names(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[0] for row in connection.execute(f"SELECT event_id FROM {table}")}  # noqa: S608  a name of ours


def test_a_connection_that_does_not_flush_loses_what_it_committed(tmp_path: Path) -> None:
    disk = BedDisk(tmp_path / "bed", make_template(tmp_path / "template"))
    connection = disk.open()
    connection.execute("PRAGMA synchronous = NORMAL")
    Outbox(connection, "north", "bed-4").record(make_report(), UTC_NS)
    disk.cut_power(connection, random.Random(1), torn=False)
    assert _held(disk.folder) == (set(), set())
