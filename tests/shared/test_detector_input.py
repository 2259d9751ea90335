"""The detector's input: the right maps from good previews, and nothing false from bad ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from shared.detector_input import BAND_HZ, CHANNELS, PREVIEWS_PER_STEP, DetectorFrame, DetectorInput
from shared.errors import Refused
from shared.frame import Uint8Image
from shared.preview import PREVIEW_HEIGHT, PREVIEW_PERIOD_NS, PREVIEW_WIDTH

SHAPE = (PREVIEW_HEIGHT, PREVIEW_WIDTH)


def bed(
    shake_hz: float = 0.0, fps: float = 15.0, seconds: float = 12.0, seed: int = 0
) -> Iterator[tuple[int, Uint8Image, Uint8Image]]:
    """A noisy picture with a patch whose edge swings at `shake_hz`; (mono_ns, ir, depth)."""
    rng = np.random.default_rng(seed)
    still = rng.integers(80, 160, SHAPE)
    for index in range(round(seconds * fps)):
        t_s = index / fps
        ir = still + rng.normal(0, 1, SHAPE)
        depth = np.full(SHAPE, 120.0) + rng.normal(0, 0.4, SHAPE)
        swing = np.sin(2 * np.pi * shake_hz * t_s) if shake_hz else 0.0
        ir[40:60, 50:70] += 25 * swing
        depth[40:60, 50:70] += 8 * swing
        yield round(t_s * 1e9), ir.clip(0, 255).astype(np.uint8), depth.clip(1, 255).astype(np.uint8)


def feed(
    source: DetectorInput, previews: Iterator[tuple[int, Uint8Image, Uint8Image]], start_ns: int = 0
) -> list[DetectorFrame]:
    return [frame for ns, ir, depth in previews for frame in source.push(ir, depth, start_ns + ns)]


def patch(frame: DetectorFrame, band: int) -> float:
    """Strength of one ir band in the middle of the shaken patch."""
    return float(frame.features[band, 11:14, 14:16].mean())


def test_five_previews_make_one_frame_of_all_channels() -> None:
    frames = feed(DetectorInput(), bed(seconds=4))
    assert len(frames) == 4 * 15 // PREVIEWS_PER_STEP
    assert {frame.features.shape for frame in frames} == {(len(CHANNELS), 26, 32)}
    assert {frame.features.dtype for frame in frames} == {np.dtype(np.float32)}
    assert [frame.fresh for frame in frames] == [True] + [False] * 11


def test_the_band_nearest_to_a_rhythm_answers_most_where_it_moves() -> None:
    for hz in (1.2, 2.0, 3.0, 4.2, 5.6):
        last = feed(DetectorInput(), bed(shake_hz=hz))[-1]
        strengths = [patch(last, band) for band in range(len(BAND_HZ))]
        assert int(np.argmax(strengths)) == BAND_HZ.index(hz)
        assert max(strengths) > 4 * float(last.features[BAND_HZ.index(hz), :8, :8].mean())


def test_a_camera_at_sixty_frames_gives_the_same_as_one_at_fifteen() -> None:
    slow = feed(DetectorInput(), bed(shake_hz=3.0))
    fast = feed(DetectorInput(), bed(shake_hz=3.0, fps=60))
    assert len(fast) == len(slow)
    assert patch(fast[-1], 3) == pytest.approx(patch(slow[-1], 3), abs=0.25)


def test_a_camera_at_five_frames_keeps_the_slow_rhythms_and_says_what_it_missed() -> None:
    frames = feed(DetectorInput(), bed(shake_hz=1.2, fps=5, seconds=20))
    assert len(frames) == pytest.approx(60, abs=1)
    assert int(np.argmax([patch(frames[-1], band) for band in range(len(BAND_HZ))])) == 1
    assert frames[-1].unseen_s == pytest.approx(10 * 2 / 3, abs=0.2)


def test_what_was_not_seen_is_told_until_ten_seconds_were_seen() -> None:
    frames = feed(DetectorInput(), bed(seconds=11))
    assert frames[0].unseen_s == pytest.approx(10 - 5 / 15, abs=0.01)
    assert frames[-1].unseen_s == 0


def test_a_short_gap_is_blended_without_a_jolt() -> None:
    source = DetectorInput()
    feed(source, bed(seconds=10))
    frames = feed(source, bed(seconds=2, seed=1), start_ns=10_300_000_000)
    assert not frames[0].fresh
    assert 0 < frames[0].unseen_s < 0.5


def test_a_gap_of_seconds_starts_the_filters_anew_and_a_long_one_everything() -> None:
    source = DetectorInput()
    feed(source, bed(shake_hz=3.0, seconds=10))
    after = feed(source, bed(seconds=1), start_ns=14_000_000_000)[0]
    assert patch(after, 3) < 1
    assert not after.fresh
    assert after.unseen_s == pytest.approx(4, abs=0.2)
    assert feed(source, bed(seconds=1), start_ns=60_000_000_000)[0].fresh


@pytest.mark.parametrize("level", [0, 7, 255])
def test_black_even_and_saturated_pictures_give_no_frame(level: int) -> None:
    source = DetectorInput()
    even = np.full(SHAPE, level, np.uint8)
    assert [f for i in range(60) for f in source.push(even, np.zeros(SHAPE, np.uint8), i * PREVIEW_PERIOD_NS)] == []


def test_a_picture_frozen_for_seconds_counts_as_unseen_and_leaves_no_movement() -> None:
    source = DetectorInput()
    feed(source, bed(seconds=10))
    _, ir, depth = next(bed(seed=4))
    frozen = [f for i in range(45) for f in source.push(ir, depth, 10_000_000_000 + i * PREVIEW_PERIOD_NS)]
    assert len(frozen) <= 1
    assert feed(source, bed(seconds=1), start_ns=13_000_000_000)[0].unseen_s >= 2.8


def test_depth_holes_are_filled_with_what_was_there_before_the_mean() -> None:
    whole, holed = DetectorInput(), DetectorInput()
    rng = np.random.default_rng(2)
    for ns, ir, depth in bed(seconds=6):
        expected = whole.push(ir, depth, ns)
        torn = depth.copy()
        if ns:
            torn[rng.random(SHAPE) < 0.3] = 0
            torn[20:40, 20:40] = 0
        found = holed.push(ir, torn, ns)
    assert np.abs(found[-1].features[13] - expected[-1].features[13]).max() < 0.03


def test_a_bed_without_any_depth_gives_finite_maps() -> None:
    source = DetectorInput()
    frames = [f for ns, ir, _ in bed(seconds=3) for f in source.push(ir, np.zeros(SHAPE, np.uint8), ns)]
    assert all(np.isfinite(frame.features).all() for frame in frames)
    assert np.abs(frames[-1].features[6:12]).max() == 0


def test_an_image_that_shows_nothing_is_told_apart_from_what_was_not_seen() -> None:
    rng = np.random.default_rng(6)
    glare = rng.integers(251, 256, SHAPE).astype(np.uint8)
    glare[rng.random(SHAPE) < 0.01] = 90
    blinded, uncovered = DetectorInput(), DetectorInput()
    no_ir = [f for ns, _, depth in bed(seconds=12) for f in blinded.push(glare, depth, ns)][-1]
    no_depth = [f for ns, ir, _ in bed(seconds=12) for f in uncovered.push(ir, np.zeros(SHAPE, np.uint8), ns)][-1]
    assert (no_ir.unseen_s, no_ir.no_ir_s, no_ir.no_depth_s) == (0, 10, 0)
    assert (no_depth.unseen_s, no_depth.no_ir_s, no_depth.no_depth_s) == (0, 0, 10)
    after = feed(blinded, bed(seconds=4), start_ns=12_000_000_000)[-1]
    assert after.no_ir_s == pytest.approx(6, abs=0.3)


@pytest.mark.parametrize(
    "wrong", [np.zeros((106, 127), np.uint8), np.zeros(SHAPE, np.float32), np.zeros((2, *SHAPE), np.uint8), None, [1]]
)
def test_another_shape_or_dtype_is_refused_by_name(wrong: object) -> None:
    source = DetectorInput()
    good = np.zeros(SHAPE, np.uint8)
    with pytest.raises(Refused, match="depth must be uint8"):
        source.push(good, wrong, 0)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="ir must be uint8"):
        source.push(wrong, good, 0)  # type: ignore[arg-type]


def test_previews_that_are_not_newer_are_passed_over_and_counted() -> None:
    source = DetectorInput()
    previews = list(bed(seconds=2))
    expected = feed(source, iter(previews))
    for _, ir, depth in previews[:10]:
        assert source.push(ir, depth, previews[3][0]) == []
    assert source.late == 10
    assert len(expected) == 6
