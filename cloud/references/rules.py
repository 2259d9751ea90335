"""Which reference seizures the detector caught, and which span is worth pulling for one, pure.

The rule is SzCORE's any-overlap: an event counts when it overlaps the seizure widened by 30 s before and 60 s after
(J. Dan et al., "SzCORE", Epilepsia 2024).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cloud.references.seizure import EegSeizure, ReadFile
from shared.clock import NS_PER_S, utc_text
from shared.comment_gate import doubtful
from shared.event import EventCause
from shared.pull import LONGEST_PULL_NS


def kept_name(name: str, file_sha256: str) -> str:
    """The file's own name, or a neutral one where it could name a person or a day: clinics call files after both."""
    stem, dot, ending = name.rpartition(".")
    words = re.sub(r"[_.,;-]+", " ", f"of {stem if dot else name}")
    dates = re.sub(r"[_ ]+", "-", stem if dot else name)
    if not doubtful(words) and not doubtful(dates):
        return name
    plain = re.fullmatch(r"[A-Za-z]{1,8}", ending) is not None
    return f"eeg-{file_sha256[:8]}{f'.{ending.lower()}' if dot and plain else ''}"


BEFORE_NS = 30 * NS_PER_S
AFTER_NS = 60 * NS_PER_S
ROOM_NS = 60 * NS_PER_S
"""What is pulled before and after a missed seizure."""


class Match(StrEnum):
    """How a reference seizure stands."""

    caught = "caught"
    """The detector reported an event that overlaps it."""
    by_hand = "by_hand"
    """The detector missed it; an event that a person marked or pulled overlaps it."""
    missed = "missed"


class Timed(Protocol):
    """What the rule needs of an event."""

    @property
    def start_utc_ns(self) -> int: ...

    @property
    def end_utc_ns(self) -> int: ...

    @property
    def cause(self) -> str: ...


@dataclass(frozen=True, slots=True)
class UnitSeizure:
    """A seizure by the unit's own clock."""

    line: int
    start_utc_ns: int
    end_utc_ns: int
    kind: str


def on_unit_clock(found: ReadFile, offset_ns: int, stay: tuple[int, int]) -> list[UnitSeizure]:
    """The seizures moved from the EEG's clock to the unit's; offset_ns is EEG minus unit. Raises Refused for any bad row.

    A seizure that does not begin within the stay [admitted, end) is a bad row: zone or offset are wrong, or the file is another's.
    """
    moved = []
    for each in found.seizures:
        start_ns = each.start_ns - offset_ns
        if stay[0] <= start_ns < stay[1]:
            moved.append(UnitSeizure(each.line, start_ns, start_ns + each.duration_ns, each.kind))
        else:
            found.faults.append(_outside(each, start_ns))
    found.must_be_whole()
    return moved


def _outside(each: EegSeizure, start_ns: int) -> str:
    when = utc_text(start_ns) if 0 <= start_ns < 2**62 else "that time"
    return f"line {each.line}: {when} by the unit's clock lies outside the stay."


def overlaps(seizure: tuple[int, int], event: tuple[int, int]) -> bool:
    """The event touches the widened seizure at all."""
    return event[0] < seizure[1] + AFTER_NS and event[1] > seizure[0] - BEFORE_NS


def match_of(seizure: tuple[int, int], events: Iterable[Timed]) -> tuple[Match, Timed | None]:
    """How the seizure stands and the event that says so: the detector's before a person's, the earliest of each."""
    touching = sorted(
        (each for each in events if overlaps(seizure, (each.start_utc_ns, each.end_utc_ns))),
        key=lambda each: (each.cause != EventCause.detector.value, each.start_utc_ns),
    )
    if not touching:
        return Match.missed, None
    first = touching[0]
    return (Match.caught if first.cause == EventCause.detector.value else Match.by_hand), first


def span_to_pull(seizure: tuple[int, int], stay: tuple[int, int]) -> tuple[int, int] | None:
    """A minute before the seizure to a minute after it, within the stay and an hour; None where nothing of it is left."""
    start_ns = max(stay[0], seizure[0] - ROOM_NS)
    end_ns = min(stay[1], seizure[1] + ROOM_NS, start_ns + LONGEST_PULL_NS)
    return (start_ns, end_ns) if end_ns > start_ns else None


def in_ring(start_utc_ns: int, ring_hours: float | None, now_ns: int) -> bool | None:
    """Whether the bed still holds it, by the hours that its newest heartbeat told; None: it told none."""
    return None if ring_hours is None else now_ns - start_utc_ns <= ring_hours * 3600 * NS_PER_S


def bounds_of(events: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The span in which events matter to these seizures, widened by the rule."""
    return min(start for start, _ in events) - BEFORE_NS, max(end for _, end in events) + AFTER_NS
