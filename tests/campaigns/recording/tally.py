"""What the campaign counted, and the sentences about what must not have been."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.campaigns.recording.truth import Verdict

GOAL_TAIL_S = 2.0


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


@dataclass(slots=True)
class Tally:
    """Counts over all trials."""

    quiet: bool = False
    trials: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    tails_s: list[float] = field(default_factory=list)
    restarts_s: list[float] = field(default_factory=list)
    points: set[str] = field(default_factory=set)
    """Failpoints that were reached."""
    seeds: dict[str, int] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    _began_s: float = field(default_factory=time.monotonic)

    def add(self, trial: str, verdict: Verdict, where: str, causes: frozenset[str] | None = None) -> None:
        """One trial and its judgement; `causes` are those that gaps over lost frames may have."""
        self.trials[trial] += 1
        self.counts["segments_judged"] += verdict.confirmed
        for name in ("confirmed_lost", "false_confirmations", "pinned_lost", "unaccounted"):
            self.counts[name] += getattr(verdict, name)
        for complaint in verdict.complaints:
            self.complain(trial, where, complaint)
        for cause, frames in verdict.causes.items():
            self.counts[f"lost_to_{cause}"] += frames
            if causes is not None and cause not in causes:
                self.complain(trial, where, f"{frames} frames are said to be lost to {cause}")

    def tail(self, trial: str, verdict: Verdict, where: str) -> None:
        """The video that went with an unflushed tail; of made-up states only the limit counts, not the figure."""
        if not trial.startswith("crash"):
            self.tails_s.append(verdict.lost_s)
        if verdict.lost_s > GOAL_TAIL_S:
            self.complain(trial, where, f"{verdict.lost_s:.1f} s of the tail are lost")

    def complain(self, trial: str, where: str, what: str) -> None:
        self.complaints.append(f"{trial} ({where}): {what}")

    def expect(self, trial: str, where: str, holds: object, otherwise: str) -> None:
        """Complains unless it holds."""
        if not holds:
            self.complain(trial, where, otherwise)

    def say(self, sentence: str) -> None:
        """A line of progress."""
        if not self.quiet:
            print(f"{time.monotonic() - self._began_s:7.1f} s  {sentence}", flush=True)
            sys.stdout.flush()
