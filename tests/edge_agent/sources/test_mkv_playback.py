"""An Azure Kinect recording plays as a camera: every image bit by bit, in time; a bad file is refused in one sentence."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from edge_agent.sources.mkv_playback import MkvPlayback
from shared.clock import NS_PER_S
from shared.errors import Refused
from shared.frame import Frame, Stream
from tests.fakes.clock import START_MONO_NS, FakeClock
from tests.fakes.frame_source import HEIGHT, WIDTH, make_frame
from tests.fakes.recordings import CALIBRATION, COLOUR_WIDTH, element, jpeg, number, write_recording

REAL = Path(__file__).parents[4] / "shared/data/azure-kinect-nfov-unbinned.mkv"
FRAMES = [replace(make_frame(index), colour=jpeg(10 * index)) for index in range(8)]


def playback(path: Path, *, loop: bool = False, paced: bool = True) -> MkvPlayback:
    clock = FakeClock()
    return MkvPlayback(path, clock, clock.wait, loop=loop, paced=paced)


def play(source: MkvPlayback) -> list[Frame]:
    source.open()
    return list(iter(source.read, None))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "a.mkv", FRAMES)


def test_every_image_comes_out_bit_by_bit(recording: Path) -> None:
    played = play(playback(recording))
    assert len(played) == len(FRAMES)
    for found, wanted in zip(played, FRAMES, strict=True):
        assert found.depth is not None
        assert found.depth.dtype == np.uint16
        assert wanted.depth is not None
        assert wanted.ir is not None
        assert np.array_equal(found.depth, wanted.depth)
        assert found.ir is not None
        assert np.array_equal(found.ir, wanted.ir)
        assert found.colour == wanted.colour


def test_the_camera_tells_its_sizes_rate_and_calibration(recording: Path) -> None:
    info = playback(recording).open()
    assert (info.depth_width, info.depth_height, info.colour_width) == (WIDTH, HEIGHT, COLOUR_WIDTH)
    assert info.frames_per_s == pytest.approx(30, abs=0.01)
    assert info.calibration == CALIBRATION


@pytest.mark.parametrize("paced", [True, False])
def test_frames_are_dated_by_the_files_own_times(recording: Path, paced: bool) -> None:
    for index, frame in enumerate(play(playback(recording, paced=paced))):
        assert frame.index == index
        assert frame.mono_ns == pytest.approx(START_MONO_NS + index * NS_PER_S / 30, abs=NS_PER_S // 1000)


def test_a_capture_that_the_camera_dropped_is_a_jump_of_the_index(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a.mkv", [FRAMES[0], FRAMES[1], FRAMES[5], FRAMES[6]])
    assert [frame.index for frame in play(playback(path))] == [0, 1, 5, 6]


def test_a_looped_recording_goes_on_without_a_jump(recording: Path) -> None:
    source = playback(recording, loop=True)
    source.open()
    frames = [source.read() for _ in range(20)]
    assert [frame.index for frame in frames if frame] == list(range(20))
    assert all(before < after for before, after in pairwise(frame.mono_ns for frame in frames if frame))
    assert frames[8] is not None
    assert frames[8].colour == FRAMES[0].colour


@pytest.mark.parametrize(
    "streams", [(Stream.depth,), (Stream.ir,), (Stream.depth, Stream.ir), (Stream.ir, Stream.colour)]
)
def test_missing_tracks_are_allowed(tmp_path: Path, streams: tuple[Stream, ...]) -> None:
    source = playback(write_recording(tmp_path / "a.mkv", FRAMES[:2], streams))
    frames = play(source)
    assert set(source.streams) == set(streams)
    assert (frames[0].depth is not None, frames[0].ir is not None, frames[0].colour is not None) == tuple(
        stream in streams for stream in (Stream.depth, Stream.ir, Stream.colour)
    )


@pytest.mark.parametrize("calibration", [b"", b"not JSON", b"[1, 2]", b'{"a": NaN}', b'{"a":1}\x00\x00'])
def test_a_strange_calibration_never_stops_the_recording(tmp_path: Path, calibration: bytes) -> None:
    source = playback(write_recording(tmp_path / "a.mkv", FRAMES[:1], calibration=calibration))
    assert source.open().calibration in ({}, {"a": None}, {"a": 1})


def test_a_recording_that_is_cut_anywhere_is_refused(recording: Path, tmp_path: Path) -> None:
    whole = recording.read_bytes()
    cut = tmp_path / "cut.mkv"
    for length in (0, 3, 30, 60, len(whole) // 2, len(whole) - 1):
        cut.write_bytes(whole[:length])
        with pytest.raises(Refused, match=r"cut\.mkv is (cut|not a Matroska recording)"):
            play(playback(cut))


@pytest.mark.parametrize("body", [b"", b"plain text", bytes(100), b"\x1aE\xdf\xa3", b"\x89PNG\r\n\x1a\n" + bytes(99)])
def test_a_foreign_file_is_refused(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "foreign.mkv"
    path.write_bytes(body)
    with pytest.raises(Refused, match=r"foreign\.mkv"):
        playback(path).open()


def test_a_matroska_file_of_garbage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "garbage.mkv"
    head = element(0x1A45DFA3, number(0x4286, 1) + element(0x4282, b"matroska"))
    path.write_bytes(head + element(0x18538067, np.random.default_rng(1).bytes(4000)))
    with pytest.raises(Refused, match=r"garbage\.mkv"):
        play(playback(path))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be opened"):
        playback(tmp_path / "none.mkv").open()


def test_a_film_without_depth_and_infrared_is_refused(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "film.mkv", FRAMES[:1], (Stream.colour,))
    with pytest.raises(Refused, match="no DEPTH and no IR track"):
        playback(path).open()


def test_a_depth_track_of_another_coding_is_refused(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "other.mkv", FRAMES[:1], fourcc=b"YUY2")
    with pytest.raises(Refused, match="which is not read"):
        playback(path).open()


def test_an_image_of_the_wrong_length_is_refused(tmp_path: Path) -> None:
    short = make_frame(1)
    assert short.depth is not None
    path = write_recording(tmp_path / "short.mkv", [FRAMES[0], replace(short, depth=short.depth[:50], colour=b"x")])
    source = playback(path)
    source.open()
    assert source.read() is not None
    with pytest.raises(Refused, match="a depth image has 12800 bytes"):
        source.read()


@pytest.mark.skipif(not REAL.exists(), reason="the real Azure Kinect recording is not on this machine")
def test_a_real_azure_kinect_recording_is_read_as_it_is() -> None:
    (frame,) = play(playback(REAL))
    assert frame.depth is not None
    assert frame.ir is not None
    assert frame.colour is not None
    valid = frame.depth[frame.depth > 0]
    assert [int(valid.min()), int(valid.max()), int(np.median(valid))] == [165, 3690, 1491]
    assert valid.size / frame.depth.size == pytest.approx(0.765, abs=0.0005)
    assert (frame.ir.min(), frame.ir.max()) == (0, 65535)
    assert frame.colour[:2] == b"\xff\xd8"
    source = playback(REAL)
    assert "CalibrationInformation" in source.open().calibration


@pytest.mark.skipif(not REAL.exists(), reason="the real Azure Kinect recording is not on this machine")
def test_a_general_demuxer_finds_the_same_bytes_in_the_real_recording() -> None:
    (frame,) = play(playback(REAL))
    with av.open(str(REAL), format="matroska") as container:
        packets = {packet.stream.metadata["title"]: bytes(packet) for packet in container.demux() if packet.size}
    assert frame.colour == packets["COLOR"]
    for image, title in ((frame.depth, "DEPTH"), (frame.ir, "IR")):
        assert image is not None
        assert image.astype(">u2").tobytes() == packets[title]
    assert len(frame.imu) * 40 == len(packets["IMU"])
