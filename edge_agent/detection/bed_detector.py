"""The detector of one bed without its process: previews and the desired state in; kept scores, events and reports out.

An event is told (returned) only after the outbox keeps it; one that cannot be written now is kept here and tried again. A
restart rebuilds the trigger from the scores on disk, so that an open event goes on under its id where that is possible.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from edge_agent.detection.catch_up import previews_from_ring
from edge_agent.detection.event_book import EventBook, closed_as_known
from edge_agent.detection.score_log import ScoreLog
from edge_agent.outbox.store import Outbox
from shared.clock import NS_PER_S, Clock
from shared.detector_stream import DetectorStream, RunStep
from shared.errors import Refused, Transient
from shared.event import EventReport
from shared.preview import Preview
from shared.release import ReleaseCard
from shared.score import Score
from shared.trigger import Action, Opened, Trigger

REBUILD_NS = 900 * NS_PER_S
"""How far back the trigger is rebuilt: more than two events of the greatest length."""
WARM_UP_NS = 40 * NS_PER_S
"""Previews before the last score that warm the filters and the network's state after a restart."""
CATCH_UP_NS = 300 * NS_PER_S
MISSING_NS = 600_000_000
"""A step between previews longer than this is looked up in the ring; shorter ones are blended by the input."""
LOOK_PERIOD_NS = 10 * NS_PER_S
"""Reading an open segment costs a scan of it: a bus that loses much is not made slower by looking each time."""
AHEAD_NS = NS_PER_S
"""A preview from later than now is passed over: taken, it would make every true one after it look old."""
SILENCE_NS = 30 * NS_PER_S
"""An open event is closed when nothing was scored for so long."""
UNTOLD_LIMIT = 1_000


@dataclass(slots=True)
class Outcome:
    """What one turn gave: scores to publish, reports that are kept now, sentences for the log."""

    scores: list[Score] = field(default_factory=list)
    reports: list[EventReport] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


class BedDetector:
    """One bed in one boot, with one release. Use from one thread, with a database connection of its own.

    Raises Refused for a card without a trigger.
    """

    def __init__(
        self,
        folder: Path,
        connection: sqlite3.Connection,
        outbox: Outbox,
        card: ReleaseCard,
        run: RunStep,
        clock: Clock,
    ) -> None:
        if card.trigger is None:
            raise Refused(f"Release {card.name}: the card has no trigger; a detector needs one.", release=card.name)
        self._folder = folder
        self._connection = connection
        self._outbox = outbox
        self._clock = clock
        self._release = card.name
        self._stream = DetectorStream(card, run)
        self._trigger = Trigger(card.trigger)
        self._book = EventBook(clock.boot_id)
        self._log = ScoreLog(connection, clock.boot_id)
        self._stay_id: UUID | None = None
        self._paused = False
        self._untold: deque[EventReport] = deque(maxlen=UNTOLD_LIMIT)
        self._preview_ns: int | None = None
        self._score_ns = 0
        self._next_look_ns = 0
        self._utc_offset_ns = clock.utc_ns() - clock.monotonic_ns()

    def recover(self) -> Outcome:
        """After a start: the trigger as it was, events left open adopted or closed.

        Call once, after the first `set_stay` and before the first preview.
        """
        history = self._log.since(max(0, self._clock.monotonic_ns() - REBUILD_NS), self._release)
        opened: dict[int, Action] = {}
        for score in history:
            for action in self._trigger.feed(score):
                if isinstance(action, Opened):
                    opened[action.number] = action
        if history:
            self._score_ns = history[-1].mono_ns
            self._utc_offset_ns = history[-1].utc_ns - history[-1].mono_ns
        number = self._trigger.open_number
        left_open = self._outbox.open_events()
        goes_on = [report for report in left_open if number is not None and self._is_that(report, opened[number])]
        for report in left_open:
            if not goes_on or report is not goes_on[-1]:
                self._untold.append(closed_as_known(report))
        newest = self._outbox.newest_event()
        if number is not None and goes_on:
            self._book.adopt(number, goes_on[-1])
            if goes_on[-1].stay_id != self._stay_id or self._paused:
                for action in self._trigger.flush():
                    self._take(action)
        elif number is not None and newest is not None and self._is_that(newest, opened[number]):
            self._trigger = Trigger(self._trigger.rule)  # it was closed from outside: a pause, a stay's end, silence
        elif number is not None:
            self._take(opened[number])
        return self._tell(Outcome())

    def _is_that(self, report: EventReport, action: Action) -> bool:
        """The event on disk is of this boot and not over before the one of the rebuilt trigger began."""
        return report.boot_id == self._clock.boot_id and report.end_mono_ns >= action.active.start_ns

    def catch_up(self, before: Preview | None = None) -> Iterator[Preview]:
        """What the ring has and the bus did not bring: since the last score (after a start), or in the gap before a preview."""
        now_ns = self._clock.monotonic_ns()
        if before is None:
            start_ns, end_ns = max(self._score_ns - WARM_UP_NS, now_ns - CATCH_UP_NS, 0), now_ns
        else:
            last_ns = self._preview_ns
            if last_ns is None or before.mono_ns - last_ns <= MISSING_NS or now_ns < self._next_look_ns:
                return
            start_ns, end_ns = max(last_ns + 1, before.mono_ns - CATCH_UP_NS), before.mono_ns
        self._next_look_ns = now_ns + LOOK_PERIOD_NS
        yield from previews_from_ring(self._folder, self._connection, self._clock.boot_id, start_ns, end_ns)

    def push(self, preview: Preview) -> Outcome:
        """One preview. Those of the future, and previews and scores not newer than the last score, are passed over."""
        outcome = Outcome()
        ahead_ns = preview.mono_ns - self._clock.monotonic_ns()
        if ahead_ns > AHEAD_NS or preview.mono_ns < 0:
            outcome.troubles.append(
                f"A preview of {ahead_ns / NS_PER_S:+.1f} s from now is passed over: the camera's time is wrong."
            )
            return self._tell(outcome)
        self._score(preview, outcome)
        return self._tell(outcome)

    def _score(self, preview: Preview, outcome: Outcome) -> None:
        self._preview_ns = max(self._preview_ns or 0, preview.mono_ns)
        try:
            scores = self._stream.push(preview)
        except (Refused, Transient) as error:
            outcome.troubles.append(error.sentence)
            return
        self._keep(scores, outcome)

    def _keep(self, scores: list[Score], outcome: Outcome) -> None:
        """Scores newer than the last one go to the log, to the trigger and out."""
        for score in scores:
            if score.mono_ns <= self._score_ns:
                continue
            self._score_ns = score.mono_ns
            self._utc_offset_ns = score.utc_ns - score.mono_ns
            self._log.add(score)
            outcome.scores.append(score)
            for action in self._trigger.feed(score):
                self._take(action)

    def set_stay(self, stay_id: UUID | None, *, paused: bool) -> Outcome:
        """Another stay or a pause: what is open ends, under the stay in which it began."""
        if (stay_id, paused) != (self._stay_id, self._paused):
            for action in self._trigger.flush():
                self._take(action)
        self._stay_id, self._paused = stay_id, paused
        return self._tell(Outcome())

    def idle(self) -> Outcome:
        """A turn without a preview: tries again what could not be kept, and ends an event of which nothing is seen any more."""
        silent = self._clock.monotonic_ns() - self._score_ns > SILENCE_NS
        if silent and self._trigger.open_number is not None:
            for action in self._trigger.flush():
                self._take(action)
        return self._tell(Outcome())

    @property
    def in_event(self) -> bool:
        """An event is open."""
        return self._trigger.open_number is not None

    @property
    def broken_steps(self) -> int:
        """Steps of the release that runs now which gave no number."""
        return self._stream.broken_steps

    def switch(self, card: ReleaseCard, run: RunStep) -> Outcome:
        """Another release from here on. Its filters are warmed with the ring's last previews, so that no step is left out or
        scored twice; an event that is still open ends. Raises Refused for a card without a trigger, and changes nothing.
        """
        if card.trigger is None:
            raise Refused(f"Release {card.name}: the card has no trigger; a detector needs one.", release=card.name)
        stream, last_ns = DetectorStream(card, run), self._preview_ns
        outcome, warmed = Outcome(), list[Score]()
        if last_ns is not None:
            start_ns = max(0, last_ns - WARM_UP_NS)
            for preview in previews_from_ring(
                self._folder, self._connection, self._clock.boot_id, start_ns, last_ns + 1
            ):
                try:
                    warmed += stream.push(preview)
                except (Refused, Transient) as error:
                    outcome.troubles.append(error.sentence)
        for action in self._trigger.flush():
            self._take(action)
        self._stream, self._trigger, self._release = stream, Trigger(card.trigger), card.name
        self._keep(warmed, outcome)
        return self._tell(outcome)

    def close(self) -> None:
        """Writes the scores that wait; an open event stays open for the next start."""
        self._log.flush()

    def _take(self, action: Action) -> None:
        report = self._book.report(action, self._stay_id, self._utc_offset_ns)
        if report is not None:
            self._untold.append(report)

    def _tell(self, outcome: Outcome) -> Outcome:
        """Scores go to disk before the event that they caused, so that a restart finds both or scores alone."""
        if (self._log.due or self._untold) and not self._log.flush():
            outcome.troubles.append("The scores cannot be written now; they wait.")
        while self._untold:
            report = self._untold[0]
            try:
                self._outbox.record(report, self._clock.utc_ns())
            except Transient as error:
                outcome.troubles.append(error.sentence)
                break
            except Refused as error:
                outcome.troubles.append(error.sentence)
                self._book.forget(report.event_id)
            else:
                outcome.reports.append(report)
            self._untold.popleft()
        return outcome
