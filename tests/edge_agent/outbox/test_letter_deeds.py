"""A dead letter ends by a person's word alone, and the word is written down."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.database import open_database
from edge_agent.outbox.dead_letters import dead_letters
from edge_agent.outbox.letter_deeds import give_up, retry
from edge_agent.outbox.store import Outbox
from shared.errors import Refused
from shared.event import EventReport
from tests.edge_agent.outbox.reports import UTC_NS, make_report


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path)) as opened:
        yield opened


@pytest.fixture
def outbox(connection: sqlite3.Connection) -> Outbox:
    return Outbox(connection, "north", "bed-4")


@pytest.fixture
def dead(connection: sqlite3.Connection, outbox: Outbox) -> EventReport:
    report = make_report("closed")
    outbox.record(report, UTC_NS)
    outbox.bury(1, "too large", UTC_NS)
    return report


def one(connection: sqlite3.Connection, query: str) -> tuple[object, ...] | None:
    row = connection.execute(query).fetchone()
    return tuple(row) if row else None


def test_a_letter_is_sent_again_under_its_number(
    connection: sqlite3.Connection, outbox: Outbox, dead: EventReport
) -> None:
    assert one(connection, "SELECT stage FROM clips") == ("dead",)
    assert retry(connection, outbox, str(dead.event_id), UTC_NS) == [1]
    assert outbox.sequences_after(0) == [1]
    assert dead_letters(connection) == []
    assert one(connection, "SELECT stage FROM clips") == ("recording",)
    assert one(connection, "SELECT deed, event_id, reason FROM deeds") == ("retried", str(dead.event_id), "too large")


def test_giving_up_ends_the_pin_and_is_written_down(
    connection: sqlite3.Connection, outbox: Outbox, dead: EventReport
) -> None:
    assert give_up(connection, str(dead.event_id), "a test of the ward", UTC_NS) == 1
    assert dead_letters(connection) == []
    assert one(connection, "SELECT event_id FROM pins") is None
    assert one(connection, "SELECT stage, reason FROM clips") == ("released", "given up: a test of the ward")
    assert one(connection, "SELECT deed, reason FROM deeds") == ("given_up", "a test of the ward")


def test_nothing_ends_without_a_letter_a_reason_or_while_a_message_waits(
    connection: sqlite3.Connection, outbox: Outbox, dead: EventReport
) -> None:
    with pytest.raises(Refused, match="needs a reason"):
        give_up(connection, str(dead.event_id), " ", UTC_NS)
    other = make_report()
    outbox.record(other, UTC_NS)
    for deed in (
        lambda: give_up(connection, str(other.event_id), "why", UTC_NS),
        lambda: retry(connection, outbox, str(other.event_id), UTC_NS),
    ):
        with pytest.raises(Refused, match="no dead letter"):
            deed()
    opened = make_report()
    outbox.record(opened, UTC_NS)
    outbox.record(make_report("closed", 1, opened.event_id), UTC_NS)
    outbox.bury(3, "too large", UTC_NS)
    with pytest.raises(Refused, match="still waits"):
        give_up(connection, str(opened.event_id), "why", UTC_NS)
    assert one(connection, "SELECT count(*) FROM pins") == (3,)
