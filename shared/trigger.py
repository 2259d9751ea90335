"""The trigger: scores in time order become candidates and events. Pure: no clock, no threads, no files.

In: `Score` records and a `TriggerRule`. Out: actions `Opened`, `Updated`, `Closed`, each with its span in monotonic ns.
A candidate is a run of scores above `close_at`; it becomes an event when enough of it lies above `open_at`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field, model_validator

from shared.clock import NS_PER_S
from shared.contract import Contract
from shared.score import Score

LONGEST_STEP_S = 1.0
"""A score speaks for the time since the one before, for one second at most: nothing is said of a gap."""

EndedBy = Literal["quiet", "length", "flush"]


class TriggerRule(Contract):
    """The trigger's parameters, as a release's card carries them."""

    open_at: float = Field(gt=0.0, le=1.0)
    close_at: float = Field(gt=0.0, le=1.0)
    min_length_s: float = Field(ge=0.0, le=60.0)
    dip_s: float = Field(default=2.0, ge=0.0, le=60.0)
    merge_s: float = Field(default=20.0, ge=0.0, le=600.0)
    cool_down_s: float = Field(default=10.0, ge=0.0, le=3600.0)
    max_length_s: float = Field(default=300.0, ge=10.0, le=3600.0)
    pre_roll_s: float = Field(default=30.0, ge=30.0, le=600.0)
    post_roll_s: float = Field(default=20.0, ge=0.0, le=600.0)
    update_s: float = Field(default=10.0, gt=0.0, le=600.0)

    @model_validator(mode="after")
    def _closes_below_opening(self) -> TriggerRule:
        if self.close_at > self.open_at:
            raise ValueError("close_at must not lie above open_at")
        return self


@dataclass(frozen=True, slots=True)
class Span:
    """From `start_ns` to `end_ns`, monotonic, start <= end."""

    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Action:
    """What all actions carry.

    number: counts the events of this trigger from 1. span: what to keep, rolls included; never later than `decided_ns`.
    active: from the first to the last score above close_at. decided_ns: time of the score that caused the action.
    votes: motor type -> mean share over the active time.
    """

    number: int
    span: Span
    active: Span
    decided_ns: int
    peak: float
    votes: dict[str, float]
    release: str


_Facts = tuple[int, Span, Span, int, float, dict[str, float], str]


@dataclass(frozen=True, slots=True)
class Opened(Action):
    """A candidate became an event; `continues` names the event that just reached its maximum length, if one did."""

    continues: int | None = None


@dataclass(frozen=True, slots=True)
class Updated(Action):
    """The open event goes on, its span grew."""


@dataclass(frozen=True, slots=True)
class Closed(Action):
    """The event is over: by quiet, by its maximum length (the next event continues it) or by a flush from outside."""

    ended_by: EndedBy = "quiet"


@dataclass(slots=True)
class _Run:
    """A candidate, or the event that it became."""

    start_ns: int
    onset_ns: int
    last_high_ns: int
    release: str
    above_open_ns: int = 0
    peak: float = 0.0
    votes_ns: dict[str, float] = field(default_factory=dict)
    number: int = 0
    told_ns: int = 0

    @property
    def is_event(self) -> bool:
        return self.number > 0

    def vote(self, score: Score, step_ns: int) -> None:
        weight = max(step_ns, 1)
        for name, share in score.motor_types.items():
            self.votes_ns[name] = self.votes_ns.get(name, 0.0) + share * weight

    def shares(self) -> dict[str, float]:
        total = sum(self.votes_ns.values())
        return {name: weight / total for name, weight in self.votes_ns.items()} if total > 0 else {}


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)


class Trigger:
    """Feeds on scores, gives actions. `late` counts scores not newer than the one before; they are passed over."""

    def __init__(self, rule: TriggerRule) -> None:
        self.rule = rule
        self.late = 0
        self._run: _Run | None = None
        self._last_ns: int | None = None
        self._cool_until_ns = 0
        self._count = 0

    @property
    def open_number(self) -> int | None:
        """The number of the open event, None when there is none."""
        return self._run.number if self._run and self._run.is_event else None

    def feed(self, score: Score) -> list[Action]:
        """The actions that this score causes, in order; mostly none."""
        now_ns = score.mono_ns
        if self._last_ns is not None and now_ns <= self._last_ns:
            self.late += 1
            return []
        step_ns = 0 if self._last_ns is None else min(now_ns - self._last_ns, _ns(LONGEST_STEP_S))
        self._last_ns = now_ns
        actions = self._end_if_quiet(now_ns)
        if score.value >= self.rule.close_at:
            self._add(score, step_ns)
        if self._run is not None:
            actions += self._advance(self._run, score)
        return actions

    def flush(self) -> list[Action]:
        """Ends everything now: a privacy pause, a change of stay, a recording's end. A mere candidate is dropped."""
        run, self._run = self._run, None
        if run is None or not run.is_event or self._last_ns is None:
            return []
        return [Closed(*self._facts(run, self._last_ns), ended_by="flush")]

    def _end_if_quiet(self, now_ns: int) -> list[Action]:
        run = self._run
        if run is None or now_ns - run.last_high_ns <= _ns(self.rule.merge_s if run.is_event else self.rule.dip_s):
            return []
        self._run = None
        if not run.is_event:
            return []
        self._cool_until_ns = run.last_high_ns + _ns(self.rule.cool_down_s)
        return [Closed(*self._facts(run, now_ns), ended_by="quiet")]

    def _add(self, score: Score, step_ns: int) -> None:
        now_ns = score.mono_ns
        if self._run is None or self._is_stale(self._run, now_ns):
            self._run = _Run(max(0, now_ns - _ns(self.rule.pre_roll_s)), now_ns, now_ns, score.release)
        run = self._run
        run.last_high_ns = now_ns
        run.release = score.release
        run.peak = max(run.peak, score.value)
        run.above_open_ns += step_ns if score.value >= self.rule.open_at else 0
        run.vote(score, step_ns)

    def _is_stale(self, run: _Run, now_ns: int) -> bool:
        """A candidate that smoulders for half an event's length is begun anew: its start must still be in the ring."""
        return not run.is_event and now_ns - run.onset_ns >= _ns(self.rule.max_length_s / 2)

    def _advance(self, run: _Run, score: Score) -> list[Action]:
        now_ns = score.mono_ns
        if not run.is_event:
            ready = run.peak >= self.rule.open_at and run.above_open_ns >= _ns(self.rule.min_length_s)
            return [self._open(run, now_ns, None)] if ready and now_ns >= self._cool_until_ns else []
        if run.last_high_ns != now_ns:
            return []
        if now_ns - run.onset_ns >= _ns(self.rule.max_length_s):
            return self._continue(run, score)
        if now_ns - run.told_ns >= _ns(self.rule.update_s):
            run.told_ns = now_ns
            return [Updated(*self._facts(run, now_ns))]
        return []

    def _open(self, run: _Run, now_ns: int, continues: int | None) -> Opened:
        self._count += 1
        run.number = self._count
        run.told_ns = now_ns
        return Opened(*self._facts(run, now_ns), continues=continues)

    def _continue(self, run: _Run, score: Score) -> list[Action]:
        now_ns = score.mono_ns
        closed = Closed(*self._facts(run, now_ns), ended_by="length")
        self._run = _Run(now_ns, now_ns, now_ns, score.release, peak=score.value)
        self._run.vote(score, 0)
        return [closed, self._open(self._run, now_ns, run.number)]

    def _facts(self, run: _Run, now_ns: int) -> _Facts:
        end_ns = min(now_ns, run.last_high_ns + _ns(self.rule.post_roll_s))
        active = Span(run.onset_ns, run.last_high_ns)
        return run.number, Span(run.start_ns, end_ns), active, now_ns, run.peak, run.shares(), run.release
