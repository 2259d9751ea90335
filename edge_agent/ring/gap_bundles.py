"""Bundles runs of small gaps: a camera that skips each third frame makes a record each ten seconds, not ten a second. Pure.

A gap that stands alone is told at once. Only one that follows a told one of its cause within a second waits, at most ten
seconds, for others to be told with; a crash meanwhile is made good by `look_back.py` from the frames' own indices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shared.clock import NS_PER_S
from shared.frame import Stream
from shared.gap import Gap, GapCause

NEIGHBOURS_NS = NS_PER_S
LONGEST_NS = 10 * NS_PER_S


@dataclass(slots=True)
class _Run:
    """One stream and cause: where its newest gap ended, and what waits."""

    end_ns: int
    waiting: Gap | None = None


class GapBundles:
    """`tell` is handed bundles and single gaps; those of one stream and cause in the order of time."""

    def __init__(self, tell: Callable[[Gap], None]) -> None:
        self._tell = tell
        self._runs: dict[tuple[Stream, GapCause], _Run] = {}

    def add(self, gap: Gap) -> None:
        """One gap that has ended."""
        run = self._runs.setdefault((gap.stream, gap.cause), _Run(-NEIGHBOURS_NS - 1))
        alone = gap.start_mono_ns - run.end_ns > NEIGHBOURS_NS
        long = gap.end_mono_ns - gap.start_mono_ns > NEIGHBOURS_NS
        run.end_ns = gap.end_mono_ns
        if run.waiting is not None and (alone or long or gap.end_mono_ns - run.waiting.start_mono_ns > LONGEST_NS):
            self._release(run)
        if run.waiting is not None:
            run.waiting = run.waiting.joined(gap)
        elif alone or long:
            self._tell(gap)
        else:
            run.waiting = gap

    def tick(self, now_mono_ns: int) -> None:
        """Tells what has waited long enough or will have no neighbours."""
        for run in self._runs.values():
            if run.waiting is not None and (
                now_mono_ns - run.end_ns > NEIGHBOURS_NS or now_mono_ns - run.waiting.start_mono_ns > LONGEST_NS
            ):
                self._release(run)

    def flush(self) -> None:
        """Tells all that waits: the segment is sealed or the recorder stops."""
        for run in self._runs.values():
            self._release(run)

    def _release(self, run: _Run) -> None:
        gap, run.waiting = run.waiting, None
        if gap is not None:
            self._tell(gap)


def condensed(gaps: list[Gap], most: int) -> list[Gap]:
    """At most `most` gaps that say the same in total: touching ones are joined first, then those ever further apart.

    Gaps are in the order of time; a span that holds more streams and causes than `most` keeps one for each.
    """
    distance_ns = 0
    kinds = len({(gap.stream, gap.cause, gap.boot_id) for gap in gaps})
    while len(gaps) > max(most, kinds):
        open_ones: dict[tuple[Stream, GapCause, str], Gap] = {}
        done: list[Gap] = []
        for gap in gaps:
            key = (gap.stream, gap.cause, gap.boot_id)
            known = open_ones.get(key)
            if known is not None and gap.start_mono_ns - known.end_mono_ns <= distance_ns:
                open_ones[key] = known.joined(gap)
                continue
            if known is not None:
                done.append(known)
            open_ones[key] = gap
        gaps = sorted([*done, *open_ones.values()], key=lambda gap: (gap.start_mono_ns, gap.stream, gap.cause))
        distance_ns = max(NEIGHBOURS_NS, 4 * distance_ns)
    return gaps
