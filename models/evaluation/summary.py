"""Judgements of many recordings made into figures: sensitivity by type, false events, latency, bytes, each with its interval.

In: `Judged` recordings of one contender under one rule. Out: a `Summary`, every figure of which says on how many cases it rests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.evaluation.judge import Judged, Touched
from models.metrics.intervals import Rate, Share, by_patient, median
from models.metrics.szcore import EventScore

ALL = "all"
USEFUL_S = (10.0, 30.0)
"""Latencies that users of detection devices ask for (Beniczky and Ryvlin 2018)."""

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from the first sign to the decision, over the true events that were found."""

    n: int
    median_s: float
    mean_s: float
    low_s: float
    high_s: float
    within: dict[float, Share]


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one contender over some recordings. Keys of the dictionaries are types of seizure, or `all`.

    by_patient intervals are of a bootstrap over patients. false_by_type: by the type that the network says.
    """

    patients: int
    hours: float
    deficient_hours: float
    sensitivity: dict[str, Share]
    sensitivity_by_patient: dict[str, Pair]
    of_patient: dict[str, Share]
    unrecorded: int
    false: Rate
    false_by_patient_per_h: Pair
    false_by_type: dict[str, Rate]
    patients_with_false: Share
    precision: Share
    szcore: EventScore
    latency: dict[str, Latency]
    false_bytes_share: float
    ictal_inside_share: float
    confounders: dict[str, Touched]
    quiet: Touched

    @property
    def f1(self) -> float:
        """Harmonic mean of sensitivity and precision over events as a clinician sees them; NaN without any."""
        share, false = self.sensitivity[ALL], self.false.count
        total = share.hits + share.trials + false
        return 2 * share.hits / total if total else math.nan


def summarise(judged: Sequence[Judged]) -> Summary:
    """The figures over these recordings."""
    kinds = [ALL, *sorted({one.truth.kind for each in judged for one in each.detections})]
    patients = sorted({each.recording.patient for each in judged})
    hours = sum(each.recording.hours for each in judged)
    found, false = sum(len(each.found) for each in judged), sum(len(each.false) for each in judged)
    of_patient = {name: [each for each in judged if each.recording.patient == name] for name in patients}
    types = sorted({event.kind for each in judged for event in each.false})
    ictal_s = sum(each.ictal_s for each in judged)
    all_bytes = sum(each.all_bytes for each in judged)
    return Summary(
        patients=len(patients),
        hours=hours,
        deficient_hours=sum(each.recording.deficient_s for each in judged) / 3600,
        sensitivity={kind: _sensitivity(judged, kind) for kind in kinds},
        sensitivity_by_patient={
            kind: by_patient({name: _pair(_sensitivity(some, kind)) for name, some in of_patient.items()})
            for kind in kinds
        },
        of_patient={name: share for name, some in of_patient.items() if (share := _sensitivity(some, ALL)).trials},
        unrecorded=sum(len(each.unrecorded) for each in judged),
        false=Rate(false, hours),
        false_by_patient_per_h=by_patient({name: _false_and_hours(some) for name, some in of_patient.items()}),
        false_by_type={
            kind: Rate(sum(event.kind == kind for each in judged for event in each.false), hours) for kind in types
        },
        patients_with_false=Share(sum(any(each.false for each in some) for some in of_patient.values()), len(patients)),
        precision=Share(found, found + false),
        szcore=sum((each.szcore for each in judged), EventScore(0, 0, 0, 0.0)),
        latency={kind: _latency(judged, kind) for kind in kinds},
        false_bytes_share=sum(each.false_bytes for each in judged) / all_bytes if all_bytes else math.nan,
        ictal_inside_share=sum(each.ictal_inside_s for each in judged) / ictal_s if ictal_s else math.nan,
        confounders=_confounders(judged),
        quiet=sum((each.quiet for each in judged), Touched()),
    )


def _is(kind: str) -> Callable[[str], bool]:
    return lambda name: kind in {ALL, name}


def _sensitivity(judged: Sequence[Judged], kind: str) -> Share:
    of_kind = [one for each in judged for one in each.detections if _is(kind)(one.truth.kind)]
    return Share(sum(one.latency_s is not None for one in of_kind), len(of_kind))


def _pair(share: Share) -> Pair:
    return float(share.hits), float(share.trials)


def _false_and_hours(judged: Sequence[Judged]) -> Pair:
    return float(sum(len(each.false) for each in judged)), sum(each.recording.hours for each in judged)


def _latency(judged: Sequence[Judged], kind: str) -> Latency:
    found_s = [
        one.latency_s
        for each in judged
        for one in each.detections
        if one.latency_s is not None and _is(kind)(one.truth.kind)
    ]
    within = {limit_s: Share(sum(s <= limit_s for s in found_s), len(found_s)) for limit_s in USEFUL_S}
    if not found_s:
        return Latency(0, math.nan, math.nan, math.nan, math.nan, within)
    return Latency(len(found_s), median(found_s), sum(found_s) / len(found_s), min(found_s), max(found_s), within)


def _confounders(judged: Sequence[Judged]) -> dict[str, Touched]:
    total: dict[str, Touched] = {}
    for each in judged:
        for kind, touched in each.confounders.items():
            total[kind] = total.get(kind, Touched()) + touched
    return dict(sorted(total.items()))
