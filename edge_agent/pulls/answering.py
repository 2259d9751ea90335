"""Answers pulls: a request in; out: the answer, with the parts pinned and made events in the one transaction that keeps it.

The same request again has the same answer and no other effect. A request is not answered while the outbox is full or the
database locked: the cloud asks again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from uuid import UUID

import structlog

from edge_agent.button import Button
from edge_agent.desired import load_desired
from edge_agent.detection.event_book import UNKNOWN_TYPE
from edge_agent.outbox.store import Outbox
from edge_agent.outbox.transaction import transaction
from edge_agent.pulls.account import streams_of, why_nothing
from edge_agent.pulls.spans import HeldSpan, held_spans
from edge_agent.ring.pins import pinned_bytes
from shared.clock import Clock
from shared.contract import Contract
from shared.errors import Refused, Transient
from shared.event import EventCause, EventPhase, EventReport
from shared.ids import uuid7
from shared.pull import BY_HAND, MARK_NS, MAX_PARTS, PullAnswer, PullOutcome, PullPart, PullRequest
from shared.topics import Topic

KEPT_ANSWERS = 2_000
PINNED_SHARE = 0.5
"""A bed whose pins hold more of the ring than this refuses further pulls: recording comes first."""
AHEAD_NS = 2 * MARK_NS
"""So far into the future a span may reach; what goes further is cut off there."""
_log = structlog.get_logger(__name__)


class Pulls:
    """Use from one thread, with the connection of the outbox. `max_bytes` is the size of the ring."""

    def __init__(self, connection: sqlite3.Connection, outbox: Outbox, clock: Clock, max_bytes: int) -> None:
        self._connection, self._outbox, self._clock, self._max_bytes = connection, outbox, clock, max_bytes

    def answer(self, request: PullRequest, say: Callable[[Topic, Contract], bool]) -> None:
        """Takes the request and says the answer; a lost answer is said again when the cloud asks again. Never raises for either."""
        try:
            answer = self.take(request)
            say(Topic.answer, answer)
        except (Transient, Refused) as error:
            _log.warning("pull_put_off", pull_id=str(request.pull_id), sentence=error.sentence)
            return
        _log.info("pull_answered", pull_id=str(request.pull_id), outcome=answer.outcome.value, parts=len(answer.parts))

    def take(self, request: PullRequest) -> PullAnswer:
        """The answer, kept. Raises Transient when the bed cannot take it now."""
        kept = self._kept(request.pull_id)
        if kept is not None:
            return kept
        if self._outbox.fill() >= 1.0:
            raise Transient("The outbox is full: a pull waits until there is room.", pull_id=str(request.pull_id))
        with transaction(self._connection):
            answer = self._answer(request)
            self._connection.execute(
                "INSERT INTO pulls (pull_id, answer) VALUES (?, ?)", (str(request.pull_id), answer.model_dump_json())
            )
            self._connection.execute(
                "DELETE FROM pulls WHERE number <= (SELECT max(number) FROM pulls) - ?", (KEPT_ANSWERS,)
            )
        return answer

    def _kept(self, pull_id: UUID) -> PullAnswer | None:
        row = self._connection.execute("SELECT answer FROM pulls WHERE pull_id = ?", (str(pull_id),)).fetchone()
        return PullAnswer.model_validate_json(row[0]) if row else None

    def _answer(self, request: PullRequest) -> PullAnswer:
        now_utc_ns = self._clock.utc_ns()
        if now_utc_ns >= request.expires_utc_ns:
            return self._no(request, PullOutcome.refused, "The request came to the bed after it had expired.")
        pressed_ns = self._press_of(request)
        if pressed_ns is not None:
            return self._marked(request, pressed_ns)
        wanted = (request.start_utc_ns, min(request.end_utc_ns, now_utc_ns + AHEAD_NS))
        stay_id = load_desired(self._connection).stay_id
        spans = held_spans(self._connection, self._clock, wanted, stay_id) if wanted[0] < now_utc_ns else []
        if not spans:
            return self._no(request, PullOutcome.nothing, why_nothing(self._connection, self._clock, wanted))
        if len(spans) > MAX_PARTS:
            sentence = (
                f"The span falls into {len(spans)} parts by boots, stays and set clocks; the limit is {MAX_PARTS}."
            )
            return self._no(request, PullOutcome.refused, sentence)
        if pinned_bytes(self._connection) > PINNED_SHARE * self._max_bytes:
            sentence = (
                "Clips that are under way hold half of the ring already: ask again when some of them have arrived."
            )
            return self._no(request, PullOutcome.refused, sentence)
        parts = [self._make_event(span, request.cause) for span in spans]
        return PullAnswer(
            pull_id=request.pull_id, outcome=PullOutcome.held, parts=parts, answered_utc_ns=now_utc_ns
        )  # fmt: skip

    def _press_of(self, request: PullRequest) -> int | None:
        """When the button on the web was pressed, in this boot's time; None where that is more than a minute ago."""
        ago_ns = self._clock.utc_ns() - (request.start_utc_ns + request.end_utc_ns) // 2
        now_ns = self._clock.monotonic_ns()
        if request.cause is not EventCause.button or not -MARK_NS <= ago_ns <= min(MARK_NS, now_ns):
            return None
        return now_ns - max(0, ago_ns)

    def _marked(self, request: PullRequest, pressed_ns: int) -> PullAnswer:
        """A press that comes in time is one at the box: it opens an event or extends the one that is open."""
        report = Button(self._connection, self._outbox, self._clock).press_within(pressed_ns).report
        offset_ns = report.start_utc_ns - report.start_mono_ns
        span = HeldSpan(
            report.boot_id, report.stay_id, report.clip_start_mono_ns, report.clip_end_mono_ns, offset_ns
        )  # fmt: skip
        return PullAnswer(
            pull_id=request.pull_id, outcome=PullOutcome.held, parts=[self._part_of(report.event_id, span)],
            answered_utc_ns=self._clock.utc_ns(),
        )  # fmt: skip

    def _no(self, request: PullRequest, outcome: PullOutcome, reason: str) -> PullAnswer:
        return PullAnswer(
            pull_id=request.pull_id, outcome=outcome, reason=reason, parts=[], answered_utc_ns=self._clock.utc_ns()
        )

    def _make_event(self, span: HeldSpan, cause: EventCause) -> PullPart:
        report = report_of(span, cause, uuid7(self._clock.utc_ns()))
        self._outbox.record_within(report, self._clock.utc_ns())
        return self._part_of(report.event_id, span)

    def _part_of(self, event_id: UUID, span: HeldSpan) -> PullPart:
        until_ns = self._clock.monotonic_ns() if span.boot_id == self._clock.boot_id else span.end_ns
        streams, evicted = streams_of(self._connection, span, until_ns)
        return PullPart(
            event_id=event_id, boot_id=span.boot_id, stay_id=span.stay_id,
            start_utc_ns=max(0, span.start_ns + span.offset_ns), end_utc_ns=max(0, span.end_ns + span.offset_ns),
            streams=streams, evicted=evicted,
        )  # fmt: skip


def report_of(span: HeldSpan, cause: EventCause, event_id: UUID) -> EventReport:
    """The event of a span that somebody asked for: it is all clip, and closed from the start."""
    start_utc_ns = max(0, span.start_ns + span.offset_ns)
    return EventReport(
        event_id=event_id,
        revision=0,
        phase=EventPhase.closed,
        cause=cause,
        stay_id=span.stay_id,
        boot_id=span.boot_id,
        start_mono_ns=span.start_ns,
        end_mono_ns=span.end_ns,
        clip_start_mono_ns=span.start_ns,
        clip_end_mono_ns=span.end_ns,
        start_utc_ns=start_utc_ns,
        end_utc_ns=start_utc_ns + span.end_ns - span.start_ns,
        peak_score=0.0,
        motor_type=UNKNOWN_TYPE,
        release=BY_HAND,
    )
