"""The preview follows its fixed rule: area means, a tone curve, a depth scale, at most 15 a second."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from shared.clock import NS_PER_S
from shared.errors import Refused
from shared.frame import Frame, Uint16Image
from shared.preview import PREVIEW_HEIGHT, PREVIEW_WIDTH, PreviewMaker, depth_to_u8, ir_to_u8, preview_of

KINECT_V2 = (424, 512)


def image_of(value: int, shape: tuple[int, int] = KINECT_V2) -> Uint16Image:
    return np.full(shape, value, np.uint16)


def frame_at(mono_ns: int) -> Frame:
    small = image_of(1000, (PREVIEW_HEIGHT, PREVIEW_WIDTH))
    return Frame(0, 0, mono_ns, mono_ns, small, small, None)


def test_each_pixel_is_the_mean_of_its_block() -> None:
    rng = np.random.default_rng(3)
    depth = rng.integers(500, 4000, KINECT_V2).astype(np.uint16)
    ir = rng.integers(0, 65536, KINECT_V2).astype(np.uint16)
    small_ir, small_depth = preview_of(depth, ir)
    row, column = 50, 77
    block = np.s_[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
    assert small_ir[row, column] == ir_to_u8(np.array(ir[block].mean()))
    assert small_depth[row, column] == round((depth[block].mean() - 400) / 16) + 1


@pytest.mark.parametrize("shape", [(106, 128), (424, 512), (576, 640), (107, 900), (1700, 2100)])
def test_compiled_or_not_the_preview_has_the_same_bytes(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    depth = rng.integers(0, 4500, shape).astype(np.uint16)
    depth[rng.random(shape) < np.linspace(0, 1, shape[1])] = 0
    ir = rng.integers(0, 65536, shape).astype(np.uint16)
    for one, other in zip(preview_of(depth, ir), preview_of(depth, ir, compiled=False), strict=True):
        assert one.any()
        assert np.array_equal(one, other)


def test_depth_is_the_mean_of_valid_pixels_and_zero_where_they_are_few() -> None:
    depth = image_of(0)
    depth[0:2, 0:2] = 2000
    depth[0:1, 4:7] = 2000
    _, small = preview_of(depth, None)
    assert small[0, 0] == 101
    assert small[0, 1] == 0
    assert small[5, 5] == 0


def test_near_and_far_are_clipped_and_never_look_unknown() -> None:
    valid = np.ones(3, bool)
    assert depth_to_u8(np.array([10.0, 400.0, 9000.0]), valid).tolist() == [1, 1, 255]
    assert depth_to_u8(np.array([2000.0, 2000.0, 2000.0]), ~valid).tolist() == [0, 0, 0]


def test_the_tone_curve_runs_from_black_to_white_and_never_falls() -> None:
    toned = ir_to_u8(np.arange(65536))
    assert (toned[0], toned[-1]) == (0, 255)
    assert (np.diff(toned.astype(int)) >= 0).all()


def test_a_missing_image_gives_zeros() -> None:
    small_ir, small_depth = preview_of(None, None)
    assert small_ir.shape == small_depth.shape == (PREVIEW_HEIGHT, PREVIEW_WIDTH)
    assert not small_ir.any()
    assert not small_depth.any()


def test_other_cameras_are_cropped_to_whole_blocks_around_the_middle() -> None:
    depth = image_of(3000, (576, 640))
    depth[:23] = 500
    _, small = preview_of(depth, None)
    assert small.shape == (PREVIEW_HEIGHT, PREVIEW_WIDTH)
    assert (small == 163).all()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((424, 512), "4507d6c394d3bbffc77cb2c1e02ca4ae"),
        ((576, 640), "671e0bebd39643c14bf9aae810357957"),
        ((512, 512), "1dac7414b940550eb10df52a6dce1a10"),
        ((106, 128), "fd1ccc62bae6e088d9363a4baf973917"),
        ((1024, 1024), "f5c5850f6f82d36261720a61defba411"),
        ((1060, 1290), "dd784e9468c909cb039d3296024291f3"),
    ],
)
def test_the_bytes_of_a_preview_never_change(shape: tuple[int, int], expected: str) -> None:
    rng = np.random.default_rng(shape[0] * shape[1])
    depth = rng.integers(0, 5000, shape).astype(np.uint16)
    depth[rng.random(shape) < 0.3] = 0
    ir = (rng.random(shape) ** 4 * 65536).astype(np.uint16)
    small_ir, small_depth = preview_of(depth, ir)
    assert hashlib.sha256(small_ir.tobytes() + small_depth.tobytes()).hexdigest()[:32] == expected


@pytest.mark.parametrize("factor", [1, 4, 5, 9, 16])
def test_the_quick_sums_give_what_the_rule_gives(factor: int) -> None:
    """The rule as it is written, block by block, against the code that adds rows and looks tones up."""
    shape = (PREVIEW_HEIGHT * factor, PREVIEW_WIDTH * factor)
    rng = np.random.default_rng(factor)
    ir = rng.choice([0, 1, 7, 900, 65535], shape).astype(np.uint16)
    depth = rng.choice([0, 0, 408, 416, 4000, 65535], shape).astype(np.uint16)
    small_ir, small_depth = preview_of(depth, ir)
    blocks = [image.reshape(PREVIEW_HEIGHT, factor, PREVIEW_WIDTH, factor).astype(np.int64) for image in (ir, depth)]
    ir_sums, depth_sums = (block.sum(axis=(1, 3)) for block in blocks)
    counts = (blocks[1] != 0).sum(axis=(1, 3))
    assert np.array_equal(small_ir, ir_to_u8(ir_sums / np.float32(factor**2)))
    mean_mm = depth_sums / np.maximum(counts, 1)
    steps = np.clip(np.rint((mean_mm - 400) / 16) + 1, 1, 255)
    assert np.array_equal(small_depth, np.where(counts * 4 >= factor**2, steps, 0))


def test_a_frame_smaller_than_the_preview_is_refused() -> None:
    with pytest.raises(Refused, match="smaller than the preview"):
        preview_of(image_of(1, (100, 128)), None)


@pytest.mark.parametrize(("frames_per_s", "expected"), [(30, 150), (60, 150), (15, 150), (5, 50)])
def test_a_camera_gives_at_most_15_previews_a_second(frames_per_s: int, expected: int) -> None:
    maker = PreviewMaker()
    made = [maker.add(frame_at(k * NS_PER_S // frames_per_s)) for k in range(10 * frames_per_s)]
    previews = [preview for preview in made if preview is not None]
    assert expected <= len(previews) <= expected + 1
    assert [preview.index for preview in previews] == list(range(len(previews)))


def test_jitter_of_a_few_milliseconds_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    maker = PreviewMaker()
    times = [k * NS_PER_S // 30 + int(rng.integers(0, 12_000_000)) for k in range(300)]
    previews = [preview for at in times if (preview := maker.add(frame_at(at)))]
    assert len(previews) == 150


def test_after_a_hole_previews_go_on_at_their_own_pace() -> None:
    maker = PreviewMaker()
    times = [second * NS_PER_S + k * NS_PER_S // 30 for second in (0, 9) for k in range(30)]
    previews = [preview for at in times if (preview := maker.add(frame_at(at)))]
    assert len(previews) == 30
