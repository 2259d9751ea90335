"""Frames of a proxy as the network reads them: decoded at full range, on a grid of 30 a second, refused in words when bad."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cloud.classify.clip_classifier import LONGEST_CLIP_NS, STEP_NS, GreyFrame, grey_frames, on_grid
from edge_agent.clips.proxy_encoder import ProxyEncoder
from shared.codec import Codec
from shared.errors import Refused
from shared.frame import Stream
from shared.preview import ir_to_u8
from shared.segment_records import StreamImage, checksum_of
from tests.cloud.classify.proxies import write_proxy


def numbered(count: int) -> Iterator[GreyFrame]:
    return (np.full((1, 1), number, np.uint8) for number in range(count))


def shown(times_ns: list[int], frames: int | None = None) -> list[int]:
    return [int(frame[0, 0]) for frame in on_grid(numbered(len(times_ns) if frames is None else frames), times_ns)]


def test_frames_at_30_a_second_pass_one_by_one_despite_jitter() -> None:
    times = [number * STEP_NS + (number % 3) * STEP_NS // 5 for number in range(60)]
    assert shown(times) == list(range(60))


def test_a_gap_keeps_its_length() -> None:
    assert shown([0, STEP_NS, 4 * STEP_NS, 5 * STEP_NS]) == [0, 1, 1, 1, 2, 3]


def test_a_slower_proxy_is_repeated_and_a_faster_one_thinned() -> None:
    assert shown([0, 2 * STEP_NS, 4 * STEP_NS]) == [0, 0, 1, 1, 2]
    assert len(shown([number * STEP_NS // 2 for number in range(60)])) in {30, 31}


@pytest.mark.parametrize("times", [[], [5, 4], [0, LONGEST_CLIP_NS + 1]])
def test_times_that_cannot_be_are_refused(times: list[int]) -> None:
    with pytest.raises(Refused):
        shown(times)


def test_fewer_frames_than_the_manifest_says_are_refused() -> None:
    with pytest.raises(Refused, match="fewer frames"):
        shown([0, STEP_NS, 2 * STEP_NS], frames=2)


def test_a_proxy_is_read_at_the_brightness_that_it_was_made_with(tmp_path: Path) -> None:
    ramp = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None], 48, axis=0)
    write_proxy(tmp_path / "ir.mp4", [ramp] * 5)
    found = list(grey_frames(tmp_path / "ir.mp4", 5))
    assert len(found) == 5
    assert np.abs(found[4].astype(int) - ramp).max() <= 8


def test_no_more_frames_are_read_than_the_manifest_names(tmp_path: Path) -> None:
    write_proxy(tmp_path / "ir.mp4", [np.zeros((48, 64), np.uint8)] * 9)
    assert len(list(grey_frames(tmp_path / "ir.mp4", 4))) == 4


@pytest.mark.parametrize("content", [b"", b"not a video", bytes(200_000)])
def test_what_is_no_video_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ir.mp4").write_bytes(content)
    with pytest.raises(Refused, match="proxy"):
        list(grey_frames(tmp_path / "ir.mp4", 4))


def test_a_proxy_with_flipped_bytes_gives_frames_or_a_refusal_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "ir.mp4"
    random = np.random.default_rng(5)
    write_proxy(path, [random.integers(0, 255, (48, 64), np.uint8) for _ in range(6)])
    good = bytearray(path.read_bytes())
    for _ in range(60):
        bad = bytearray(good)
        for position in random.integers(0, len(bad), 8):
            bad[position] ^= 1 << int(random.integers(0, 8))
        path.write_bytes(bad)
        try:
            list(grey_frames(path, 6))
        except Refused:
            continue


def test_a_link_inside_a_proxy_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    (tmp_path / "ir.mp4").write_text(f"ffconcat version 1.0\nfile {tmp_path / 'secret.mp4'}\n")
    with pytest.raises(Refused):
        list(grey_frames(tmp_path / "ir.mp4", 4))


def test_a_bed_s_own_proxy_gives_back_the_infrared_that_the_network_was_trained_on(tmp_path: Path) -> None:
    ir = np.repeat(np.geomspace(1, 65_535, 64).astype(np.uint16)[None], 48, axis=0)
    encoder = ProxyEncoder(tmp_path / "part.mp4", Stream.ir)
    for number in range(4):
        encoder.add(
            StreamImage(Stream.ir, number, 0, number * STEP_NS, 0, 64, 48, Codec.raw, checksum_of(ir), ir.tobytes())
        )
    proxy = encoder.finish(tmp_path)
    assert proxy is not None
    found = list(grey_frames(tmp_path / f"{proxy.sha256}.mp4", len(proxy.frame_mono_ns)))
    assert len(found) == 4
    assert np.abs(found[3].astype(int) - ir_to_u8(ir)).max() <= 8
