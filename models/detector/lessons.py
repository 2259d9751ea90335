"""Nights made into lessons: features and labels of one night at three steps a second, kept on disk as bytes.

In: a night. Out: a `Lesson`. Rendering and preprocessing are the bed's own; only the features' last digits are dropped.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from models.detector.nights import motor_index
from shared.clock import NS_PER_S
from shared.detector_input import DetectorInput
from shared.preview import PREVIEW_FPS, PREVIEW_PERIOD_NS
from shared.ward import FIRST_DEEDS, PAROXYSMS, Deed, Episode, Night, ward_previews

SCALE, OFFSET = 25.0, 4.0
"""A feature f is kept as the byte rint((f + 4) * 25): from -4 to 6.2 in steps of 0.04."""
UNSURE_BEFORE_S = 3.0
UNSURE_AFTER_S = 8.0
"""No paroxysm label in the first seconds of one (it cannot be known yet) and after it (the picture still settles)."""


@dataclass(frozen=True)
class Lesson:
    """features uint8 (T, 16, 26, 32); motor int64 (T,); paroxysm float32 (T,) 0 or 1; sure float32 (T,) weight 0 or 1."""

    features: npt.NDArray[np.uint8]
    motor: npt.NDArray[np.int64]
    paroxysm: npt.NDArray[np.float32]
    sure: npt.NDArray[np.float32]


def fingerprint() -> str:
    """Names what makes lessons by what it makes: a hash of a minute's features in which every deed of the first ward happens once.

    A ward or an input that gives other pictures gives another fingerprint; one that is only faster does not.
    """
    deeds = sorted(FIRST_DEEDS - {Deed.sleep})
    episodes = tuple(Episode(deed, 2.0 + 3.0 * index, 2.5) for index, deed in enumerate(deeds))
    probe = make_lesson(Night(3, 5, 4.0 + 3.0 * len(deeds), episodes))
    return hashlib.sha256(probe.features.tobytes()).hexdigest()[:24]


def _key(night: Night, made_by: str) -> str:
    plan = json.dumps([made_by, UNSURE_BEFORE_S, UNSURE_AFTER_S, asdict(night)], sort_keys=True)
    return hashlib.sha256(plan.encode()).hexdigest()[:24]


def labels(night: Night, times_s: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int64], ...]:
    """Motor type, paroxysm and sureness at each time (T,), all int64."""
    motor = np.full(len(times_s), motor_index(Deed.sleep))
    paroxysm, sure = np.zeros(len(times_s), np.int64), np.ones(len(times_s), np.int64)
    for episode in night.episodes:
        within = (times_s >= episode.start_s) & (times_s < episode.end_s)
        motor[within] = motor_index(episode.deed)
        if episode.deed in PAROXYSMS:
            paroxysm[within] = 1
            sure[within & (times_s < episode.start_s + UNSURE_BEFORE_S)] = 0
            sure[(times_s >= episode.end_s) & (times_s < episode.end_s + UNSURE_AFTER_S)] = 0
    return motor, paroxysm, sure


def make_lesson(night: Night) -> Lesson:
    """Renders the night and runs it through the detector's input. About 100 times faster than real time on one core."""
    source = DetectorInput()
    features: list[npt.NDArray[np.uint8]] = []
    times_s: list[float] = []
    for index, (ir, depth) in enumerate(ward_previews(night, fps=PREVIEW_FPS)):
        for frame in source.push(ir, depth, index * PREVIEW_PERIOD_NS):
            features.append(np.clip(np.rint((frame.features + OFFSET) * SCALE), 0, 255).astype(np.uint8))
            times_s.append(frame.mono_ns / NS_PER_S)
    motor, paroxysm, sure = labels(night, np.array(times_s))
    return Lesson(np.stack(features), motor, paroxysm.astype(np.float32), sure.astype(np.float32))


def load_lesson(night: Night, folder: Path, made_by: str) -> Lesson:
    """The night's lesson from `folder`, made and kept there first when it is not; a torn file is made anew.

    made_by: the `fingerprint` under which it is kept.
    """
    path = folder / f"{_key(night, made_by)}.npz"
    if path.exists():
        try:
            with np.load(path) as kept:
                return Lesson(kept["features"], kept["motor"], kept["paroxysm"], kept["sure"])
        except (OSError, ValueError, KeyError, BadZipFile):
            path.unlink()
    lesson = make_lesson(night)
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, features=lesson.features, motor=lesson.motor, paroxysm=lesson.paroxysm, sure=lesson.sure)
    part.replace(path)
    return lesson
