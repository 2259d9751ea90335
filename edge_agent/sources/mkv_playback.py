"""Plays a recording of Microsoft's Azure Kinect recorder as if it were a camera: depth, infrared, colour, inertial samples."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from edge_agent.sources.capture_counter import LONGEST_JUMP_NS, CaptureCounter
from edge_agent.sources.frame_source import Wait
from edge_agent.sources.matroska import MatroskaFile
from edge_agent.sources.matroska_blocks import LATEST_NS
from edge_agent.sources.pairing import Capture, Pairing
from edge_agent.sources.recording_tracks import RecordingTracks, tracks_of
from shared.clock import NS_PER_S, Clock
from shared.errors import Refused
from shared.frame import CameraInfo, Frame, Stream
from shared.preview import block_factor

MOST_CALIBRATION_BYTES = 256 * 1024
MOST_IMU_A_FRAME = 512
MOST_IMU_WAITING = 8192
_SLOWEST_NS, _FASTEST_NS = NS_PER_S, NS_PER_S // 240


class MkvPlayback:
    """A recording as a FrameSource: in real time, or as fast as it is read (`paced=False`) with the file's own times.

    device_ns is the recorded camera's clock as it was, errors included. Played in a loop it runs on, as does the index.
    """

    def __init__(
        self, path: Path, clock: Clock, wait: Wait, *, loop: bool = False, frames_per_s: float = 30.0,
        paced: bool = True,
    ) -> None:  # fmt: skip
        """frames_per_s is for a recording that does not tell its own rate."""
        self._path, self._clock, self._wait = path, clock, wait
        self._loop, self._paced, self._nominal = loop, paced, frames_per_s
        self._file: BinaryIO | None = None
        self._recording: MatroskaFile | None = None
        self._tracks: RecordingTracks | None = None
        self._captures: Iterator[Capture[bytes]] = iter(())
        self._imu: deque[bytes] = deque(maxlen=MOST_IMU_WAITING)
        self._period_ns = 0
        self._round_ns = 0
        self._span: tuple[int, int] | None = None
        self._played: tuple[int, int] | None = None
        self._start: tuple[int, int] | None = None
        self._counter = CaptureCounter(1)

    @property
    def streams(self) -> tuple[Stream, ...]:
        return self._tracks.streams if self._tracks else ()

    def open(self) -> CameraInfo:
        """Raises Refused when the file is missing, foreign, cut, or holds neither depth nor infrared."""
        recording, tracks = self._open_file()
        shape, colour = tracks.shape, tracks.images.get(Stream.colour)
        block_factor(shape.width, shape.height)
        self._counter = CaptureCounter(self._period_ns)
        frames_per_s = NS_PER_S / self._period_ns
        return CameraInfo(
            source="mkv_playback", make=self._make(recording), depth_width=shape.width, depth_height=shape.height,
            colour_width=colour.width if colour else 0, colour_height=colour.height if colour else 0,
            frames_per_s=frames_per_s, colour_per_s=NS_PER_S / self._colour_period_ns(tracks) if colour else 0,
            calibration=self._calibration(recording), tags=self._tags(recording, tracks),
        )  # fmt: skip

    def read(self) -> Frame | None:
        """The next capture at its time. Raises Refused when a block does not hold what its track says."""
        capture = self._next_capture()
        tracks = self._tracks
        if capture is None or tracks is None:
            return None
        device_ns = capture.device_ns + self._round_ns
        index = self._counter.next(device_ns)
        play_ns = self._play_ns(device_ns)
        now = (self._clock.monotonic_ns(), self._clock.utc_ns())
        self._start = self._start or (now[0] - play_ns, now[1] - play_ns)
        mono_ns, utc_ns = self._start[0] + play_ns, self._start[1] + play_ns
        if self._paced:
            if self._wait(mono_ns):
                return None
            mono_ns, utc_ns = self._clock.monotonic_ns(), self._clock.utc_ns()
        samples = [self._imu.popleft() for _ in range(min(len(self._imu), MOST_IMU_A_FRAME))]
        found = capture.images
        return Frame(
            index, device_ns, mono_ns, utc_ns,
            tracks.image(Stream.depth, found[Stream.depth]) if Stream.depth in found else None,
            tracks.image(Stream.ir, found[Stream.ir]) if Stream.ir in found else None,
            tracks.colour(found[Stream.colour]) if Stream.colour in found else None,
            tuple(tracks.sample(sample, self._round_ns, mono_ns) for sample in samples),
        )  # fmt: skip

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open_file(self) -> tuple[MatroskaFile, RecordingTracks]:
        name = self._path.name
        try:
            self._file = self._path.open("rb")
            self._recording = MatroskaFile(self._file, name)
        except OSError as error:
            raise Refused(f"The recording {name} cannot be opened: {error.strerror}.", file=name) from error
        self._tracks = tracks_of(self._recording, name)
        period_ns = self._tracks.shape.period_ns
        told = _FASTEST_NS <= period_ns <= _SLOWEST_NS
        self._period_ns = period_ns if told else round(NS_PER_S / self._nominal)
        self._captures = self._paired(self._recording, self._tracks)
        self._span = None
        return self._recording, self._tracks

    def _colour_period_ns(self, tracks: RecordingTracks) -> int:
        period_ns = tracks.images[Stream.colour].period_ns
        return period_ns if _FASTEST_NS <= period_ns <= _SLOWEST_NS else self._period_ns

    def _next_capture(self) -> Capture[bytes] | None:
        found = self._capture_or_none()
        if found is None and self._loop and self._span is not None:
            self._round_ns += self._span[1] - self._span[0] + self._period_ns
            self.close()
            self._open_file()
            found = self._capture_or_none()
        if found is not None:
            first, last = self._span or (found.device_ns, found.device_ns)
            self._span = (min(first, found.device_ns), max(last, found.device_ns))
        return found

    def _capture_or_none(self) -> Capture[bytes] | None:
        try:
            return next(self._captures, None)
        except OSError as error:
            raise Refused(f"{self._path.name} cannot be read: {error.strerror}.", file=self._path.name) from error

    def _paired(self, recording: MatroskaFile, tracks: RecordingTracks) -> Iterator[Capture[bytes]]:
        """Captures on the camera's clock: a block's time and the recording's offset. Colour is taken earlier by the delay of depth."""
        pairing: Pairing[bytes] = Pairing(tracks.streams, self._period_ns)
        offset_ns = max(0, _number(recording.tags.get("K4A_START_OFFSET_NS", ""), LATEST_NS))
        delay_ns = _number(recording.tags.get("K4A_DEPTH_DELAY_NS", ""), NS_PER_S)
        for block in recording.blocks(tracks.limits()):
            stream = tracks.stream_of(block.track)
            if stream is None:
                self._imu.append(block.data)
                continue
            shift_ns = delay_ns if stream is Stream.colour else 0
            yield from pairing.add(stream, block.time_ns + offset_ns + shift_ns, block.data)
        yield from pairing.flush()

    def _play_ns(self, device_ns: int) -> int:
        """When to play it, counted from the first: the camera's steps; where its clock was set, one period."""
        played_ns = 0
        if self._played is not None:
            step_ns = device_ns - self._played[0]
            played_ns = self._played[1] + (step_ns if 0 <= step_ns <= LONGEST_JUMP_NS else self._period_ns)
        self._played = (device_ns, played_ns)
        return played_ns

    def _make(self, recording: MatroskaFile) -> str:
        words = [recording.title[:60] or "unknown camera", recording.tags.get("K4A_DEVICE_SERIAL_NUMBER", "")[:40]]
        return " ".join(word for word in words if word)

    def _tags(self, recording: MatroskaFile, tracks: RecordingTracks) -> dict[str, str]:
        """The recorder's own tags; and that colour was encoded here, where it was."""
        tags = {
            name: value for name, value in recording.tags.items() if name.startswith("K4A_") and "TRACK" not in name
        }
        if tracks.encoder is not None:
            tags["colour_encoded_from"] = tracks.images[Stream.colour].fourcc.decode()
        return dict(list(tags.items())[-64:])

    def _calibration(self, recording: MatroskaFile) -> dict[str, Any]:
        """The attached calibration, unchanged; empty when there is none, it is too long or no JSON object."""
        data = recording.attachment("K4A_CALIBRATION_FILE", "calibration.json", MOST_CALIBRATION_BYTES)
        try:
            found = json.loads((data or b"").rstrip(b"\0"), parse_constant=lambda _: None)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def _number(text: str, most: int) -> int:
    """A tag's number, 0 when it is none or beyond belief."""
    try:
        found = int(text)
    except ValueError:
        return 0
    return found if abs(found) <= most else 0
