"""The promise in hours looks at the present rate and at what cannot go, and alarms while there is still something to spare."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from edge_agent.database import open_database
from edge_agent.ring.catalogue import insert_segment
from edge_agent.ring.promise import Limits, present_rate, promise
from shared.clock import NS_PER_S
from tests.edge_agent.ring.test_catalogue import row
from tests.fakes.clock import BOOT, OTHER_BOOT

PLENTY = 1 << 40


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    """Two hours: 100 bytes a second in the first, 200 in the second."""
    connection = open_database(tmp_path)
    for number in range(720):
        each = row(number, 10 * number, 10 * number + 10)
        insert_segment(connection, each.model_copy(update={"size_bytes": 1000 if number < 360 else 2000}))
    return connection


def test_an_empty_ring_promises_what_is_set(tmp_path: Path) -> None:
    found = promise(open_database(tmp_path), Limits(1000, 72), PLENTY)
    assert (found.hours_held, found.hours_promised, found.rate_bytes_per_s, found.at_risk) == (0, 72, 0, None)


def test_the_rate_is_that_of_the_last_hour_not_the_mean_of_all(connection: sqlite3.Connection) -> None:
    assert present_rate(connection).bytes_per_s == pytest.approx(200, rel=0.01)
    found = promise(connection, Limits(200 * 3600 * 10, 10.5), PLENTY)
    assert found.hours_held == pytest.approx(2)
    assert found.hours_promised == pytest.approx(10, rel=0.01)
    assert found.at_risk is not None
    assert "it holds 10.0 h at the present rate, not 10.5 h." in found.at_risk


def test_the_newest_hour_is_of_the_newest_boot(connection: sqlite3.Connection) -> None:
    insert_segment(connection, row(720, 5, 15, OTHER_BOOT).model_copy(update={"size_bytes": 5000}))
    assert present_rate(connection).bytes_per_s == pytest.approx(500)


def test_with_enough_to_spare_nothing_is_said_and_with_hardly_enough_it_is(connection: sqlite3.Connection) -> None:
    hour = 200 * 3600
    assert promise(connection, Limits(11 * hour, 10), PLENTY).at_risk is None
    found = promise(connection, Limits(hour * 10 + hour // 4, 10), PLENTY)
    assert found.hours_promised == 10
    assert found.at_risk is not None
    assert "hardly more than 10 h" in found.at_risk


def test_a_disk_that_others_fill_counts_less_its_reserve(connection: sqlite3.Connection) -> None:
    held = 360 * 3000
    free = 200 * 3600 * 4
    found = promise(connection, Limits(PLENTY, 10, reserve_bytes=200 * 3600), free)
    assert found.hours_promised == pytest.approx((held + free - 200 * 3600) / 200 / 3600, rel=0.01)


def test_what_events_hold_is_not_there_for_the_promise(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO pins VALUES ('e', ?, 0, ?)", (BOOT, 3600 * NS_PER_S))
    hour = 200 * 3600
    found = promise(connection, Limits(10 * hour, 9.9), PLENTY)
    assert found.pinned_bytes == 360_000
    assert found.hours_promised == pytest.approx(9.5, rel=0.01)
    assert found.at_risk is not None
    assert "and events hold 0.0 GB" in found.at_risk
