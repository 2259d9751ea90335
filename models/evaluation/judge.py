"""One recording and one contender's events: what was found, what was false, what the clips would keep.

In: a `Recording` and the events that a trigger made of it. Out: `Judged`, counts that can be added up over recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.evaluation.recording import Event, Recording, Span, Stretch, covered, inside, united
from models.metrics.matching import Detection, Truth, match
from models.metrics.szcore import EventScore, SzcoreRule, score_events

AFTER_STRETCH_S = 10.0
"""A false event that opens so soon after a confounder is the confounder's: the picture still settles."""
QUIET_PIECE_S = 300.0
"""Quiet time is counted in pieces of at most this, as SzCORE cuts long events: one endless event is not one false alarm."""


@dataclass(frozen=True, slots=True)
class Touched:
    """Stretches of one kind: how many, how many of them a false event touched, and their seconds."""

    stretches: int = 0
    touched: int = 0
    seconds: float = 0.0

    def __add__(self, other: Touched) -> Touched:
        return Touched(self.stretches + other.stretches, self.touched + other.touched, self.seconds + other.seconds)


@dataclass(frozen=True, slots=True)
class Judged:
    """The judgement on one recording. `unrecorded`: true events that lie wholly in deficient time, which nobody could find."""

    recording: Recording
    detections: tuple[Detection, ...]
    unrecorded: tuple[Truth, ...]
    false: tuple[Event, ...]
    szcore: EventScore
    all_bytes: float
    false_bytes: float
    ictal_s: float
    ictal_inside_s: float
    confounders: dict[str, Touched]
    quiet: Touched

    @property
    def found(self) -> tuple[Detection, ...]:
        """The true events that were found."""
        return tuple(one for one in self.detections if one.latency_s is not None)


def judge(recording: Recording, events: Sequence[Event], rule: SzcoreRule | None = None) -> Judged:
    """Judges the events of one contender. Raises ValueError for a truth or an event that is no span of the recording."""
    rule = rule or SzcoreRule()
    gaps = united((gap.start_s, gap.end_s) for gap in recording.deficient)
    recorded = [truth for truth in recording.truths if not _swallowed(truth, gaps)]
    spans = [(event.start_s, event.end_s, event.decided_s) for event in events]
    detections, stray = match(recorded, spans, rule)
    false = tuple(events[index] for index in stray)
    counts = score_events([(t.start_s, t.end_s) for t in recorded], [span[:2] for span in spans], recording.length_s)
    clips = united((event.clip_start_s, event.clip_end_s) for event in events)
    found = [one.truth for one in detections if one.latency_s is not None]
    return Judged(
        recording,
        tuple(detections),
        tuple(truth for truth in recording.truths if truth not in recorded),
        false,
        EventScore(counts.true, counts.found, counts.false, recording.hours),
        sum(piece.size_bytes for piece in recording.pieces),
        _kept_bytes(recording, false),
        sum(truth.end_s - truth.start_s for truth in found),
        sum(inside((truth.start_s, truth.end_s), clips) for truth in found),
        _confounders(recording.others, false),
        _quiet(recording, gaps, false, rule),
    )


def _swallowed(truth: Truth, gaps: Sequence[Span]) -> bool:
    length_s = truth.end_s - truth.start_s
    return length_s > 0 and inside((truth.start_s, truth.end_s), gaps) >= length_s


def _kept_bytes(recording: Recording, false: Sequence[Event]) -> float:
    """Bytes of every piece that a false event's clip touches: pieces are kept whole."""
    clips = [(event.clip_start_s, event.clip_end_s) for event in false]
    return sum(
        piece.size_bytes
        for piece in recording.pieces
        if any(start_s < piece.end_s and piece.start_s < end_s for start_s, end_s in clips)
    )


def _touches(start_s: float, end_s: float, false: Sequence[Event]) -> bool:
    return any(event.start_s < end_s and event.end_s >= start_s for event in false)


def _confounders(others: Sequence[Stretch], false: Sequence[Event]) -> dict[str, Touched]:
    by_kind: dict[str, Touched] = {}
    for stretch in others:
        touched = _touches(stretch.start_s, stretch.end_s + AFTER_STRETCH_S, false)
        one = Touched(1, int(touched), stretch.end_s - stretch.start_s)
        by_kind[stretch.kind] = by_kind.get(stretch.kind, Touched()) + one
    return by_kind


def _quiet(recording: Recording, gaps: Sequence[Span], false: Sequence[Event], rule: SzcoreRule) -> Touched:
    """Pieces of the time in which nothing is known to have happened."""
    busy = [(t.start_s - rule.before_s, t.end_s + rule.after_s) for t in recording.truths]
    busy += [(other.start_s, other.end_s + AFTER_STRETCH_S) for other in recording.others]
    total = Touched()
    for start_s, end_s in _between(united([*busy, *gaps]), recording.length_s):
        at_s = start_s
        while at_s < end_s:
            piece_end_s = min(at_s + QUIET_PIECE_S, end_s)
            total += Touched(1, int(_touches(at_s, piece_end_s, false)), piece_end_s - at_s)
            at_s = piece_end_s
    return total


def _between(spans: Sequence[Span], length_s: float) -> list[Span]:
    free: list[Span] = []
    at_s = 0.0
    for start_s, end_s in spans:
        if start_s > at_s:
            free.append((at_s, min(start_s, length_s)))
        at_s = max(at_s, end_s)
    return [span for span in [*free, (at_s, length_s)] if covered([span]) > 0]
