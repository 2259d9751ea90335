"""A press marks a minute before and after; presses grow the event, close ones are one, and its time closes it, also after a restart."""

from __future__ import annotations

import http.client
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.button import Button, Effect
from edge_agent.button_listener import ButtonListener
from edge_agent.database import open_database
from edge_agent.outbox.store import Outbox
from edge_agent.pulls.answering import Pulls
from shared.clock import NS_PER_S
from shared.errors import Misconfigured, Transient
from shared.event import EventCause, EventPhase
from shared.ids import uuid7
from shared.pull import PullAnswer, PullOutcome, PullRequest
from tests.edge_agent.hand_clock import BOOT, UTC_NS, HandClock
from tests.edge_agent.outbox.reports import make_report
from tests.edge_agent.pulls.catalogued import add_rows

OTHER_BOOT = "99999999-2222-4333-8444-555555555555"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path)) as opened:
        yield opened


@pytest.fixture
def outbox(connection: sqlite3.Connection) -> Outbox:
    return Outbox(connection, "north", "bed-4")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def button(connection: sqlite3.Connection, outbox: Outbox, clock: HandClock) -> Button:
    return Button(connection, outbox, clock)


def seconds(*times_ns: int) -> list[float]:
    return [each / NS_PER_S for each in times_ns]


def test_a_press_opens_an_event_from_a_minute_before_to_a_minute_after(button: Button, outbox: Outbox) -> None:
    pressed = button.press()
    report = pressed.report
    assert (pressed.effect, report.cause, report.phase) == (Effect.made, EventCause.button, EventPhase.opened)
    assert seconds(report.clip_start_mono_ns, report.start_mono_ns, report.clip_end_mono_ns) == [940, 1_000, 1_060]
    assert outbox.waiting() == 1
    assert outbox.open_events(EventCause.button) == [report]


def test_presses_close_together_are_one_and_later_ones_extend_the_event(button: Button, clock: HandClock) -> None:
    first = button.press().report
    clock.advance(4.9)
    assert button.press().effect is Effect.same
    clock.advance(40)
    grown = button.press()
    assert (grown.effect, grown.report.event_id) == (Effect.extended, first.event_id)
    assert seconds(grown.report.end_mono_ns, grown.report.clip_end_mono_ns) == [1_044.9, 1_104.9]


def test_the_event_closes_when_its_time_is_over_and_the_next_press_makes_another(
    button: Button, clock: HandClock
) -> None:
    first = button.press().report
    clock.advance(59)
    assert button.tick() == []
    clock.advance(1)
    assert [(report.event_id, report.phase) for report in button.tick()] == [(first.event_id, EventPhase.closed)]
    assert button.tick() == []
    assert button.press().report.event_id != first.event_id


def test_an_event_grows_to_ten_minutes_and_no_further(button: Button, clock: HandClock, outbox: Outbox) -> None:
    first, pressed = button.press(), button.press()
    for _ in range(12):
        clock.advance(50)
        pressed = button.press()
    assert pressed.report.event_id != first.report.event_id
    kept = outbox.open_events(EventCause.button)
    assert [report.event_id for report in kept] == [pressed.report.event_id]


def test_what_another_boot_left_open_is_closed_as_it_was(
    button: Button, connection: sqlite3.Connection, outbox: Outbox
) -> None:
    left = button.press().report
    rebooted = Button(connection, outbox, HandClock(boot_id=OTHER_BOOT, mono_s=5))
    assert [report.event_id for report in rebooted.tick()] == [left.event_id]
    early = rebooted.press().report
    assert seconds(early.clip_start_mono_ns, early.clip_end_mono_ns) == [0, 65]


def test_the_detector_takes_no_notice_of_a_mark(button: Button, outbox: Outbox) -> None:
    found = make_report()
    outbox.record(found, UTC_NS)
    button.press()
    assert outbox.open_events() == [found]
    assert outbox.newest_event() == found


def mark(pressed_s: float) -> PullRequest:
    middle_ns = UTC_NS + round(pressed_s * NS_PER_S)
    return PullRequest(
        pull_id=uuid7(UTC_NS),
        cause=EventCause.button,
        start_utc_ns=middle_ns - 60 * NS_PER_S,
        end_utc_ns=middle_ns + 60 * NS_PER_S,
        expires_utc_ns=UTC_NS + 10**6 * NS_PER_S,
    )


def web(connection: sqlite3.Connection, clock: HandClock, request: PullRequest) -> PullAnswer:
    return Pulls(connection, Outbox(connection, "north", "bed-4"), clock, 10**9).take(request)


def test_a_press_on_the_web_extends_the_event_of_the_button_at_the_box(
    button: Button, connection: sqlite3.Connection, clock: HandClock
) -> None:
    first = button.press().report
    clock.advance(30)
    request = mark(1_028)
    answer = web(connection, clock, request)
    assert [part.event_id for part in answer.parts] == [first.event_id]
    assert seconds(answer.parts[0].end_utc_ns - UTC_NS) == [1_088]
    assert web(connection, clock, request) == answer
    assert connection.execute("SELECT count(*) FROM events").fetchone()[0] == 1


def test_a_press_on_the_web_that_comes_late_is_answered_as_a_span(
    connection: sqlite3.Connection, clock: HandClock, outbox: Outbox
) -> None:
    add_rows(connection, 100, 900)
    answer = web(connection, clock, mark(500))
    assert answer.outcome is PullOutcome.held
    assert seconds(answer.parts[0].start_utc_ns - UTC_NS, answer.parts[0].end_utc_ns - UTC_NS) == [440, 560]
    assert answer.parts[0].boot_id == BOOT
    assert outbox.open_events(EventCause.button) == []


def ask(listener: ButtonListener, method: str, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    """One request, with the listener's turn taken meanwhile."""
    answer: list[tuple[int, dict[str, str]]] = []

    def send() -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", listener.port, timeout=10)) as line:
            line.request(method, path, headers=headers)
            said = line.getresponse()
            answer.append((said.status, json.loads(said.read() or b"{}") if said.status != 501 else {}))

    sender = threading.Thread(target=send)
    sender.start()
    while sender.is_alive():
        listener.turn()
    return answer[0]


@pytest.fixture
def listener(button: Button) -> Iterator[ButtonListener]:
    with closing(ButtonListener(0, button.press)) as opened:
        yield opened


def test_a_post_to_the_loopback_port_is_a_press(listener: ButtonListener, outbox: Outbox) -> None:
    status, told = ask(listener, "POST", "/mark")
    assert (status, told["effect"]) == (200, "made")
    assert [str(report.event_id) for report in outbox.open_events(EventCause.button)] == [told["event_id"]]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/other", {}, 404),
        ("GET", "/mark", {}, 501),
        ("POST", "/mark", {"origin": "http://127.0.0.1"}, 403),
        ("POST", "/mark", {"host": "evil.example"}, 403),
    ],
)
def test_what_is_no_press_of_this_machine_marks_nothing(
    listener: ButtonListener, outbox: Outbox, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    assert ask(listener, method, path, **headers)[0] == status
    assert outbox.waiting() == 0


def test_a_database_that_is_locked_is_said_to_the_one_who_presses() -> None:
    def press() -> None:
        raise Transient("The bed's database cannot be written now.")

    with closing(ButtonListener(0, press)) as listener:  # type: ignore[arg-type]
        assert ask(listener, "POST", "/mark") == (503, {"detail": "The bed's database cannot be written now."})


def test_a_port_that_is_taken_is_named(listener: ButtonListener, button: Button) -> None:
    with pytest.raises(Misconfigured, match=f"button.port: {listener.port}"):
        ButtonListener(listener.port, button.press)
