"""What is known of one recording under evaluation: whose it is, what truly happened, what else did, what was not recorded.

All times are seconds from the recording's start. Nothing here knows whether a ward was simulated or real.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from models.metrics.matching import Truth
from shared.errors import Refused

Sort = Literal["seizures", "ordinary", "stress", "confounders", "recorded"]
"""Nights made for their seizures, ordinary nights, nights dense in confounders, nights with each of these alone; or a hospital's
own recording."""

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A span of another known kind: a confounder of the ward, or why nothing was recorded."""

    kind: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Piece:
    """What a clip keeps whole: one sealed segment, or as much of a file, with its bytes."""

    start_s: float
    end_s: float
    size_bytes: float


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording of one patient. `deficient`: spans without recording, each with its cause."""

    name: str
    patient: str
    sort: Sort
    length_s: float
    truths: tuple[Truth, ...] = ()
    others: tuple[Stretch, ...] = ()
    deficient: tuple[Stretch, ...] = ()
    pieces: tuple[Piece, ...] = ()

    @property
    def deficient_s(self) -> float:
        """Seconds in which nothing was recorded, overlapping causes counted once."""
        return covered(united((gap.start_s, gap.end_s) for gap in self.deficient))

    @property
    def hours(self) -> float:
        """Hours that were recorded: rates are of these."""
        return max(0.0, self.length_s - self.deficient_s) / 3600


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the trigger: active span, decision, what its clip holds, its likeliest kind of movement, its peak."""

    start_s: float
    end_s: float
    decided_s: float
    clip_start_s: float
    clip_end_s: float
    kind: str
    peak: float


def united(spans: Iterable[Span]) -> list[Span]:
    """The same spans in order, overlapping ones made one."""
    joined: list[Span] = []
    for start_s, end_s in sorted(spans):
        if joined and start_s <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end_s, joined[-1][1]))
        else:
            joined.append((start_s, end_s))
    return joined


def covered(spans: Sequence[Span]) -> float:
    """Seconds in spans that do not overlap."""
    return sum(end_s - start_s for start_s, end_s in spans)


def inside(span: Span, spans: Sequence[Span]) -> float:
    """Seconds of `span` that lie in `spans`, which do not overlap."""
    return sum(max(0.0, min(span[1], end_s) - max(span[0], start_s)) for start_s, end_s in spans)


def check_apart(splits: Mapping[str, Iterable[object]]) -> None:
    """Raises Refused, naming the patient, when one patient is in two splits: a leak makes every figure worthless."""
    sets = {name: set(patients) for name, patients in splits.items()}
    for (first, here), (second, there) in combinations(sets.items(), 2):
        both = sorted(here & there, key=str)
        if both:
            raise Refused(
                f"Patient {both[0]} is in the splits {first} and {second}; a leak makes every figure worthless.",
                patient=str(both[0]),
            )
