"""A trial's figures under the names of `evaluate.json`, with their goals, and as a release's card carries them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from models.detector.trial import ALWAYS_ON, BAND_POWER, CONTROL_NAME, Trial
from models.evaluation.contenders import BASELINES
from models.evaluation.curve import beaten_by
from models.evaluation.judge import Touched
from models.evaluation.recording import Sort
from models.evaluation.summary import ALL, Summary
from models.metrics.intervals import Rate, Share
from shared.release import Metric
from shared.results import Figure
from shared.score import PAROXYSM_TYPES

LEAST_FOUND_SHARE, MOST_FALSE_PER_H = 0.9, 1.0
SORTS: tuple[Sort, ...] = ("seizures", "ordinary", "stress", "confounders")
FLOORS = ("found_seizures", "false_events_ordinary", "random_weights_events")
"""What a release must hold; the other goals are told when they are missed and stop nobody."""
SENSITIVITY_GOALS = {ALL: 0.95, "tonic_clonic": 0.97, "hyperkinetic": 0.95, "automotor": 0.90, "tonic": 0.85}
FALSE_GOALS_PER_H = {ALL: 1.0, "tonic_clonic": 0.1}
NOT_MEASURED = "not measured"


def at_least(value: float, unit: str, goal: float, digits: int = 3) -> Figure:
    """A figure with a lower goal."""
    return _figure(value, unit, digits, f">= {goal:g}", value >= goal)


def at_most(value: float, unit: str, goal: float, digits: int = 3) -> Figure:
    """A figure with an upper goal."""
    return _figure(value, unit, digits, f"<= {goal:g}", value <= goal)


def plain(value: float, unit: str, digits: int = 3) -> Figure:
    """A figure without a goal."""
    return _figure(value, unit, digits, "", None)


def _figure(value: float, unit: str, digits: int, goal: str, holds: bool | None) -> Figure:
    if not math.isfinite(value):
        return Figure(NOT_MEASURED, unit, goal, None if holds is None else False)
    return Figure(round(value, digits), unit, goal, holds)


def figures_of(trial: Trial) -> dict[str, Figure]:
    """All figures of a trial."""
    name = trial.release
    seizures, ordinary, stress = (trial.summary(name, sort) for sort in ("seizures", "ordinary", "stress"))
    every = trial.summary(name, *SORTS)
    figures = {
        "test_patients": Figure(every.patients, "simulated"),
        "test_hours": plain(every.hours, "simulated h", 2),
        "test_seizures": Figure(seizures.sensitivity[ALL].trials, "simulated"),
    }
    figures |= _sensitivities(seizures) | _false(ordinary, stress) | _rest(seizures, ordinary)
    both = trial.summary(name, "seizures", "ordinary")
    figures |= {
        "precision": plain(both.precision.value, "share, as a clinician sees them"),
        "f1": plain(both.f1, ""),
        "szcore_sensitivity": plain(both.szcore.sensitivity, "share"),
        "szcore_precision": plain(both.szcore.precision, "share"),
        "szcore_f1": plain(both.szcore.f1, ""),
        "szcore_false_per_24h": plain(24 * both.szcore.false_per_h, "1/24 h", 1),
    }
    return figures | _baselines(trial) | _control(trial)


def _sensitivities(seizures: Summary) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    for kind, share in seizures.sensitivity.items():
        goal = SENSITIVITY_GOALS.get(kind)
        figures[f"sensitivity_{kind}"] = (
            plain(share.value, "share") if goal is None else at_least(share.value, "share", goal)
        )
        low, high = share.interval
        figures[f"sensitivity_{kind}_low"] = plain(low, "95 % Wilson")
        figures[f"sensitivity_{kind}_high"] = plain(high, "95 % Wilson")
        low, high = seizures.sensitivity_by_patient[kind]
        figures[f"sensitivity_{kind}_patients_low"] = plain(low, "95 % over patients")
        figures[f"sensitivity_{kind}_patients_high"] = plain(high, "95 % over patients")
    found = seizures.sensitivity[ALL]
    goal = LEAST_FOUND_SHARE * found.trials
    figures["found_seizures"] = Figure(
        found.hits, f"of {found.trials}", f">= {math.ceil(goal)}", found.hits >= goal
    )  # fmt: skip
    return figures


def _false(ordinary: Summary, stress: Summary) -> dict[str, Figure]:
    false = ordinary.false
    low, high = false.interval_per_h
    figures = {
        "ordinary_hours": plain(ordinary.hours, "simulated h", 2),
        "false_events_ordinary": at_most(false.count, "", MOST_FALSE_PER_H * ordinary.hours, 0),
        "false_events_per_h": at_most(false.per_h, "1/h", FALSE_GOALS_PER_H[ALL]),
        "false_events_per_h_low": plain(low, "95 % Poisson"),
        "false_events_per_h_high": plain(high, "95 % Poisson"),
        "false_events_per_24h": plain(24 * false.per_h, "1/24 h", 1),
        "fa_per_h_all": at_most(false.per_h, "1/h", FALSE_GOALS_PER_H[ALL]),
        "stress_hours": plain(stress.hours, "simulated h", 2),
        "stress_false_events_per_h": plain(stress.false.per_h, "1/h", 2),
    }
    for kind in sorted(PAROXYSM_TYPES):
        rate = ordinary.false_by_type.get(kind, Rate(0, ordinary.hours))
        goal = FALSE_GOALS_PER_H.get(kind)
        figures[f"fa_per_h_{kind}"] = (
            plain(rate.per_h, "1/h") if goal is None else at_most(rate.per_h, "1/h", goal)
        )  # fmt: skip
    quiet = ordinary.quiet
    figures["quiet_false_per_h"] = plain(Rate(quiet.touched, quiet.seconds / 3600).per_h, "1/h of quiet sleep")
    return figures


def _rest(seizures: Summary, ordinary: Summary) -> dict[str, Figure]:
    convulsive = seizures.latency.get("tonic_clonic")
    return {
        "latency_median_s": at_most(seizures.latency[ALL].median_s, "s", 8.0, 1),
        "latency_median_s_tonic_clonic": at_most(
            convulsive.median_s if convulsive else math.nan, "s from the first motor sign", 10.0, 1
        ),
        "false_bytes_share": at_most(ordinary.false_bytes_share, "share of ordinary nights", 0.03, 4),
        "ictal_seconds_inside_share": at_least(seizures.ictal_inside_share, "share", 0.99, 4),
    }


def per_h(touched: Touched | None) -> float:
    """Stretches of a confounder that a false event touched, an hour of that confounder; NaN without any."""
    return Rate(touched.touched, touched.seconds / 3600).per_h if touched else math.nan


def _baselines(trial: Trial) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    mine = trial.curve(trial.release)
    for name in BASELINES:
        word = f"baseline_{name.replace('-', '_')}"
        seizures = trial.summary(name, "seizures")
        for kind, share in seizures.sensitivity.items():
            if kind == ALL or name == BAND_POWER:
                figures[f"{word}_sensitivity_{kind}"] = plain(share.value, "share")
        figures[f"{word}_fa_per_h"] = plain(trial.summary(name, "ordinary").false.per_h, "1/h")
        figures[f"{word}_stress_fa_per_h"] = plain(trial.summary(name, "stress").false.per_h, "1/h", 2)
        both = trial.summary(name, "ordinary", "stress", "confounders").confounders
        figures[f"{word}_sawing_fa_per_h"] = plain(per_h(both.get("sawing")), "1/h of sawing", 1)
        if name != ALWAYS_ON:
            theirs = trial.curve(name)
            for stress in (False, True):
                left = len(beaten_by(mine, theirs, stress=stress))
                figures[f"{word}_points_not_beaten_{'stress' if stress else 'ordinary'}"] = Figure(
                    left, f"of {len(theirs)} thresholds", "0", left == 0
                )
    own = trial.summary(trial.release, "ordinary", "stress", "confounders").confounders
    figures["sawing_fa_per_h"] = plain(per_h(own.get("sawing")), "1/h of sawing", 1)
    figures["staff_care_fa_per_h"] = plain(per_h(own.get("staff_care")), "1/h of care", 1)
    return figures


def _control(trial: Trial) -> dict[str, Figure]:
    if CONTROL_NAME not in trial.judged:
        return {}
    everything = trial.summary(CONTROL_NAME, *SORTS)
    events = everything.false.count + everything.sensitivity[ALL].hits
    return {"random_weights_events": Figure(events, "", "0", events == 0)}


def metrics_of(trial: Trial) -> dict[str, Metric]:
    """The figures that a card carries: shares and rates with their intervals and the cases they rest on."""
    name = trial.release
    seizures, ordinary, stress = (trial.summary(name, sort) for sort in ("seizures", "ordinary", "stress"))
    metrics = {f"sensitivity_{kind}": _of_share(share) for kind, share in seizures.sensitivity.items()}
    metrics["false_events_per_h"] = _of_rate(ordinary.false, _nights(trial, "ordinary"))
    metrics["stress_false_events_per_h"] = _of_rate(stress.false, _nights(trial, "stress"))
    found = seizures.sensitivity[ALL].hits
    others = {
        "latency_median_s": (seizures.latency[ALL].median_s, "s", found),
        "false_bytes_share": (ordinary.false_bytes_share, "share", _nights(trial, "ordinary")),
        "ictal_seconds_inside_share": (seizures.ictal_inside_share, "share", found),
        "test_hours": (
            seizures.hours + ordinary.hours + stress.hours,
            "simulated h",
            _nights(trial, "seizures", "ordinary", "stress"),
        ),
    }
    for word, (value, unit, n) in others.items():
        if math.isfinite(value):
            metrics[word] = Metric(value=round(value, 4), unit=unit, n=n)
    return metrics


def _nights(trial: Trial, *sorts: str) -> int:
    return sum(each.recording.sort in sorts for each in trial.judged[trial.release][0])


def _of_share(share: Share) -> Metric:
    low, high = share.interval
    return Metric(value=round(share.value, 3), unit="share", n=share.trials, low=round(low, 3), high=round(high, 3))


def _of_rate(rate: Rate, nights: int) -> Metric:
    low, high = rate.interval_per_h
    return Metric(value=round(rate.per_h, 3), unit="1/h", n=nights, low=round(low, 3), high=round(high, 3))


def missed(figures: dict[str, Figure], names: Sequence[str] = FLOORS) -> list[str]:
    """The goals of these figures that do not hold."""
    return [name for name in names if name in figures and figures[name].holds is False]
