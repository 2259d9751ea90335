"""A trial as tables for people and as one JSON document: contenders, the whole curve, confounders, robustness.

Every share stands with its hits and trials, every rate with its count and hours: nothing is said without what it rests on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.detector.figures import per_h
from models.detector.trial import Trial
from models.evaluation.curve import beaten_by
from models.evaluation.judge import Judged
from models.evaluation.stating import number, rate, share
from models.evaluation.summary import ALL, summarise
from models.metrics.intervals import Rate

Document = dict[str, Any]


def document_of(trial: Trial, robust: Mapping[str, Sequence[Judged]]) -> Document:
    """Everything but the figures, ready for JSON."""
    mine = trial.curve(trial.release)
    curves = {name: trial.curve(name) for name in trial.judged}
    return {
        "rules": {name: trial.rules[name][0].model_dump() for name in trial.judged},
        "contenders": {name: _contender(trial, name) for name in trial.judged},
        "curve": {
            name: [
                {
                    "open_at": point.open_at, "sensitivity": share(point.sensitivity),
                    "ordinary_per_h": number(point.ordinary_per_h), "stress_per_h": number(point.stress_per_h),
                }
                for point in points
            ]
            for name, points in curves.items()
        },
        "not_beaten": {
            name: {
                sort: [point.open_at for point in beaten_by(mine, points, stress=sort == "stress")]
                for sort in ("ordinary", "stress")
            }
            for name, points in curves.items()
            if name != trial.release
        },
        "confounders": {name: _confounders(trial, name) for name in trial.judged},
        "robustness": {word: _robust(judged) for word, judged in robust.items()},
    }  # fmt: skip


def _contender(trial: Trial, name: str) -> Document:
    seizures, ordinary, stress = (trial.summary(name, sort) for sort in ("seizures", "ordinary", "stress"))
    return {
        "sensitivity": {kind: share(found) for kind, found in seizures.sensitivity.items()},
        "sensitivity_over_patients": {
            kind: [number(low), number(high)] for kind, (low, high) in seizures.sensitivity_by_patient.items()
        },
        "of_patient": {patient: share(found) for patient, found in seizures.of_patient.items()},
        "false_ordinary": rate(ordinary.false),
        "false_ordinary_over_patients_per_h": [number(value) for value in ordinary.false_by_patient_per_h],
        "false_ordinary_by_type": {kind: rate(found) for kind, found in ordinary.false_by_type.items()},
        "false_stress": rate(stress.false),
        "patients_with_false": share(ordinary.patients_with_false),
        "quiet": rate(Rate(ordinary.quiet.touched, ordinary.quiet.seconds / 3600)),
        "latency_median_s": {kind: number(latency.median_s) for kind, latency in seizures.latency.items()},
        "latency_within_s": {
            str(limit_s): share(found) for limit_s, found in seizures.latency[ALL].within.items()
        },
        "false_bytes_share": number(ordinary.false_bytes_share),
        "ictal_seconds_inside_share": number(seizures.ictal_inside_share),
    }  # fmt: skip


def _confounders(trial: Trial, name: str) -> Document:
    found = trial.summary(name, "ordinary", "stress", "confounders").confounders
    return {
        kind: {
            "stretches": touched.stretches, "with_false_event": touched.touched,
            "hours": round(touched.seconds / 3600, 4), "per_h": number(per_h(touched)),
        }
        for kind, touched in found.items()
    }  # fmt: skip


def _robust(judged: Sequence[Judged]) -> Document:
    seizures = summarise([each for each in judged if each.recording.sort == "seizures"])
    rest = summarise([each for each in judged if each.recording.sort != "seizures"])
    return {"sensitivity": share(seizures.sensitivity[ALL]), "false": rate(rest.false)}


def lines_of(document: Document) -> list[str]:
    """The tables as lines for a terminal."""
    lines = [
        "",
        f"{'contender':<18}{'sensitivity':>13}{'ordinary/h':>12}{'stress/h':>10}{'latency':>9}{'bytes kept':>12}",
    ]
    for name, row in document["contenders"].items():
        found = row["sensitivity"][ALL]
        lines.append(
            f"{name:<18}{found['hits']:>6}/{found['trials']:<6}{_n(row['false_ordinary']['per_h']):>12}"
            f"{_n(row['false_stress']['per_h']):>10}{_n(row['latency_median_s'][ALL], 1):>8}s{_n(row['false_bytes_share'], 4):>12}"
        )
    names = list(document["confounders"])
    lines += ["", "false events an hour of each confounder alone (stretches with one / stretches)"]
    lines.append(f"{'':<16}" + "".join(f"{name:>20}" for name in names))
    for kind in next(iter(document["confounders"].values()), {}):
        cells = [document["confounders"][name][kind] for name in names]
        lines.append(
            f"{kind:<16}"
            + "".join(f"{_n(c['per_h'], 1):>10} ({c['with_false_event']:>3}/{c['stretches']:<3})" for c in cells)
        )
    if document["robustness"]:
        lines += ["", "robustness: the release's own rule on a part of the nights"]
    for word, row in document["robustness"].items():
        found = row["sensitivity"]
        lines.append(f"{word:<26}{found['hits']:>4}/{found['trials']:<4} found{_n(row['false']['per_h']):>10} false/h")
    return lines


def _n(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
