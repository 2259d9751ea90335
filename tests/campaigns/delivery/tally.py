"""What the campaign counted, and the sentences about what must not have been."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(slots=True)
class Tally:
    """Counts over all trials. `faults`: how many of each kind were put in."""

    quiet: bool = False
    trials: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    points: set[str] = field(default_factory=set)
    """Failpoints that were reached by a program of a house."""
    killed_at: Counter[str] = field(default_factory=Counter)
    """Kills at each failpoint."""
    seeds: dict[str, int] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    unexpected_ends: list[str] = field(default_factory=list)
    _began_s: float = field(default_factory=time.monotonic)

    def complain(self, trial: str, what: str) -> None:
        """Something that must not be was seen."""
        self.complaints.append(f"{trial}: {what}")

    def expect(self, trial: str, holds: object, otherwise: str) -> None:
        """Complains unless it holds."""
        if not holds:
            self.complain(trial, otherwise)

    def say(self, sentence: str) -> None:
        """A line of progress."""
        if not self.quiet:
            print(f"{time.monotonic() - self._began_s:7.1f} s  {sentence}", flush=True)


@dataclass(slots=True)
class Verdict:
    """One judgement of a house that is quiet: what was committed at its beds, and what must not be."""

    events: int = 0
    reports: int = 0
    segments: int = 0
    clips: int = 0
    lost: list[UUID] = field(default_factory=list)
    """Events that a witness noted and the cloud has not, or not in their last revision."""
    doubled: list[str] = field(default_factory=list)
    """What the cloud has twice: events, review tasks, jobs, messages."""
    false_stored: list[str] = field(default_factory=list)
    """Clips or objects that somebody calls stored and whose bytes are not in the store."""
    faults: list[str] = field(default_factory=list)
    """What the shipped checkers name, and what did not come to rest."""

    @property
    def sentences(self) -> list[str]:
        """All that must not be."""
        return [
            *(f"event {event_id} is lost" for event_id in self.lost),
            *self.doubled,
            *(f"false stored: {each}" for each in self.false_stored),
            *self.faults,
        ]

    def into(self, tally: Tally, trial: str, *, last: bool = True) -> None:
        """Adds the counts, and a complaint for each sentence (twenty at most). What is there is counted once a house (`last`)."""
        tally.trials[trial] += 1
        for name in ("events", "reports", "segments", "clips") if last else ():
            tally.counts[name] += getattr(self, name)
        tally.counts["events_lost"] += len(self.lost)
        tally.counts["events_doubled"] += len(self.doubled)
        tally.counts["false_stored"] += len(self.false_stored)
        for sentence in self.sentences[:20]:
            tally.complain(trial, sentence)
