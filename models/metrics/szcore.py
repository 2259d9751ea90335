"""SzCORE event scoring: the counts of `timescoring`, with its traps guarded.

In: true and found events as spans in seconds, and the length of the recording. Out: counts and rates.
The rules are those of SzCORE (Dan et al., Epilepsia 2024, doi 10.1111/epi.18113), with the defaults of `timescoring`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

Seconds = tuple[float, float]
"""A span (start, end) in seconds."""

TICKS_PER_S = 10


@dataclass(frozen=True, slots=True)
class SzcoreRule:
    """Tolerances of the event scoring, in seconds."""

    before_s: float = 30.0
    after_s: float = 60.0
    merge_s: float = 90.0
    split_s: float = 300.0


@dataclass(frozen=True, slots=True)
class EventScore:
    """Counts of one recording or a sum of several; hours are those that were scored."""

    true: int
    found: int
    false: int
    hours: float

    def __add__(self, other: EventScore) -> EventScore:
        return EventScore(
            self.true + other.true, self.found + other.found, self.false + other.false, self.hours + other.hours
        )

    @property
    def sensitivity(self) -> float:
        """Found true events over all true events; NaN when there was none."""
        return self.found / self.true if self.true else math.nan

    @property
    def precision(self) -> float:
        """Found over found and false; NaN when nothing was found."""
        return self.found / (self.found + self.false) if self.found + self.false else math.nan

    @property
    def f1(self) -> float:
        """Harmonic mean of sensitivity and precision; NaN without any event."""
        total = 2 * self.found + self.false + (self.true - self.found)
        return 2 * self.found / total if total else math.nan

    @property
    def false_per_h(self) -> float:
        """False events an hour; NaN when no time was scored."""
        return self.false / self.hours if self.hours else math.nan


def tidy(events: Iterable[Seconds], length_s: float) -> list[tuple[int, int]]:
    """Events on the 10 Hz grid of SzCORE: sorted, overlapping ones united, each at least one tick long.

    This guards the traps of `timescoring`: unsorted or overlapping lists and events under 50 ms are miscounted there.
    Raises ValueError for an event that ends before it starts, is not finite or lies wholly outside the recording.
    """
    last = round(length_s * TICKS_PER_S)
    ticks: list[tuple[int, int]] = []
    for start_s, end_s in sorted(events):
        if not (math.isfinite(start_s) and math.isfinite(end_s)) or end_s < start_s:
            raise ValueError(f"an event from {start_s} s to {end_s} s is no span")
        if end_s < 0 or start_s > length_s:
            raise ValueError(f"an event from {start_s} s to {end_s} s lies outside the recording of {length_s} s")
        start = min(max(0, round(start_s * TICKS_PER_S)), last - 1)
        end = min(max(start + 1, round(end_s * TICKS_PER_S)), last)
        if ticks and start <= ticks[-1][1]:
            ticks[-1] = (ticks[-1][0], max(end, ticks[-1][1]))
        else:
            ticks.append((start, end))
    return ticks


def _merge(events: list[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in events:
        if merged and start - merged[-1][1] < gap:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def _split(events: list[tuple[int, int]], longest: int) -> list[tuple[int, int]]:
    pieces: list[tuple[int, int]] = []
    for start, end in events:
        piece_start = start
        while end - piece_start > longest:
            pieces.append((piece_start, piece_start + longest))
            piece_start += longest
        pieces.append((piece_start, end))
    return pieces


def _overlaps(first: tuple[int, int], second: tuple[int, int]) -> bool:
    return first[0] < second[1] and second[0] < first[1]


def score_events(
    true: Iterable[Seconds], found: Iterable[Seconds], length_s: float, rule: SzcoreRule | None = None
) -> EventScore:
    """Any-overlap event scoring of one recording of `length_s` seconds. Raises ValueError for a bad span or length."""
    if not (math.isfinite(length_s) and length_s >= 1 / TICKS_PER_S):
        raise ValueError(f"a recording of {length_s} s cannot be scored")
    rule = rule or SzcoreRule()
    last = round(length_s * TICKS_PER_S)
    gap, longest = round(rule.merge_s * TICKS_PER_S), round(rule.split_s * TICKS_PER_S)
    references = _split(_merge(tidy(true, length_s), gap), longest)
    guesses = _split(_merge(tidy(found, length_s), gap), longest)
    before, after = round(rule.before_s * TICKS_PER_S), round(rule.after_s * TICKS_PER_S)
    wide = [(max(0, start - before), min(last, end + after)) for start, end in references]
    hits = [span for span in wide if any(_overlaps(span, guess) for guess in guesses)]
    false = sum(not any(_overlaps(guess, span) for span in hits) for guess in guesses)
    return EventScore(len(references), len(hits), false, length_s / 3600)
