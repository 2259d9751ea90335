"""The pure rules of review: what comes first in the worklist, what a clip's state is called, which label verdicts make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.event import EventCause
from shared.review import Verdict

NON_EPILEPTIC = "non-epileptic"
"""The class of the classifier that speaks against a seizure; all its other classes speak for one."""


class TaskFilter(StrEnum):
    """Which part of the worklist is asked for."""

    open = "open"
    reviewed = "reviewed"
    all = "all"


class TaskState(StrEnum):
    """`open` until somebody gave a verdict."""

    open = "open"
    reviewed = "reviewed"


class ClipState(StrEnum):
    """`awaited`: nothing to see yet. `watchable`: the videos are here. `stored`: all wanted bytes are. `overdue`: late."""

    awaited = "awaited"
    watchable = "watchable"
    stored = "stored"
    overdue = "overdue"


@dataclass(frozen=True, slots=True)
class Rank:
    """Where an event stands: 0 to 2, the highest first, and why in words."""

    value: float
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest verdict of one reader."""

    reviewer: str
    verdict: Verdict
    reviewed_utc_ns: int


@dataclass(frozen=True, slots=True)
class Agreed:
    """The label that follows from the verdicts, and how many readers say so."""

    verdict: Verdict
    readers: int


def rank_of(cause: EventCause, peak_score: float, probabilities: Mapping[str, float] | None) -> Rank:
    """What a person asked for comes first, then by the mean of detector and classifier (weights 0.4 and 0.6).

    Before a classification the detector's peak score stands alone.
    """
    asked = {EventCause.button: "Somebody pressed the button", EventCause.pull: "Somebody asked for this span"}
    if cause in asked:
        return Rank(1.0 + peak_score, f"{asked[cause]}.")
    if not probabilities:
        return Rank(peak_score, f"Detector {peak_score:.2f}, not classified yet.")
    seizure = 1.0 - min(1.0, probabilities.get(NON_EPILEPTIC, 0.0))
    value = 0.4 * peak_score + 0.6 * seizure
    return Rank(value, f"Detector {peak_score:.2f}, classifier {seizure:.2f} for a seizure.")


def clip_state(*, watchable: bool, stored: bool, overdue: bool) -> ClipState:
    """What a person is told of a clip; a clip that can be watched is never called overdue."""
    if watchable:
        return ClipState.stored if stored else ClipState.watchable
    return ClipState.overdue if overdue else ClipState.awaited


def stored_share(stored: int, wanted: int) -> float:
    """Which part of the wanted bytes is stored, 0 to 1; of nothing wanted, nothing is stored."""
    return min(1.0, stored / wanted) if wanted > 0 else 0.0


def label_of(standings: Sequence[Standing]) -> Agreed | None:
    """With one reader the verdict is the label. When several gave one, the newest counts, with those who say the same."""
    if not standings:
        return None
    newest = max(standings, key=lambda standing: (standing.reviewed_utc_ns, standing.reviewer))
    agreeing = sum(standing.verdict == newest.verdict for standing in standings)
    return Agreed(newest.verdict, agreeing)


@dataclass(frozen=True, slots=True)
class ByteSpan:
    """Half-open span [start, end) of a file's bytes."""

    start: int
    end: int


def byte_span(header: str | None, size_bytes: int) -> ByteSpan | None:
    """The span that a Range header asks for (RFC 9110 §14). None: the whole file, for no, a foreign or a manifold range.

    Raises ValueError when the span lies beyond the file: the answer is 416.
    """
    unit, _, wish = (header or "").replace(" ", "").partition("=")
    first, dash, last = wish.partition("-")
    numbers = [part for part in (first, last) if part]
    readable = all(part.isascii() and part.isdigit() and len(part) <= 18 for part in numbers)
    if unit.lower() != "bytes" or not dash or not numbers or not readable:
        return None
    if not first:
        start, end = max(0, size_bytes - int(last)), size_bytes
    else:
        start, end = int(first), min(size_bytes, int(last) + 1) if last else size_bytes
    if first and last and int(last) < int(first):
        return None
    if start >= size_bytes or end <= start:
        raise ValueError(f"the file has {size_bytes} bytes")
    return ByteSpan(start, end)
