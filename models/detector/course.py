"""The whole course of a training: lessons, epochs, a trigger tuned on other patients, a candidate release.

In: a recipe and a folder for what is kept. Out: `detector-v0.onnx` and its card in `FOLDER/candidate`, not yet on trial.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from models.detector.export import write_release
from models.detector.lessons import fingerprint
from models.detector.network import DetectorNet, parameter_count
from models.detector.nights import SPLITS, lesson
from models.detector.train import Recipe, Tell, fit, gather
from models.detector.trial import CONTROL_NAME, validation_nights
from models.detector.tune import Scored, score_lesson, tune
from models.evaluation.choosing import Outcome
from models.evaluation.recording import check_apart
from shared.detector_input import STEP_FPS
from shared.release import Metric, ReleaseCard, TrainingData
from shared.trigger import TriggerRule
from shared.ward import Night

NAME = "detector-v0"
VERSION = "0.1.0"


def lesson_nights(recipe: Recipe) -> list[Night]:
    """The dense nights of the training patients."""
    return [lesson(patient, night) for night in range(recipe.nights_a_patient) for patient in SPLITS["train"]]


def run(recipe: Recipe, folder: Path, tell: Tell, threads: int = 2) -> ReleaseCard:
    """Trains, tunes and writes the candidate; goes on from what an earlier run left in `folder`."""
    check_apart(SPLITS)
    folder.mkdir(parents=True, exist_ok=True)
    recipe = replace(recipe, lessons=fingerprint())
    lessons = gather(lesson_nights(recipe), folder / "lessons", recipe.lessons, tell)
    hours = sum(len(kept.motor) for kept in lessons) / STEP_FPS / 3600
    net = fit(lessons, recipe, folder / "checkpoint.pt", tell, threads)
    tell(
        f"trained: {parameter_count(net):,} parameters; now the trigger, on {len(SPLITS['validation'])} other patients"
    )
    rule, outcome = tune_on_validation(net, folder / "lessons", recipe.lessons, tell)
    return write_release(
        net,
        folder / "candidate",
        NAME,
        version=VERSION,
        trigger=rule,
        data=training_data(len(SPLITS["train"]), hours),
        metrics=validation_metrics(outcome),
    )


def tune_on_validation(net: DetectorNet, lessons: Path, made_by: str, tell: Tell) -> tuple[TriggerRule, Outcome]:
    """Scores the validation nights and chooses the trigger on them."""
    sorts: list[Sequence[Scored]] = []
    for nights in validation_nights():
        kept = gather(nights, lessons, made_by, tell)
        sorts.append([score_lesson(net, night, one) for night, one in zip(nights, kept, strict=True)])
    rule, outcome = tune(sorts[0], sorts[1], sorts[2])
    tell(
        f"trigger: open at {rule.open_at}, close at {rule.close_at}, {rule.min_length_s} s; validation: "
        f"{outcome.found} of {outcome.true} found after {outcome.latency_s:.1f} s, {outcome.ordinary_per_h:.2f} false/h in ordinary sleep, "
        f"{outcome.stress_per_h:.1f}/h under stress"
    )
    return rule, outcome


def validation_metrics(outcome: Outcome) -> dict[str, Metric]:
    """What the card says before the trial; no latency when nothing was found."""
    values = {
        "validation_sensitivity": (outcome.found / max(1, outcome.true), "share"),
        "validation_latency_median": (outcome.latency_s, "s"),
        "validation_false_per_h": (outcome.ordinary_per_h, "1/h"),
        "validation_stress_false_per_h": (outcome.stress_per_h, "1/h"),
    }
    return {
        name: Metric(value=value, unit=unit, n=outcome.true)
        for name, (value, unit) in values.items()
        if math.isfinite(value)
    }


def training_data(patients: int, hours: float) -> TrainingData:
    """What the network learnt from, in the card's words."""
    return TrainingData(
        source="shared/ward: simulated patients, dense nights of seizures and of what looks like them",
        patients=patients,
        hours=round(hours, 2),
        simulated=True,
        split="by patient; thresholds from validation patients, figures from test patients, none in two splits",
    )


def write_control(folder: Path, rule: TriggerRule, seed: int = 1) -> ReleaseCard:
    """A release of the same network with random weights: the control that must find nothing."""
    torch.manual_seed(seed)
    return write_release(
        DetectorNet(),
        folder,
        CONTROL_NAME,
        version="0",
        trigger=rule,
        data=TrainingData(source="nothing: random weights", patients=0, hours=0, simulated=True, split="none"),
        metrics={},
    )
