"""The pure rules of review: what comes first in the worklist, what a clip's state is called, which label verdicts make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.clock import NS_PER_S
from shared.event import EventCause
from shared.review import Verdict

NON_EPILEPTIC = "non-epileptic"
"""The class of the classifier that speaks against a seizure; all its other classes speak for one."""
DETECTOR_SHARE, CLASSIFIER_SHARE, DISAGREEMENT_SHARE, CLASS_SHARE = 0.35, 0.45, 0.10, 0.10
"""How the rank is put together; the shares make 1."""
CLASS_WEIGHTS = {
    "tonic_clonic": 1.0, "hyperkinetic": 0.8, "tonic": 0.8, "automotor": 0.7, "unknown": 0.5, "psychogenic": 0.4,
}  # fmt: skip
OTHER_CLASS_WEIGHT = 0.2
WAITING_SHARE_A_DAY = 0.05
"""What a day of waiting adds to an event against one of today: after a week a third of the whole scale."""
DAY_NS = 24 * 3600 * NS_PER_S
LEASE_NS = 3 * 60 * NS_PER_S
"""A claim ends this long after it was last renewed; an open page renews it each minute."""
COUNT_LIMIT = 1_000
"""A count stops here; it is shown as "1000 and more"."""


class TaskFilter(StrEnum):
    """Which part of the worklist is asked for. `unread`: whatever others said, the asking person has given no verdict."""

    open = "open"
    reviewed = "reviewed"
    unread = "unread"
    all = "all"


WITHDRAWN = "withdrawn"
"""In the place of a verdict: the person took theirs back."""


class Reading(StrEnum):
    """How a person reads an event. `blind`: what networks and others said is hidden until their own verdict. `after_verdict`:
    it was, and is shown since. `open`: nothing was ever hidden.
    """

    open = "open"
    blind = "blind"
    after_verdict = "after_verdict"


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
    suggestion_shown: bool = False


@dataclass(frozen=True, slots=True)
class Agreed:
    """The label that follows from the verdicts, how many readers say so, and whether one of them saw a suggestion."""

    verdict: Verdict
    readers: int
    suggestion_shown: bool = False


def rank_of(cause: EventCause, motor_type: str, peak_score: float, probabilities: Mapping[str, float] | None) -> Rank:
    """What a person asked for comes first (1 to 2), then what the networks found (0 to 1), by

    0.35 detector + 0.45 classifier + 0.10 |detector - classifier| + 0.10 class,

    where the classifier says how likely any seizure is, and the class weighs what the detector saw (CLASS_WEIGHTS). Before a
    classification the detector speaks for both. Age comes on top: `urgency_of`.
    """
    asked = {EventCause.button: "Somebody pressed the button", EventCause.pull: "Somebody asked for this span"}
    if cause in asked:
        return Rank(1.0 + peak_score, f"{asked[cause]}.")
    kind = CLASS_SHARE * CLASS_WEIGHTS.get(motor_type, OTHER_CLASS_WEIGHT)
    if not probabilities:
        return Rank((1.0 - CLASS_SHARE) * peak_score + kind, f"Detector {peak_score:.2f}, not classified yet.")
    seizure = 1.0 - min(1.0, probabilities.get(NON_EPILEPTIC, 0.0))
    apart = abs(peak_score - seizure)
    value = DETECTOR_SHARE * peak_score + CLASSIFIER_SHARE * seizure + DISAGREEMENT_SHARE * apart + kind
    differ = ", they disagree" if apart >= 0.5 else ""
    return Rank(min(1.0, value), f"Detector {peak_score:.2f}, classifier {seizure:.2f} for a seizure{differ}.")


def urgency_of(rank: float, start_utc_ns: int) -> float:
    """The key of the worklist's order: rank + 0.05 a day of waiting.

    All events wait through the same days, so rank - 0.05 * start orders as rank + 0.05 * (now - start) does at any moment,
    and a row is never written anew because time passed. In double precision it tells starts apart down to a millisecond.
    """
    return rank - WAITING_SHARE_A_DAY * (start_utc_ns / DAY_NS)


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds an event until when."""

    holder: str
    expires_utc_ns: int


def may_take(lease: Lease | None, person: str, now_ns: int) -> bool:
    """Whether the person may take or renew the claim: it is free, their own, or its lease has run out."""
    return lease is None or lease.holder == person or lease.expires_utc_ns <= now_ns


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
    agreeing = [standing for standing in standings if standing.verdict == newest.verdict]
    return Agreed(newest.verdict, len(agreeing), any(standing.suggestion_shown for standing in agreeing))


def reading_of(*, blind_site: bool, verdicts_given: int, first_saw_suggestion: bool) -> Reading:
    """How a person reads an event of whom `verdicts_given` are known, those taken back among them."""
    if not blind_site:
        return Reading.open
    if verdicts_given == 0:
        return Reading.blind
    return Reading.open if first_saw_suggestion else Reading.after_verdict


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
