"""A contender over one recording, as at the bed: previews to scores by one scorer, scores to events by several triggers at once.

In: previews in time order. Out: the events of each rule. Nothing but the events is kept, so a week costs no more than an hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from models.evaluation.recording import Event
from shared.clock import NS_PER_S
from shared.preview import Preview
from shared.score import Score
from shared.trigger import Action, Closed, Opened, Trigger, TriggerRule


class Scorer(Protocol):
    """Anything that makes scores of previews: the shipped stream around a release, or a baseline."""

    def push(self, preview: Preview) -> list[Score]:
        """The scores that this preview completes. Refused for a preview of a wrong shape or dtype."""


class EventList:
    """One trigger's events; times are seconds from `start_ns`."""

    def __init__(self, rule: TriggerRule, start_ns: int = 0) -> None:
        self._trigger = Trigger(rule)
        self._start_ns = start_ns
        self._opened_s: dict[int, float] = {}
        self._events: list[Event] = []

    def feed(self, score: Score) -> None:
        """One score."""
        for action in self._trigger.feed(score):
            self._note(action)

    def end(self) -> tuple[Event, ...]:
        """All events; the recording ends here."""
        for action in self._trigger.flush():
            self._note(action)
        return tuple(self._events)

    def _note(self, action: Action) -> None:
        if isinstance(action, Opened):
            self._opened_s[action.number] = self._s(action.decided_ns)
        if isinstance(action, Closed):
            self._events.append(
                Event(
                    self._s(action.active.start_ns),
                    self._s(action.active.end_ns),
                    self._opened_s.pop(action.number),
                    self._s(action.span.start_ns),
                    self._s(action.span.end_ns),
                    max(action.votes, key=lambda name: action.votes[name], default="unknown"),
                    action.peak,
                )
            )

    def _s(self, mono_ns: int) -> float:
        return round((mono_ns - self._start_ns) / NS_PER_S, 6)


class Watch:
    """One scorer and the triggers that listen to it. `scores` counts what it heard."""

    def __init__(self, scorer: Scorer, rules: Sequence[TriggerRule], start_ns: int = 0) -> None:
        self.scores = 0
        self._scorer = scorer
        self._lists = [EventList(rule, start_ns) for rule in rules]

    def see(self, preview: Preview) -> None:
        """One preview. Raises Refused for a wrong shape or dtype."""
        for score in self._scorer.push(preview):
            self.scores += 1
            for events in self._lists:
                events.feed(score)

    def events(self) -> list[tuple[Event, ...]]:
        """The events of each rule, in the order of the rules; the recording ends here."""
        return [events.end() for events in self._lists]


def at_threshold(rule: TriggerRule, open_at: float) -> TriggerRule:
    """The same rule with another opening threshold; the closing one keeps its share of it."""
    close_at = max(1e-6, round(open_at * rule.close_at / rule.open_at, 6))
    return rule.model_copy(update={"open_at": open_at, "close_at": min(close_at, open_at)})
