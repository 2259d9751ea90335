"""Recordings of every mode, coding and fault: what can be read is read to the bit, the rest is refused in one sentence."""

from __future__ import annotations

import math
import struct
import tracemalloc
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.sources.kinect_modes import DEPTH_MODES
from edge_agent.sources.mkv_playback import MkvPlayback
from shared.clock import NS_PER_S
from shared.errors import Refused
from shared.frame import Frame, Stream
from tests.fakes.clock import FakeClock
from tests.fakes.kinect_recordings import CLUSTER, KinectRecording, image, imu_sample, unknown_size
from tests.fakes.recordings import element, jpeg, number

PERIOD_US = 33_333


def playback(path: Path, *, loop: bool = False) -> MkvPlayback:
    clock = FakeClock()
    return MkvPlayback(path, clock, clock.wait, loop=loop, paced=False)


def play(path: Path) -> list[Frame]:
    source = playback(path)
    source.open()
    try:
        return list(iter(source.read, None))
    finally:
        source.close()


def recording(count: int = 3, **fields: object) -> KinectRecording:
    """Depth and infrared at 30 a second; no colour unless asked for."""
    made = KinectRecording(**{"colour": None} | fields)  # type: ignore[arg-type]
    for index in range(count):
        for stream, there in ((Stream.depth, made.depth), (Stream.ir, made.ir)):
            if there:
                made.add(stream, index * PERIOD_US, image(2 * index + (stream is Stream.ir), made.width, made.height))
    return made


@pytest.mark.parametrize("mode", DEPTH_MODES)
def test_every_depth_mode_is_read_to_the_bit(tmp_path: Path, mode: str) -> None:
    size = DEPTH_MODES[mode]
    passive = mode == "passive_ir"
    tags = {"K4A_DEPTH_MODE": size.word, "K4A_IR_MODE": "PASSIVE" if passive else "ACTIVE"}
    made = recording(1, width=size.width, height=size.height, depth=not passive, tags=tags)
    source = playback(made.write(tmp_path / "a.mkv"))
    info = source.open()
    assert (info.depth_width, info.depth_height, info.tags["K4A_DEPTH_MODE"]) == (size.width, size.height, size.word)
    assert source.streams == ((Stream.ir,) if passive else (Stream.depth, Stream.ir))
    frame = source.read()
    assert frame is not None
    assert frame.ir is not None
    assert np.array_equal(frame.ir, image(1, size.width, size.height))
    assert frame.depth is None if passive else np.array_equal(frame.depth, image(0, size.width, size.height))  # type: ignore[arg-type]
    source.close()


@pytest.mark.parametrize("fourcc", [b"NV12", b"YUY2", b"BGRA"])
def test_raw_colour_becomes_one_jpeg_of_the_same_picture_and_says_so(tmp_path: Path, fourcc: bytes) -> None:
    left, right = (200, 40, 40), (40, 40, 200)
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32], picture[:, 32:] = left, right
    name = {b"NV12": "nv12", b"YUY2": "yuyv422", b"BGRA": "bgra"}[fourcc]
    raw = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=name).to_ndarray().tobytes()
    made = recording(1, colour=fourcc)
    made.add(Stream.colour, 0, raw)
    source = playback(made.write(tmp_path / "a.mkv"))
    assert source.open().tags["colour_encoded_from"] == fourcc.decode()
    frame = source.read()
    assert frame is not None
    assert frame.colour is not None
    decoded = av.CodecContext.create("mjpeg", "r").decode(av.Packet(frame.colour))[0]
    assert isinstance(decoded, av.VideoFrame)
    found = decoded.to_ndarray(format="rgb24")
    assert np.abs(found[8:40, 4:28].mean((0, 1)) - left).max() < 12
    assert np.abs(found[8:40, 36:60].mean((0, 1)) - right).max() < 12


def test_a_jpeg_is_kept_byte_by_byte(tmp_path: Path) -> None:
    made = recording(1, colour=b"MJPG")
    made.add(Stream.colour, 0, jpeg(80))
    source = playback(made.write(tmp_path / "a.mkv"))
    assert "colour_encoded_from" not in source.open().tags
    assert source.read().colour == jpeg(80)  # type: ignore[union-attr]


def test_inertial_samples_come_with_the_next_frame_on_the_cameras_clock(tmp_path: Path) -> None:
    made = recording(0, imu=True)
    for index in range(2):
        for step in range(3):
            made.add_imu(index * PERIOD_US, imu_sample(1_000_000 + index * PERIOD_US + step * 600, step / 4))
        made.add(Stream.depth, index * PERIOD_US, image(index, 128, 106))
        made.add(Stream.ir, index * PERIOD_US, image(index, 128, 106))
    frames = play(made.write(tmp_path / "a.mkv"))
    assert [len(frame.imu) for frame in frames] == [3, 3]
    sample = frames[1].imu[2]
    assert sample.device_ns == (1_000_000 + PERIOD_US + 1200) * 1000
    assert sample.acceleration_m_s2 == (0.5, -9.75, 0.25)
    assert sample.rotation_rad_s == (0.125, 0.5, -0.5)
    assert math.isnan(sample.temperature_c)


@pytest.mark.parametrize("lacing", [1, 2, 3])
def test_several_inertial_samples_in_one_block_are_taken_apart(tmp_path: Path, lacing: int) -> None:
    made = recording(1, imu=True)
    samples = [imu_sample(600 * index, index / 8) for index in range(4)]
    head = {1: bytes([3, 40, 40, 40]), 2: bytes([3]), 3: bytes([3, 0x80 | 40, 0xBF, 0xBF])}[lacing]
    grouped = made.cluster("IMU", 0, head + b"".join(samples), lacing=lacing, grouped=True)
    (frame,) = play(made.write(tmp_path / "a.mkv", clusters=[grouped, *made.clusters()]))
    assert [sample.acceleration_m_s2[0] for sample in frame.imu] == [0, 0.125, 0.25, 0.375]


def test_the_clock_of_the_camera_counts_from_the_recordings_offset(tmp_path: Path) -> None:
    made = recording(2, tags={"K4A_START_OFFSET_NS": "336277000"})
    frames = play(made.write(tmp_path / "a.mkv"))
    assert [frame.device_ns for frame in frames] == [336_277_000, 336_277_000 + PERIOD_US * 1000]


def test_depth_that_was_delayed_is_paired_with_its_own_colour(tmp_path: Path) -> None:
    made = recording(0, colour=b"MJPG", tags={"K4A_DEPTH_DELAY_NS": "20000000"})
    for index in range(3):
        made.add(Stream.colour, index * PERIOD_US, jpeg(index))
        made.add(Stream.depth, index * PERIOD_US + 20_000, image(index, 128, 106))
        made.add(Stream.ir, index * PERIOD_US + 20_000, image(index, 128, 106))
    frames = play(made.write(tmp_path / "a.mkv"))
    assert [frame.colour for frame in frames] == [jpeg(index) for index in range(3)]
    assert frames[0].device_ns == 20_000_000


def test_colour_at_its_own_rate_lies_in_every_third_frame(tmp_path: Path) -> None:
    made = recording(9, colour=b"MJPG")
    for index in range(0, 9, 3):
        made.add(Stream.colour, index * PERIOD_US + 4000, jpeg(index))
    made.blocks.sort(key=lambda block: block[1])
    frames = play(made.write(tmp_path / "a.mkv"))
    assert [index for index, frame in enumerate(frames) if frame.colour] == [0, 3, 6]


def test_a_clock_that_runs_back_or_far_ahead_plays_on_by_one_frame(tmp_path: Path) -> None:
    made = recording(0)
    times_us = [10_000_000, 10_033_333, 2_000_000, 2_033_333, 900_000_000, 900_033_333]
    for index, time_us in enumerate(times_us):
        made.add(Stream.depth, time_us, image(index, 128, 106))
        made.add(Stream.ir, time_us, image(index, 128, 106))
    frames = play(made.write(tmp_path / "a.mkv"))
    assert [frame.index for frame in frames] == list(range(6))
    assert [frame.device_ns // 1000 for frame in frames] == times_us
    assert all(0 < after.mono_ns - before.mono_ns < NS_PER_S // 20 for before, after in pairwise(frames))


def test_a_loop_keeps_both_clocks_and_the_index_running(tmp_path: Path) -> None:
    source = playback(recording(3, imu=True).write(tmp_path / "a.mkv"), loop=True)
    source.open()
    frames = [frame for _ in range(10) if (frame := source.read())]
    assert [frame.index for frame in frames] == list(range(10))
    for before, after in pairwise(frames):
        assert after.device_ns - before.device_ns == pytest.approx(NS_PER_S / 30, abs=1e5)
        assert after.mono_ns > before.mono_ns
    source.close()


def test_a_recording_that_was_never_finished_plays_to_its_last_whole_block(tmp_path: Path) -> None:
    made = recording(3)
    open_clusters = [unknown_size(CLUSTER, cluster[12:]) for cluster in made.clusters()]
    path = made.write(tmp_path / "a.mkv", clusters=open_clusters, segment_size=b"\x01" + b"\xff" * 7)
    assert len(play(path)) == 3
    path.write_bytes(path.read_bytes()[:-1000])
    source = playback(path)
    source.open()
    assert source.read() is not None
    assert source.read() is not None
    with pytest.raises(Refused, match=r"a\.mkv is cut"):
        source.read()
    source.close()


def test_tags_and_attachments_behind_the_last_cluster_are_found_by_the_index(tmp_path: Path) -> None:
    made = recording(1, tags={"K4A_DEVICE_SERIAL_NUMBER": "0042"})
    body = made.head()
    at = body.index(b"\x12\x54\xc3\x67")
    early, late = body[:at], body[at:]

    def index(position: int) -> bytes:
        seeks = b"".join(
            element(
                0x4DBB,
                element(0x53AB, late[where : where + 4]) + element(0x53AC, (position + where).to_bytes(8, "big")),
            )
            for where in (0, late.index(b"\x19\x41\xa4\x69"))
        )
        return element(0x114D9B74, seeks)

    clusters = b"".join(made.clusters())
    position = len(index(0)) + len(early) + len(clusters)
    ebml = made.write(tmp_path / "a.mkv").read_bytes()
    whole = index(position) + early + clusters + late
    (tmp_path / "a.mkv").write_bytes(ebml[: ebml.index(b"\x18\x53\x80\x67")] + element(0x18538067, whole))
    info = playback(tmp_path / "a.mkv").open()
    assert info.make.endswith("0042")
    assert info.calibration


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"width": 4096, "height": 4096}, "at most 4194304 pixels"),
        ({"width": 0}, "0x106"),
        ({"width": 60_000}, "60000x106"),
        ({"width": 64}, "smaller than the preview"),
        ({"colour": b"MJPG", "colour_width": 8192, "colour_height": 8192}, "at most 16777216 pixels"),
        ({"colour": b"NV12", "colour_width": 63}, "even numbers"),
        ({"colour": b"H264"}, "the colour track is H264, which is not read"),
        ({"depth_fourcc": b"MJPG"}, "the depth track is MJPG, which is not read"),
        ({"depth": False, "ir": False, "colour": b"MJPG"}, "no DEPTH and no IR track"),
    ],
)
def test_what_no_azure_kinect_records_is_refused(tmp_path: Path, fields: dict[str, object], sentence: str) -> None:
    path = recording(0, **fields).write(tmp_path / "a.mkv")
    with pytest.raises(Refused, match=sentence):
        playback(path).open()


@pytest.mark.parametrize(
    ("cluster", "sentence"),
    [
        (unknown_size(CLUSTER, number(0xE7, 0) + b"\xa3\x10\x80\x00\x00" + b"\x81\0\0\0"), "is cut"),
        (element(CLUSTER, b"\xa3\x08\x80\x00\x00\x00" + b"\x81\0\0\0"), "longer than its parent|is cut"),
        (element(CLUSTER, element(0xA3, b"\x81\0\0\x80" + bytes(30_000))), "may have 27136"),
        (element(CLUSTER, element(0xA3, b"\x81\0\0\x80" + bytes(20_000))), "has 20000 bytes in place of 27136"),
        (element(CLUSTER, element(0xA3, b"")), "a block without a head"),
        (element(CLUSTER, element(0xA3, b"\x81\0\0\x04")), "parts do not fit"),
        (element(CLUSTER, number(0xE7, 2**63) + element(0xA3, b"\x81\0\0\x80" + bytes(27_136))), "impossible time"),
        (element(CLUSTER, element(0xA3, b"\x81\xff\xff\x80" + bytes(27_136))), "impossible time"),
        (element(CLUSTER, unknown_size(0xA3, b"\x81\0\0\x80")), "without a length"),
        (bytes(64), "no element begins there"),
        (
            element(CLUSTER, element(0xA3, b"\x83\0\0\x80" + bytes(39))),
            "an inertial sample has 39 bytes in place of 40",
        ),
    ],
)
def test_a_damaged_block_is_refused_after_what_was_whole(tmp_path: Path, cluster: bytes, sentence: str) -> None:
    made = recording(2, imu=True)
    after = KinectRecording(colour=None, imu=True)
    after.add(Stream.depth, 900_000, image(5, 128, 106))
    after.add(Stream.ir, 900_000, image(5, 128, 106))
    path = made.write(tmp_path / "a.mkv", clusters=[*made.clusters(), cluster, *after.clusters()])
    source = playback(path)
    source.open()
    with pytest.raises(Refused, match=sentence):
        assert len(list(iter(source.read, None))) < 3
    source.close()


@pytest.mark.parametrize(
    "calibration", [b"{" * 100_000, b'{"a":' * 50_000, b'"' + b"x" * 300_000 + b'"', b"\xff\xfe", b"7"]
)
def test_a_hostile_calibration_is_left_out(tmp_path: Path, calibration: bytes) -> None:
    assert playback(recording(1, calibration=calibration).write(tmp_path / "a.mkv")).open().calibration == {}


def test_many_tags_and_long_ones_are_bounded(tmp_path: Path) -> None:
    tags = {f"K4A_CUSTOM_{index}": "x" * 5000 for index in range(500)}
    found = playback(recording(1, tags=tags).write(tmp_path / "a.mkv")).open().tags
    assert len(found) == 64
    assert max(len(value) for value in found.values()) == 256


def test_a_head_of_many_megabytes_is_refused(tmp_path: Path) -> None:
    tags = {f"K4A_CUSTOM_{index}": "x" * 5000 for index in range(900)}
    with pytest.raises(Refused, match="an element of more than 4194304 bytes"):
        playback(recording(1, tags=tags).write(tmp_path / "a.mkv")).open()


def test_lengths_that_lie_never_cost_memory(tmp_path: Path) -> None:
    body = recording(1).write(tmp_path / "a.mkv").read_bytes()
    path = tmp_path / "lies.mkv"
    names = ("1654ae6b", "1254c367", "1941a469", "1f43b675", "63a2", "465c")
    tracemalloc.start()
    try:
        for name in map(bytes.fromhex, names):
            at = body.index(name) + len(name)
            for size in (2**31, 2**32 - 1, 2**40, 2**56 - 2):
                path.write_bytes(body[:at] + struct.pack(">Q", size | 1 << 56) + body[at + 8 :])
                with path.open("r+b") as file:
                    file.truncate(2**33)
                with pytest.raises(Refused, match=r"lies\.mkv"):
                    play(path)
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_bytes_changed_anywhere_give_frames_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.mkv"
    made = recording(1, imu=True, colour=b"MJPG", tags={"K4A_START_OFFSET_NS": "5"})
    made.add(Stream.colour, 0, jpeg(9))
    made.add_imu(0, imu_sample(1))
    body = bytearray(made.write(path).read_bytes())
    small = [at for at in range(len(body)) if not 1500 < at < len(body) - 1500]
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.sampled_from(small))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(body[: data.draw(st.sampled_from([*small, len(body), len(body)]))]))
    try:
        play(path)
    except Refused as error:
        assert error.sentence.endswith(".")
