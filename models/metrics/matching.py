"""Which true event was found by which event, and after how long. No merging: each event a clinician would see counts once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.metrics.szcore import SzcoreRule


@dataclass(frozen=True, slots=True)
class Truth:
    """One true event in seconds; `sign_s` is its first motor sign where that is known, from which latency is counted."""

    kind: str
    start_s: float
    end_s: float
    sign_s: float | None = None

    @property
    def from_s(self) -> float:
        """Where latency begins."""
        return self.start_s if self.sign_s is None else self.sign_s


@dataclass(frozen=True, slots=True)
class Detection:
    """One true event and when it was found: `latency_s` from its first sign to the decision, None when it was missed."""

    truth: Truth
    latency_s: float | None


def match(
    true: Sequence[Truth], found: Sequence[tuple[float, float, float]], rule: SzcoreRule | None = None
) -> tuple[list[Detection], list[int]]:
    """Matches true events with found ones (start, end, decided), seconds, by overlap with the tolerances of SzCORE.

    An event that was over before the seizure began counts as finding it, as SzCORE says, but its decision is nobody's latency as
    long as another event touches the seizure itself. Returns the detections in the order of `true`, and the indices of found
    events that touch no true one.
    """
    rule = rule or SzcoreRule()
    used: set[int] = set()
    detections: list[Detection] = []
    for truth in true:
        touching = [
            index
            for index, (start_s, end_s, _) in enumerate(found)
            if start_s < truth.end_s + rule.after_s and end_s > truth.start_s - rule.before_s
        ]
        used.update(touching)
        during = [index for index in touching if found[index][1] >= truth.start_s]
        decided_s = min((found[index][2] for index in during or touching), default=None)
        detections.append(Detection(truth, None if decided_s is None else max(0.0, decided_s - truth.from_s)))
    return detections, [index for index in range(len(found)) if index not in used]
