"""The real library, without a camera: it loads, says what is wrong, and its own captures go through the code of the device.

Runs in `.venv-kinect`, started by tests/edge_agent/test_kinect_environment.py.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest

from edge_agent.settings import KinectSettings, SourceSettings
from edge_agent.sources.azure_kinect import AzureKinect
from edge_agent.sources.kinect_frames import Part, frame_of, parts_of, sample_of
from edge_agent.sources.kinect_modes import DEPTH_MODES
from edge_agent.sources.matroska import MatroskaFile
from edge_agent.sources.mkv_playback import MkvPlayback
from edge_agent.sources.pairing import Capture
from shared.errors import Refused, Transient
from shared.frame import Stream
from tests.edge_agent.sources.test_kinect_recordings import recording
from tests.edge_agent.sources.test_mkv_playback import REAL
from tests.fakes.clock import FakeClock
from tests.fakes.kinect import imu
from tests.fakes.kinect_recordings import imu_sample
from tests.fakes.recordings import jpeg

pyk4a = pytest.importorskip(
    "pyk4a", reason="the camera's library is in .venv-kinect; test_kinect_environment.py runs this there"
)
from edge_agent.sources import kinect_library  # noqa: E402
from edge_agent.sources.kinect_library import KinectDevice, KinectLibrary  # noqa: E402

ALL = (Stream.depth, Stream.ir, Stream.colour)
_FORMATS = {Stream.depth: 4, Stream.ir: 5, Stream.colour: 0}
_SETTERS = {Stream.depth: "depth", Stream.ir: "ir", Stream.colour: "color"}


@pytest.fixture(scope="module")
def library() -> KinectLibrary:
    return KinectLibrary()


class CaptureMaker:
    """The SDK's functions, but its captures are made here of given images: by the SDK itself, so that they must be released."""

    def __init__(self, sdk: Any) -> None:
        self._sdk = sdk
        self.next: dict[Stream, tuple[np.ndarray, int, int]] | int = {}
        sdk.k4a_image_create_from_buffer.argtypes = [
            ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p,
            ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        for name in ("k4a_image_set_device_timestamp_usec", "k4a_image_set_system_timestamp_nsec"):
            getattr(sdk, name).argtypes = [ctypes.c_void_p, ctypes.c_uint64]
        for name in ("depth", "ir", "color"):
            getattr(sdk, f"k4a_capture_set_{name}_image").argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        sdk.k4a_image_release.argtypes = [ctypes.c_void_p]

    def k4a_device_get_capture(self, _device: object, out: Any, _timeout_ms: int) -> int:
        if isinstance(self.next, int):
            return self.next
        capture = ctypes.cast(out, ctypes.POINTER(ctypes.c_void_p))
        assert self._sdk.k4a_capture_create(out) == 0
        for stream, (data, device_us, system_ns) in self.next.items():
            height, width = data.shape if data.ndim == 2 else (1, data.size)
            image = ctypes.c_void_p()
            made = self._sdk.k4a_image_create_from_buffer(
                _FORMATS[stream], width, height, width * data.itemsize if data.ndim == 2 else 0,
                data.ctypes.data, data.nbytes, None, None, ctypes.byref(image),
            )  # fmt: skip
            assert made == 0
            self._sdk.k4a_image_set_device_timestamp_usec(image, device_us)
            self._sdk.k4a_image_set_system_timestamp_nsec(image, system_ns)
            getattr(self._sdk, f"k4a_capture_set_{_SETTERS[stream]}_image")(capture[0], image)
            self._sdk.k4a_image_release(image)
        return 0

    def k4a_device_get_version(self, _device: object, out: Any) -> int:
        numbers = ctypes.cast(out, ctypes.POINTER(ctypes.c_uint32))
        for at in range(12):
            numbers[at] = at + 1
        return 0

    def k4a_capture_release(self, capture: object) -> None:
        self._sdk.k4a_capture_release(capture)


class OpenCamera:
    """What an open pyk4a.PyK4A offers; controls and starts are written down."""

    calibration_raw = '{"CalibrationInformation": {}}'

    def __init__(self, refuses: str = "") -> None:
        self._handle = ctypes.c_void_p(1)
        new = ctypes.pythonapi.PyCapsule_New
        self._device_handle = new(ctypes.addressof(self._handle), b"pyk4a device handle", None)
        self.samples: list[dict[str, Any] | None] = []
        self.controls: dict[str, object] = {}
        self.done: list[str] = []
        self._refuses = refuses

    def _set_color_control(self, which: Any, value: int, mode: object = "manual") -> None:
        if which.name == self._refuses:
            raise pyk4a.K4AException
        self.controls[which.name] = (value, mode)

    def _get_color_control_capabilities(self, which: Any) -> dict[str, object]:
        return {"default_value": 128, "default_mode": "auto"}

    def get_imu_sample(self, _timeout_ms: int) -> dict[str, Any]:
        found = self.samples.pop(0) if self.samples else None
        if found is None:
            raise pyk4a.K4ATimeoutException
        return found

    def __getattr__(self, name: str) -> Any:
        return lambda: self.done.append(name)


@pytest.fixture
def maker(library: KinectLibrary) -> CaptureMaker:
    return CaptureMaker(library.sdk)


def device_of(
    library: KinectLibrary, maker: CaptureMaker, camera: OpenCamera | None = None, **settings: object
) -> KinectDevice:
    beside = SimpleNamespace(sdk=maker, module=library.module, log=library.log)
    return KinectDevice(beside, camera or OpenCamera(), "42", KinectSettings(**settings))  # type: ignore[arg-type]


def test_without_a_camera_the_sentence_says_so_and_nothing_is_printed(
    library: KinectLibrary, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Transient, match="No Azure Kinect is connected"):
        library.open(KinectSettings(), 30)
    assert capfd.readouterr() == ("", "")


def test_a_camera_that_does_not_open_is_explained_by_the_sdks_own_log(
    library: KinectLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyk4a, "connected_device_count", lambda: 1)
    with pytest.raises(Transient, match="another program uses it") as found:
        library.open(KinectSettings(), 30)
    assert "k4a_device_open" in str(found.value.facts["sdk"])


def test_the_sdks_log_is_emptied_when_it_grew_and_goes_on(library: KinectLibrary) -> None:
    path = library.log._path
    with path.open("ab") as file:
        file.write(bytes(5_000_000))
    library.log.trim()
    library.log.mark()
    assert pyk4a.connected_device_count() == 0
    assert "No devices found" in library.log.said()
    assert path.stat().st_size < 10_000


def test_two_cameras_want_a_serial_number(library: KinectLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyk4a, "connected_device_count", lambda: 2)
    with pytest.raises(Transient, match=r"2 cameras are connected: name one of them in source\.kinect\.serial"):
        library.open(KinectSettings(), 30)
    with pytest.raises(Transient, match="another program"):
        library.open(KinectSettings(serial="0007"), 30)


class Connected:
    """Two cameras as pyk4a gives them, by index; one with the serial `busy` does not open."""

    serials = ("0001", "0002")
    opened_now: list[str] = []  # noqa: RUF012

    def __init__(self, _config: object, index: int, thread_safe: bool) -> None:
        self.serial, self.opened = self.serials[index], False

    def open(self) -> None:
        if self.serial == "busy":
            raise pyk4a.K4AException
        self.opened = True
        self.opened_now.append(self.serial)

    def close(self) -> None:
        self.opened_now.remove(self.serial)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> type[Connected]:
    monkeypatch.setattr(pyk4a, "connected_device_count", lambda: 2)
    monkeypatch.setattr(pyk4a, "PyK4A", Connected)
    monkeypatch.setattr(Connected, "opened_now", [])
    monkeypatch.setattr(kinect_library, "KinectDevice", lambda _library, _device, serial, _settings: serial)
    return Connected


def test_a_camera_is_found_by_its_serial_number_and_the_others_are_let_go(
    library: KinectLibrary, connected: type[Connected]
) -> None:
    assert library.open(KinectSettings(serial="0002"), 30) == "0002"  # type: ignore[comparison-overlap]
    assert connected.opened_now == ["0002"]
    with pytest.raises(Transient, match="The camera 0009 is not connected; there is 0001, 0002"):
        library.open(KinectSettings(serial="0009"), 30)
    assert connected.opened_now == ["0002"]


def test_what_the_sdk_said_before_explains_nothing_now(
    library: KinectLibrary, connected: type[Connected], monkeypatch: pytest.MonkeyPatch
) -> None:
    with library.log._path.open("ab") as file:
        file.write(b"[error] LIBUSB_ERROR_ACCESS\n")
    monkeypatch.setattr(connected, "serials", ("0001", "busy"))
    with pytest.raises(Transient, match="The camera 0002 cannot be opened"):
        library.open(KinectSettings(serial="0002"), 30)
    assert connected.opened_now == []


def test_the_source_of_the_settings_loads_the_library_and_can_be_tried_again() -> None:
    clock = FakeClock()
    source = AzureKinect(SourceSettings(kind="azure_kinect"), clock, clock.wait)
    for _ in range(3):
        with pytest.raises(Transient, match="No Azure Kinect"):
            source.open()
        source.close()


def test_a_capture_of_the_sdk_becomes_its_images_without_a_copy(library: KinectLibrary, maker: CaptureMaker) -> None:
    depth = np.arange(640 * 576, dtype=np.uint16).reshape(576, 640)
    picture = np.frombuffer(jpeg(40), np.uint8)
    maker.next = {
        Stream.depth: (depth, 800_222, 17),
        Stream.ir: (depth + 1, 800_222, 18),
        Stream.colour: (picture, 800_300, 19),
    }
    parts = device_of(library, maker).capture(100, ALL)
    assert parts is not None
    found = {part.stream: part for part in parts}
    assert np.shares_memory(found[Stream.depth].image, depth)
    assert np.array_equal(found[Stream.ir].image, depth + 1)
    assert found[Stream.colour].image.tobytes() == jpeg(40)
    assert [(part.device_ns, part.arrival_ns) for part in parts] == [
        (800_222_000, 17),
        (800_222_000, 18),
        (800_300_000, 19),
    ]


def test_a_wait_without_a_capture_and_a_lost_camera_are_told_apart(library: KinectLibrary, maker: CaptureMaker) -> None:
    device = device_of(library, maker)
    maker.next = 2
    assert device.capture(100, ALL) is None
    maker.next = 1
    library.log.mark()
    with pytest.raises(Transient, match="The camera was lost"):
        device.capture(100, ALL)


def test_a_day_of_captures_neither_keeps_memory_nor_uses_up_none(library: KinectLibrary, maker: CaptureMaker) -> None:
    """pyk4a itself would lose 111 bytes a capture and one reference of None for each missing image and each empty wait."""
    device = device_of(library, maker)
    maker.next = {Stream.ir: (np.zeros((8, 8), np.uint16), 1, 1)}
    for _ in range(2000):
        device.capture(1, ALL)
    used, references = psutil.Process().memory_info().rss, sys.getrefcount(None)
    for _ in range(30_000):
        device.capture(1, ALL)
    assert psutil.Process().memory_info().rss - used < 1_500_000
    assert sys.getrefcount(None) >= references - 100


def test_the_references_of_none_that_the_library_takes_are_given_back(library: KinectLibrary) -> None:
    """Shown with the library's own recordings, whose end is the same kind of answer as an empty wait of a device."""
    with pyk4a.PyK4APlayback(REAL) if REAL.exists() else pytest.skip("no recording") as played:
        before = sys.getrefcount(None)
        for _ in range(500):
            try:
                played.get_next_imu_sample()
            except EOFError:
                continue
        assert sys.getrefcount(None) <= before - 400, "pyk4a is mended: give_back_none is not needed any more"


def test_firmware_serial_controls_and_streams_are_set_up(library: KinectLibrary, maker: CaptureMaker) -> None:
    camera = OpenCamera()
    device = device_of(library, maker, camera, exposure_us=8000, gain=90, powerline_hz=60)
    assert device.firmware == {"colour": "1.2.3", "depth": "4.5.6", "audio": "7.8.9", "depth_sensor": "10.11.12"}
    assert camera.controls["EXPOSURE_TIME_ABSOLUTE"] == (8000, "manual")
    assert camera.controls["GAIN"] == (90, "manual")
    assert camera.controls["POWERLINE_FREQUENCY"] == (2, "manual")
    assert camera.controls["WHITEBALANCE"] == (128, "auto")
    assert camera.done == ["_start_cameras", "_start_imu"]
    device.close()
    device.close()
    assert camera.done[2:] == ["_stop_imu", "_stop_cameras", "_device_close"]


def test_a_control_that_the_camera_refuses_is_named_and_the_camera_is_let_go(
    library: KinectLibrary, maker: CaptureMaker
) -> None:
    camera = OpenCamera(refuses="GAIN")
    with pytest.raises(Refused, match=r"refuses source\.kinect\.gain = 255"):
        device_of(library, maker, camera, gain=255)
    assert camera.done[-1] == "_device_close"
    device_of(library, maker, OpenCamera(refuses="GAIN"))


def test_inertial_samples_are_drained_to_a_bound(library: KinectLibrary, maker: CaptureMaker) -> None:
    camera = OpenCamera()
    device = device_of(library, maker, camera)
    camera.samples = [imu(1), imu(2), imu(3)]
    assert [sample_of(found, 9).device_ns for found in device.imu(2)] == [1000, 2000]
    assert len(list(device.imu(50))) == 1
    assert list(device_of(library, maker, OpenCamera(), imu=False).imu(50)) == []
    references = sys.getrefcount(None)
    for _ in range(1000):
        assert not list(device.imu(9))
    assert sys.getrefcount(None) > references + 900, "an empty wait costs the library's caller a reference of None"


def frame_by_sdk(path: Path) -> Any:
    """The first capture of a recording, read by the SDK, through the code of the device."""
    with pyk4a.PyK4APlayback(path) as played:
        parts = parts_of(played.get_next_capture(), ALL)
        capture: Capture[Part] = Capture(
            {part.stream: part for part in parts}, {part.stream: part.device_ns for part in parts}
        )
        try:
            samples = (sample_of(played.get_next_imu_sample(), 0),)
        except EOFError:
            samples = ()
        return frame_of(capture, 0, (0, 0), with_colour=True, imu=samples)


def frame_by_us(path: Path) -> Any:
    clock = FakeClock()
    source = MkvPlayback(path, clock, clock.wait)
    source.open()
    return source.read()


def assert_same(ours: Any, theirs: Any) -> None:
    for one, other in ((ours.depth, theirs.depth), (ours.ir, theirs.ir)):
        assert (one is None) == (other is None)
        assert one is None or np.array_equal(one, other)
    assert ours.colour == theirs.colour
    assert ours.device_ns == theirs.device_ns
    wanted = [(sample.device_ns, sample.acceleration_m_s2, sample.rotation_rad_s) for sample in theirs.imu]
    assert [(sample.device_ns, sample.acceleration_m_s2, sample.rotation_rad_s) for sample in ours.imu] == wanted


@pytest.mark.skipif(not REAL.exists(), reason="the real Azure Kinect recording is not on this machine")
def test_a_real_recording_gives_the_same_frame_by_the_sdk_and_by_our_reader() -> None:
    theirs = frame_by_sdk(REAL)
    assert len(theirs.imu) == 1
    assert theirs.colour[:2] == b"\xff\xd8"
    assert_same(frame_by_us(REAL), theirs)


@pytest.mark.skipif(
    not REAL.exists(), reason="the SDK wants a real calibration, and the recording that has one is not here"
)
@pytest.mark.parametrize("mode", ["nfov_2x2binned", "wfov_2x2binned", "wfov_unbinned", "passive_ir"])
def test_a_made_recording_gives_the_same_frame_by_the_sdk_and_by_our_reader(tmp_path: Path, mode: str) -> None:
    size, passive = DEPTH_MODES[mode], mode == "passive_ir"
    tags = {
        "K4A_START_OFFSET_NS": "336277000",
        "K4A_DEPTH_MODE": size.word,
        "K4A_IR_MODE": "PASSIVE" if passive else "ACTIVE",
        "K4A_IMU_MODE": "ON",
    }
    with REAL.open("rb") as file:
        calibration = MatroskaFile(file, "real").attachment("K4A_CALIBRATION_FILE", "calibration.json", 100_000)
    made = recording(
        1,
        width=size.width,
        height=size.height,
        depth=not passive,
        tags=tags,
        calibration=calibration,
        imu=True,
        frames_per_s=15,
    )
    inertial = made.cluster("IMU", 0, imu_sample(336_277), grouped=True)
    path = made.write(tmp_path / "a.mkv", clusters=[inertial, made.one_cluster()])
    theirs = frame_by_sdk(path)
    assert theirs.device_ns == 336_277_000
    assert len(theirs.imu) == 1
    assert_same(frame_by_us(path), theirs)
