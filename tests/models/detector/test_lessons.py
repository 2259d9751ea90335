"""Lessons: labels at the right moments, features as at the bed, a torn file made anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.detector.lessons import OFFSET, SCALE, fingerprint, labels, load_lesson
from models.detector.nights import motor_index
from shared.detector_input import DetectorInput
from shared.preview import PREVIEW_PERIOD_NS
from shared.ward import Deed, Episode, Night, ward_previews

NIGHT = Night(7, 3, 30.0, (Episode(Deed.tonic, 10.0, 8.0),))


def test_labels_follow_the_plan_and_are_unsure_where_nobody_could_know() -> None:
    times_s = np.arange(0, 30, 1.0)
    motor, paroxysm, sure = labels(NIGHT, times_s)
    assert set(motor[10:18]) == {motor_index(Deed.tonic)}
    assert set(np.delete(motor, np.arange(10, 18))) == {motor_index(Deed.sleep)}
    assert paroxysm.tolist() == [0] * 10 + [1] * 8 + [0] * 12
    assert np.flatnonzero(sure == 0).tolist() == [10, 11, 12, *range(18, 26)]


def test_a_lesson_keeps_the_features_that_the_bed_would_see(tmp_path: Path) -> None:
    kept = load_lesson(NIGHT, tmp_path, "ward-1")
    source = DetectorInput()
    seen = [
        frame.features
        for index, (ir, depth) in enumerate(ward_previews(NIGHT))
        for frame in source.push(ir, depth, index * PREVIEW_PERIOD_NS)
    ]
    assert kept.features.shape == (90, 16, 26, 32)
    assert np.abs(kept.features / SCALE - OFFSET - np.stack(seen)).max() <= 0.021


def test_a_torn_file_is_made_anew(tmp_path: Path) -> None:
    first = load_lesson(NIGHT, tmp_path, "ward-1")
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:5000])
    again = load_lesson(NIGHT, tmp_path, "ward-1")
    np.testing.assert_array_equal(first.features, again.features)


def test_another_maker_makes_its_own_lesson(tmp_path: Path) -> None:
    short = Night(7, 3, 2.0, ())
    load_lesson(short, tmp_path, "ward-1")
    load_lesson(short, tmp_path, "ward-2")
    assert len(list(tmp_path.iterdir())) == 2


def test_the_fingerprint_is_that_of_the_pictures() -> None:
    assert fingerprint() == fingerprint()
