"""An exported Matroska file opens in every reader of Azure Kinect recordings, with the same pictures and device times."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from edge_agent.sources.mkv_playback import MkvPlayback
from shared.clock import NS_PER_S
from shared.export.excerpt import Excerpt, ExportSummary
from shared.export.formats import ExportFormat, note_of, write_export
from shared.frame import Frame, Stream
from shared.segment_records import checksum_of
from tests.fakes.clock import FakeClock
from tests.shared.export.excerpts import CAMERA, HEIGHT, PERIOD_NS, STAY, WIDTH, excerpt_of, make_frames

KINECT_PYTHON = Path(__file__).parents[3] / ".venv-kinect/bin/python"
FIVE_DAYS_NS = 5 * 86_400 * NS_PER_S


def write(excerpt: Excerpt, path: Path) -> ExportSummary:
    return write_export(excerpt, ExportFormat.mkv, path, lambda *_: None)


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return make_frames(45, imu=True)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, frames: list[Frame]) -> Path:
    """Two segments of 45 frames in all, with colour and inertial samples, as one file."""
    folder = tmp_path_factory.mktemp("mkv")
    write(excerpt_of(folder, frames[:20], frames[20:]), folder / "a.mkv")
    return folder / "a.mkv"


def test_our_own_playback_gives_the_same_pictures(exported: Path, frames: list[Frame]) -> None:
    clock = FakeClock()
    source = MkvPlayback(exported, clock, clock.wait, paced=False)
    info = source.open()
    assert (info.depth_width, info.depth_height, info.calibration) == (WIDTH, HEIGHT, CAMERA.calibration)
    assert info.frames_per_s == pytest.approx(30, abs=0.001)
    played = list(iter(source.read, None))
    assert len(played) == len(frames)
    for found, wanted in zip(played, frames, strict=True):
        assert found.colour == wanted.colour
        for name in ("depth", "ir"):
            assert np.array_equal(getattr(found, name), getattr(wanted, name))
        assert found.index - played[0].index == wanted.index


def test_segment_to_file_to_segment_to_file_gives_the_same_bytes(tmp_path: Path, frames: list[Frame]) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    write(excerpt_of(tmp_path / "first", frames), tmp_path / "a.mkv")
    clock = FakeClock()
    source = MkvPlayback(tmp_path / "a.mkv", clock, clock.wait, paced=False)
    source.open()
    again = [
        replace(found, index=old.index, device_ns=old.device_ns, mono_ns=old.mono_ns, utc_ns=old.utc_ns, imu=old.imu)
        for found, old in zip(iter(source.read, None), frames, strict=True)
    ]
    write(excerpt_of(tmp_path / "second", again), tmp_path / "b.mkv")
    one, two = ((tmp_path / name).read_bytes() for name in ("a.mkv", "b.mkv"))
    assert len(one) == len(two)
    pictures = one.index(frames[0].depth.astype(">u2").tobytes()[:64])  # type: ignore[union-attr]
    last = one.rindex(frames[-1].ir.astype(">u2").tobytes()[-64:])  # type: ignore[union-attr]
    assert one[pictures:last] == two[pictures:last]


def test_ffprobe_reads_tracks_tags_and_every_packet(exported: Path) -> None:
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is missing: make system-packages installs it")
    command = [
        "ffprobe",
        "-v",
        "error",
        "-count_packets",
        "-show_streams",
        "-show_format",
        "-of",
        "json",
        str(exported),
    ]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    videos = [stream for stream in found["streams"] if stream["codec_type"] == "video"]
    assert [(each["codec_name"], each["pix_fmt"], int(each["nb_read_packets"])) for each in videos[1:]] == [
        ("rawvideo", "gray16be", 45), ("rawvideo", "gray16be", 45),
    ]  # fmt: skip
    assert (videos[0]["codec_name"], int(videos[0]["nb_read_packets"])) == ("mjpeg", 15)
    assert videos[1]["tags"]["K4A_DEPTH_MODE"] == "NFOV_2X2BINNED"
    assert videos[2]["tags"]["K4A_IR_MODE"] == "ACTIVE"
    tags = found["format"]["tags"]
    assert tags["K4A_DEVICE_SERIAL_NUMBER"] == "000123"
    assert tags["DEEPEPIL_NOTICE"].startswith("For research use")
    assert tags["DEEPEPIL_STAYS"] == str(STAY)
    assert float(found["format"]["duration"]) == pytest.approx(45 / 30, abs=0.2)


def test_the_file_holds_calibration_gaps_and_the_times_of_each_frame(exported: Path, frames: list[Frame]) -> None:
    with av.open(str(exported)) as container:
        attached = {each.metadata["filename"]: json.loads(bytes(each.data)) for each in container.streams.attachments}
        assert attached["calibration.json"] == CAMERA.calibration
        assert attached["gaps.json"][0]["cause"] == "disk"
        (times,) = [each for each in container.streams.subtitles if each.metadata["title"] == "DEEPEPIL_TIMES"]
        lines = [bytes(packet).decode().split() for packet in container.demux(times) if packet.size]
    assert [int(words[words.index("mono_ns") + 1]) for words in lines] == [frame.mono_ns for frame in frames]
    assert [int(words[words.index("utc_ns") + 1]) for words in lines] == [frame.utc_ns for frame in frames]


def test_a_player_can_seek(exported: Path, frames: list[Frame]) -> None:
    with av.open(str(exported)) as container:
        depth = container.streams.video[1]
        container.seek(int(1.2 * 1_000_000))
        first = next(packet for packet in container.demux(depth) if packet.size)
        assert 0.1 < float((first.pts or 0) * first.time_base) <= 1.2


@pytest.mark.parametrize(
    ("device_ns", "imu"), [(5_000_123_000, True), (0, False), (FIVE_DAYS_NS, True)], ids=["seconds", "zero", "days"]
)
def test_pyk4a_gives_identical_pictures_and_device_times(tmp_path: Path, device_ns: int, imu: bool) -> None:
    """The Azure Kinect SDK's own playback, in the environment of the camera's library."""
    if not KINECT_PYTHON.exists():
        pytest.skip("the environment .venv-kinect is missing: make setup builds it")
    frames = make_frames(10, device_ns, imu=imu)
    summary = write(excerpt_of(tmp_path, frames), tmp_path / "a.mkv")
    assert note_of(summary, ExportFormat.mkv) is None
    script = Path(__file__).with_name("read_by_pyk4a.py")
    command = [str(KINECT_PYTHON), str(script), str(tmp_path / "a.mkv")]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)
    assert found["depth"] == [[frame.device_ns // 1000, checksum_of(frame.depth)] for frame in frames]  # type: ignore[arg-type]
    assert found["ir"] == [[frame.device_ns // 1000, checksum_of(frame.ir)] for frame in frames]  # type: ignore[arg-type]
    assert found["colour"] == [
        [frame.device_ns // 1000, checksum_of(frame.colour)] for frame in frames if frame.colour is not None
    ]
    start_ns = frames[0].mono_ns  # the samples before the first frame arrived before the span
    samples = [sample for frame in frames for sample in frame.imu if sample.mono_ns >= start_ns]
    assert found["imu"] == [
        [sample.device_ns // 1000, *sample.acceleration_m_s2, *sample.rotation_rad_s] for sample in samples
    ]
    assert found["matrix"] == pytest.approx([250.0, 0, 160.25, 0, 251.0, 143.75, 0, 0, 1], abs=1e-3)


def test_the_file_runs_on_when_the_cameras_clock_starts_again(tmp_path: Path) -> None:
    before, after = make_frames(5, FIVE_DAYS_NS), make_frames(10, 0)[5:]
    write(excerpt_of(tmp_path, [*before, *after]), tmp_path / "a.mkv")
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert container.metadata["DEEPEPIL_CLOCK_RESTARTS"] == "1"
        depth = container.streams.video[1]
        times = [float((packet.pts or 0) * packet.time_base) for packet in container.demux(depth) if packet.size]
    steps = np.diff(times)
    assert len(steps) == 9
    assert steps == pytest.approx([PERIOD_NS / NS_PER_S] * 9, abs=2e-6)


def test_a_recording_without_depth_is_one(tmp_path: Path) -> None:
    frames = [replace(frame, depth=None) for frame in make_frames(4)]
    summary = write(excerpt_of(tmp_path, frames), tmp_path / "a.mkv")
    assert summary.frames == {Stream.colour: 2, Stream.ir: 4}
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert [each.metadata["title"] for each in container.streams.video] == ["COLOR", "IR"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"depth_width": 512, "depth_height": 424}, "no recording of 512x424 pixels"),
        ({"frames_per_s": 12.0}, "no recording of 12 frames a second"),
        ({"calibration": {}}, "no calibration"),
    ],
)
def test_it_is_told_beforehand_what_the_sdk_will_not_open(
    exported: Path, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    summary = write(excerpt_of(tmp_path, make_frames(2)), tmp_path / "a.mkv")
    other = summary.model_copy(update={"camera": CAMERA.model_copy(update=change)})
    assert words in str(note_of(other, ExportFormat.mkv))
