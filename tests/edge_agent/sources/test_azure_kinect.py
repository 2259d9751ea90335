"""The Azure Kinect as a source: every capture once, in order, with what was chosen; a lost camera is opened again."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import pytest
import structlog

from edge_agent.bus_messages import BusTopic, CameraFact, Message
from edge_agent.settings import SourceSettings
from edge_agent.sources.azure_kinect import MOST_IMU_A_FRAME, AzureKinect
from edge_agent.sources.capturing import Capturing
from edge_agent.sources.frame_source import source_of
from shared.clock import NS_PER_S
from shared.errors import DeepEpilError, Misconfigured, Transient
from shared.frame import Frame, Stream
from tests.fakes.clock import FakeClock
from tests.fakes.kinect import ScriptedKinect, Step, imu, part, whole

PERIOD_US = 33_333
DEPTH, IR, COLOUR = Stream.depth, Stream.ir, Stream.colour


def settings_of(colour_per_s: float = 30.0, **kinect: object) -> SourceSettings:
    return SourceSettings.model_validate({"kind": "azure_kinect", "colour_per_s": colour_per_s, "kinect": kinect})


class Bed:
    """A source on a scripted camera."""

    def __init__(
        self, script: Iterable[Step], settings: SourceSettings | None = None, **faults: Iterable[DeepEpilError]
    ) -> None:
        self.clock = FakeClock()
        self.camera = ScriptedKinect(self.clock, script, **faults)
        self.source = AzureKinect(settings or settings_of(), self.clock, self.clock.wait, self.camera)

    def frames(self, count: int) -> list[Frame]:
        self.source.open()
        return [frame for _ in range(count) if (frame := self.source.read())]


def present(frame: Frame) -> set[Stream]:
    images = {DEPTH: frame.depth, IR: frame.ir, COLOUR: frame.colour}
    return {stream for stream, image in images.items() if image is not None}


def test_what_was_chosen_is_told_with_serial_firmware_and_calibration() -> None:
    bed = Bed([], settings_of(10.0, depth_mode="wfov_2x2binned", colour_mode="720p", exposure_us=8000, gain=90))
    info = bed.source.open()
    assert (info.source, info.depth_width, info.depth_height) == ("azure_kinect", 512, 512)
    assert (info.colour_width, info.colour_height, info.colour_per_s) == (1280, 720, 10.0)
    assert info.calibration == bed.camera.calibration
    wanted = {
        "K4A_DEPTH_MODE": "WFOV_2X2BINNED", "K4A_COLOR_MODE": "MJPG_720P", "K4A_DEVICE_SERIAL_NUMBER": "000123",
        "K4A_DEPTH_FIRMWARE_VERSION": "1.6.79", "exposure_us": "8000", "gain": "90", "white_balance_k": "automatic",
    }  # fmt: skip
    assert wanted.items() <= info.tags.items()


def test_colour_that_is_off_is_not_asked_of_the_camera() -> None:
    bed = Bed([whole(0)], settings_of(0.0))
    assert bed.source.open().colour_width == 0
    assert bed.camera.opened[0].colour_mode == "off"
    assert bed.source.streams == (DEPTH, IR)


def test_passive_infrared_has_no_depth() -> None:
    bed = Bed([], settings_of(0.0, depth_mode="passive_ir"))
    info = bed.source.open()
    assert (bed.source.streams, info.tags["K4A_IR_MODE"]) == ((IR,), "PASSIVE")


def test_each_capture_is_one_frame_and_a_dropped_one_is_a_jump() -> None:
    bed = Bed([whole(5_000_000 + index * PERIOD_US, index) for index in (0, 1, 4, 5)])
    frames = bed.frames(4)
    assert [frame.index for frame in frames] == [0, 1, 4, 5]
    assert [frame.device_ns for frame in frames] == [(5_000_000 + index * PERIOD_US) * 1000 for index in (0, 1, 4, 5)]
    assert all(present(frame) == {DEPTH, IR, COLOUR} for frame in frames)


def test_images_that_come_apart_are_paired_by_the_cameras_clock() -> None:
    script: list[Step] = []
    for index in range(4):
        script.append([part(DEPTH, index * PERIOD_US), part(IR, index * PERIOD_US)])
        script.append([part(COLOUR, index * PERIOD_US + 900)])
    frames = Bed(script).frames(4)
    assert [present(frame) for frame in frames] == [{DEPTH, IR, COLOUR}] * 4


def test_a_missing_picture_never_hides_the_depth_beside_it() -> None:
    script: list[Step] = [
        whole(0),
        [part(DEPTH, PERIOD_US), part(IR, PERIOD_US)],
        *(whole(n * PERIOD_US) for n in (2, 3, 4)),
    ]
    frames = Bed(script).frames(4)
    assert [present(frame) for frame in frames[:2]] == [{DEPTH, IR, COLOUR}, {DEPTH, IR}]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]


@pytest.mark.parametrize(("rate", "pictures"), [(30.0, 30), (20.0, 20), (15.0, 15), (12.0, 12), (10.0, 10), (1.0, 1)])
def test_colour_is_thinned_to_its_own_rate_though_the_clock_jitters(rate: float, pictures: int) -> None:
    script = [whole(7_000_000 + index * PERIOD_US + (index * 37) % 900) for index in range(30)]
    frames = Bed(script, settings_of(rate)).frames(30)
    assert len([frame for frame in frames if frame.colour]) == pictures


def test_inertial_samples_go_with_the_next_frame_and_a_flood_is_spread() -> None:
    bed = Bed([whole(index * PERIOD_US) for index in range(3)])
    bed.camera.samples.extend(imu(600 * index) for index in range(MOST_IMU_A_FRAME + 10))
    frames = bed.frames(3)
    assert [len(frame.imu) for frame in frames] == [MOST_IMU_A_FRAME, 10, 0]
    assert frames[1].imu[0].device_ns == 600_000 * MOST_IMU_A_FRAME


def test_a_frame_is_dated_by_its_arrival_at_the_host_when_that_can_be_believed() -> None:
    clock = FakeClock()
    late_ns = clock.monotonic_ns() + round(NS_PER_S / 30) - 4_000_000
    script: list[Step] = [
        [part(DEPTH, 0, arrival_ns=late_ns), part(IR, 0, arrival_ns=late_ns)],
        [part(DEPTH, PERIOD_US), part(IR, PERIOD_US)],
    ]
    bed = Bed(script, settings_of(0.0))
    first, second = bed.frames(2)
    assert first.mono_ns == late_ns
    assert second.mono_ns == bed.clock.monotonic_ns()
    assert first.utc_ns - second.utc_ns == first.mono_ns - second.mono_ns


def test_a_short_silence_is_waited_out_and_half_a_capture_goes_out_with_it() -> None:
    bed = Bed([[part(DEPTH, 0), part(IR, 0)], None, None, whole(9 * PERIOD_US)])
    frames = bed.frames(2)
    assert [present(frame) for frame in frames] == [{DEPTH, IR}, {DEPTH, IR, COLOUR}]
    assert frames[1].index == 9


def test_a_camera_that_falls_silent_counts_as_lost_within_four_seconds() -> None:
    bed = Bed([whole(0)])
    bed.frames(1)
    began_ns = bed.clock.monotonic_ns()
    with pytest.raises(Transient, match="gives no captures"):
        bed.source.read()
    assert bed.clock.monotonic_ns() - began_ns < 4 * NS_PER_S


def test_a_stop_ends_the_wait_for_a_capture() -> None:
    clock = FakeClock()
    source = AzureKinect(settings_of(), clock, lambda _: True, ScriptedKinect(clock, []))
    source.open()
    assert source.read() is None


def test_an_unplugged_camera_is_opened_again_with_growing_pauses_that_chance_spreads(tmp_path: Path) -> None:
    gone = Transient("No Azure Kinect is connected.")
    bed = Bed([Transient("The camera was unplugged."), whole(0), Transient("Again.")], opening=())
    pauses: list[float] = []
    facts: list[CameraFact] = []

    def wait(until_ns: int) -> bool:
        pauses.append((until_ns - bed.clock.monotonic_ns()) / NS_PER_S)
        return bed.clock.wait(until_ns)

    def publish(topic: BusTopic, message: Message) -> None:
        if topic is BusTopic.camera and isinstance(message, CameraFact):
            facts.append(message)

    chances = iter([0.0, 1.0] * 20)
    capturing = Capturing(tmp_path, bed.source, bed.clock, wait, publish, structlog.get_logger(), lambda: next(chances))
    capturing.turn()
    bed.camera._opening.extend([gone] * 7)
    for _ in range(10):
        capturing.turn()
    capturing.turn()
    assert pauses == pytest.approx([0.4, 1.2, 1.6, 4.8, 6.4, 9.6, 6.4, 9.6, 0.4]), "the pauses begin anew after a frame"
    assert [fact.sentence for fact in facts if fact.opened is None][:2] == [
        "The camera was unplugged.", "No Azure Kinect is connected.",
    ]  # fmt: skip
    assert facts[-1].sentence == "Again."
    assert bed.camera.closed >= 1
    assert capturing.counters()["frames"] == 1
    capturing.close()


@pytest.mark.skipif(find_spec("pyk4a") is not None, reason="for an environment without the extra")
def test_without_the_extra_the_sentence_names_it() -> None:
    clock = FakeClock()
    source = source_of(settings_of(), clock, clock.wait)
    with pytest.raises(Misconfigured, match=r"needs the extra kinect.*requirements/kinect\.txt"):
        source.open()
