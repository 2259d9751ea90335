"""A pull is answered once: pinned, made an event and told in one transaction; what the bed does not hold it says."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge_agent.database import open_database
from edge_agent.outbox.store import Outbox
from edge_agent.pulls.answering import Pulls
from shared.clock import NS_PER_S
from shared.contract import Contract
from shared.envelope import unseal
from shared.event import EventCause, EventPhase, EventReport
from shared.frame import Stream
from shared.gap import GapCause
from shared.ids import uuid7
from shared.pull import PullAnswer, PullOutcome, PullRequest
from shared.topics import Address, Topic
from tests.edge_agent.hand_clock import BOOT, UTC_NS, HandClock
from tests.edge_agent.pulls.catalogued import add_gap, add_rows

ADDRESS = Address("north", "bed-4", Topic.event)
ROOM = 10**9


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path)) as opened:
        yield opened


@pytest.fixture
def pulls(connection: sqlite3.Connection) -> Pulls:
    return Pulls(connection, Outbox(connection, "north", "bed-4"), HandClock(), ROOM)


def ask(start_s: float, end_s: float, **changes: Any) -> PullRequest:
    fields: dict[str, Any] = {
        "pull_id": uuid7(UTC_NS),
        "cause": EventCause.pull,
        "start_utc_ns": UTC_NS + round(start_s * NS_PER_S),
        "end_utc_ns": UTC_NS + round(end_s * NS_PER_S),
        "expires_utc_ns": UTC_NS + 10**6 * NS_PER_S,
    }
    return PullRequest(**{**fields, **changes})


def count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - names of ours


def test_a_held_span_becomes_a_closed_event_with_its_pin_clip_and_message(
    connection: sqlite3.Connection, pulls: Pulls
) -> None:
    add_rows(connection, 100, 900)
    answer = pulls.take(ask(200, 500))
    assert answer.outcome is PullOutcome.held
    part = answer.parts[0]
    assert (part.boot_id, part.start_utc_ns, part.end_utc_ns) == (
        BOOT,
        UTC_NS + 200 * NS_PER_S,
        UTC_NS + 500 * NS_PER_S,
    )
    assert part.streams[Stream.depth].held == 1.0
    pin = connection.execute("SELECT * FROM pins").fetchone()
    assert tuple(pin) == (str(part.event_id), BOOT, 200 * NS_PER_S, 500 * NS_PER_S)
    assert connection.execute("SELECT stage FROM clips").fetchone()[0] == "recording"
    body = Outbox(connection, "north", "bed-4").body(1)
    assert body is not None
    report = unseal(ADDRESS, body, EventReport)[1]
    assert (report.event_id, report.cause, report.phase) == (part.event_id, EventCause.pull, EventPhase.closed)


def test_the_same_question_twice_is_one_event_and_one_answer_also_after_a_restart(
    connection: sqlite3.Connection, pulls: Pulls
) -> None:
    add_rows(connection, 100, 900)
    request = ask(200, 500)
    first = pulls.take(request)
    again = Pulls(connection, Outbox(connection, "north", "bed-4"), HandClock(mono_s=2_000), ROOM).take(request)
    assert again == first
    assert [count(connection, table) for table in ("events", "pins", "messages", "pulls")] == [1, 1, 1, 1]


def test_a_failure_in_the_middle_keeps_nothing(connection: sqlite3.Connection, pulls: Pulls) -> None:
    add_rows(connection, 100, 900)
    connection.execute("CREATE TRIGGER broken BEFORE INSERT ON pulls BEGIN SELECT RAISE(ABORT, 'disk'); END")
    with pytest.raises(sqlite3.IntegrityError):
        pulls.take(ask(200, 500))
    assert [count(connection, table) for table in ("events", "pins", "messages", "clips")] == [0, 0, 0, 0]


def test_gaps_and_evicted_parts_are_named_with_their_shares(connection: sqlite3.Connection, pulls: Pulls) -> None:
    add_rows(connection, 140, 200)
    add_rows(connection, 230, 300)
    add_gap(connection, 200, 230, GapCause.privacy_pause)
    connection.execute(
        "INSERT INTO evicted (sequence, boot_id, start_mono_ns, end_mono_ns) VALUES (900, ?, ?, ?)",
        (BOOT, 100 * NS_PER_S, 140 * NS_PER_S),
    )
    part = pulls.take(ask(100, 300)).parts[0]
    assert part.evicted == pytest.approx(0.2)
    assert part.streams[Stream.ir].held == pytest.approx(0.65)
    assert part.streams[Stream.ir].not_wanted == {GapCause.privacy_pause: pytest.approx(0.15)}


@pytest.mark.parametrize(
    ("span", "told"),
    [((0, 90), "The ring begins at"), ((920, 940), "privacy pause"), ((2_000, 2_100), "lies in the future")],
)
def test_a_bed_that_holds_nothing_says_why(
    connection: sqlite3.Connection, pulls: Pulls, span: tuple[float, float], told: str
) -> None:
    add_rows(connection, 100, 900)
    add_gap(connection, 900, 990, GapCause.privacy_pause)
    answer = pulls.take(ask(*span))
    assert answer.outcome is PullOutcome.nothing
    assert told in answer.reason
    assert count(connection, "events") == 0


def test_an_empty_ring_says_so(pulls: Pulls) -> None:
    assert "has recorded nothing" in pulls.take(ask(1, 2)).reason


def test_a_request_that_expired_is_refused(connection: sqlite3.Connection, pulls: Pulls) -> None:
    add_rows(connection, 100, 900)
    answer = pulls.take(ask(200, 500, expires_utc_ns=UTC_NS + 999 * NS_PER_S))
    assert (answer.outcome, count(connection, "events")) == (PullOutcome.refused, 0)


def test_a_ring_half_full_of_pins_takes_no_pull(connection: sqlite3.Connection) -> None:
    add_rows(connection, 100, 900)
    small = Pulls(connection, Outbox(connection, "north", "bed-4"), HandClock(), max_bytes=100_000)
    assert small.take(ask(100, 620)).outcome is PullOutcome.held
    answer = small.take(ask(620, 700))
    assert answer.outcome is PullOutcome.refused
    assert "half of the ring" in answer.reason


def test_a_span_of_too_many_parts_is_refused(connection: sqlite3.Connection, pulls: Pulls) -> None:
    for number in range(14):
        add_rows(connection, 100 + 10 * number, 110 + 10 * number, stay_id=uuid7(UTC_NS + number))
    answer = pulls.take(ask(100, 240))
    assert (answer.outcome, count(connection, "events")) == (PullOutcome.refused, 0)
    assert "14 parts" in answer.reason


def test_a_full_outbox_puts_the_question_off_and_keeps_no_answer(connection: sqlite3.Connection) -> None:
    add_rows(connection, 100, 900)
    outbox = Outbox(connection, "north", "bed-4", limit=1)
    said: list[tuple[Topic, Contract]] = []

    def say(topic: Topic, body: Contract) -> bool:
        said.append((topic, body))
        return True

    pulls = Pulls(connection, outbox, HandClock(), ROOM)
    pulls.answer(ask(200, 300), say)
    assert isinstance(said[0][1], PullAnswer)
    pulls.answer(ask(300, 400), say)
    assert len(said) == 1
    assert count(connection, "pulls") == 1
