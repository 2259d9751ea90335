"""Plays an Azure Kinect recording (Matroska: DEPTH and IR as 16-bit big-endian, COLOR as MJPEG) as if it were a camera."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np

from edge_agent.sources.ebml_size import check_whole
from edge_agent.sources.frame_source import Wait
from shared.clock import NS_PER_S, Clock
from shared.errors import Refused
from shared.frame import CameraInfo, Frame, Stream, Uint16Image
from shared.preview import block_factor

_TITLES = {"DEPTH": Stream.depth, "IR": Stream.ir, "COLOR": Stream.colour}
_BYTE_ORDERS = {"gray16be": ">u2", "gray16le": "<u2"}
_MAX_CALIBRATION_BYTES = 256 * 1024


@dataclass(slots=True)
class _Capture:
    """Packets of one moment, as they come from the file."""

    file_ns: int
    packets: dict[Stream, bytes] = field(default_factory=dict)


class MkvPlayback:
    """A recording as a FrameSource: in real time, or as fast as it is read (`paced=False`) with the file's own times."""

    def __init__(
        self, path: Path, clock: Clock, wait: Wait, *, loop: bool = False, frames_per_s: float = 30.0,
        paced: bool = True,
    ) -> None:  # fmt: skip
        self._path = path
        self._clock, self._wait = clock, wait
        self._loop, self._paced = loop, paced
        self._nominal = frames_per_s
        self._container: Any = None
        self._tracks: dict[int, tuple[Stream, Any]] = {}
        self._captures: Iterator[_Capture] = iter(())
        self._period_ns = 0
        self._index = -1
        self._last_file_ns: int | None = None
        self._round_ns = 0
        self._start: tuple[int, int] | None = None

    @property
    def streams(self) -> tuple[Stream, ...]:
        return tuple(
            stream for stream in _TITLES.values() if any(stream is found for found, _ in self._tracks.values())
        )

    def open(self) -> CameraInfo:
        """Raises Refused when the file is missing, foreign, cut, or holds neither depth nor infrared."""
        self._open_file()
        by_stream = {stream: track.codec_context for stream, track in self._tracks.values()}
        shape = by_stream.get(Stream.depth) or by_stream[Stream.ir]
        block_factor(shape.width, shape.height)
        colour = by_stream.get(Stream.colour)
        frames_per_s = NS_PER_S / self._period_ns
        return CameraInfo(
            source="mkv_playback", make=self._make(), depth_width=shape.width, depth_height=shape.height,
            colour_width=colour.width if colour else 0, colour_height=colour.height if colour else 0,
            frames_per_s=frames_per_s, colour_per_s=frames_per_s if colour else 0, calibration=self._calibration(),
        )  # fmt: skip

    def read(self) -> Frame | None:
        """The next capture at its time. Raises Refused when a packet does not hold an image of its track's size."""
        capture = self._next_capture()
        if capture is None:
            return None
        step = 1
        if self._last_file_ns is not None:
            step = max(1, round((capture.file_ns - self._last_file_ns) / self._period_ns))
        self._index += step
        self._last_file_ns = capture.file_ns
        now = (self._clock.monotonic_ns(), self._clock.utc_ns())
        self._start = self._start or (now[0] - capture.file_ns, now[1] - capture.file_ns)
        mono_ns, utc_ns = self._start[0] + capture.file_ns, self._start[1] + capture.file_ns
        if self._paced:
            if self._wait(mono_ns):
                return None
            mono_ns, utc_ns = self._clock.monotonic_ns(), self._clock.utc_ns()
        images = {stream: self._image(stream, capture.packets[stream]) for stream in capture.packets}
        return Frame(
            self._index, capture.file_ns, mono_ns, utc_ns, images.get(Stream.depth), images.get(Stream.ir),
            capture.packets.get(Stream.colour),
        )  # fmt: skip

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None

    def _open_file(self) -> None:
        name = self._path.name
        try:
            check_whole(self._path)
            self._container = av.open(str(self._path), format="matroska")
        except av.error.FFmpegError as error:
            raise Refused(
                f"{name} is not a Matroska recording that can be read: {error.strerror}.", file=name
            ) from error
        except OSError as error:
            raise Refused(f"The recording {name} cannot be opened: {error.strerror}.", file=name) from error
        self._tracks = {}
        for track in self._container.streams.video:
            stream = _TITLES.get(track.metadata.get("title", "").upper())
            if stream is not None:
                self._tracks[track.index] = (stream, track)
        self._check_tracks()
        rates = [track.average_rate for _, track in self._tracks.values() if track.average_rate]
        rate = float(rates[0]) if rates and 0 < rates[0] <= 240 else self._nominal
        self._period_ns = round(NS_PER_S / rate)
        self._captures = self._grouped()

    def _check_tracks(self) -> None:
        found = {stream for stream, _ in self._tracks.values()}
        if not found & {Stream.depth, Stream.ir}:
            raise Refused(f"{self._path.name} holds no DEPTH and no IR track: it is no Azure Kinect recording.")
        sizes = {
            (track.codec_context.width, track.codec_context.height)
            for stream, track in self._tracks.values()
            if stream is not Stream.colour
        }
        if len(sizes) > 1:
            raise Refused(f"{self._path.name}: the DEPTH and IR tracks differ in size.")
        for stream, track in self._tracks.values():
            wanted = {"mjpeg"} if stream is Stream.colour else {"rawvideo"}
            codec = track.codec_context.name
            fits = codec in wanted and (stream is Stream.colour or track.codec_context.pix_fmt in _BYTE_ORDERS)
            if not fits:
                raise Refused(f"{self._path.name}: the {stream.value} track is {codec}, which is not read.")

    def _next_capture(self) -> _Capture | None:
        found = self._capture_or_none()
        if found is None and self._loop and self._last_file_ns is not None:
            self._round_ns = self._last_file_ns + self._period_ns
            self.close()
            self._open_file()
            found = self._capture_or_none()
        return found

    def _capture_or_none(self) -> _Capture | None:
        try:
            return next(self._captures, None)
        except (av.error.FFmpegError, OSError) as error:
            raise Refused(f"{self._path.name} is damaged: {error.strerror}.", file=self._path.name) from error

    def _grouped(self) -> Iterator[_Capture]:
        """Packets within half a period of each other are one capture; times count from the first packet of the file."""
        current: _Capture | None = None
        first_ns: int | None = None
        for packet in self._container.demux([track for _, track in self._tracks.values()]):
            if packet.pts is None or not packet.size:
                continue
            time_ns = round(packet.pts * packet.time_base * NS_PER_S)
            first_ns = time_ns if first_ns is None else first_ns
            file_ns = self._round_ns + max(0, time_ns - first_ns)
            stream = self._tracks[packet.stream.index][0]
            apart = current is not None and abs(file_ns - current.file_ns) > self._period_ns // 2
            if current is not None and (apart or stream in current.packets):
                yield current
                current = None
            if current is None:
                current = _Capture(file_ns)
            current.packets[stream] = bytes(packet)
        if current is not None:
            yield current

    def _image(self, stream: Stream, packet: bytes) -> Uint16Image | None:
        if stream is Stream.colour:
            return None
        context = next(track.codec_context for found, track in self._tracks.values() if found is stream)
        width, height = context.width, context.height
        if len(packet) != 2 * width * height:
            raise Refused(
                f"{self._path.name} is damaged: a {stream.value} image has {len(packet)} bytes in place of "
                f"{2 * width * height}.", file=self._path.name,
            )  # fmt: skip
        order = _BYTE_ORDERS[context.pix_fmt]
        return np.frombuffer(packet, order).reshape(height, width).astype(np.uint16)

    def _make(self) -> str:
        metadata = self._container.metadata
        words = [metadata.get("title", "unknown camera")[:60], metadata.get("K4A_DEVICE_SERIAL_NUMBER", "")[:40]]
        return " ".join(word for word in words if word)

    def _calibration(self) -> dict[str, Any]:
        """The attached calibration.json, unchanged; empty when there is none or it is no JSON object."""
        for attachment in self._container.streams.attachments:
            data = bytes(attachment.data or b"").rstrip(b"\0")
            if attachment.metadata.get("filename") != "calibration.json" or len(data) > _MAX_CALIBRATION_BYTES:
                continue
            try:
                found = json.loads(data, parse_constant=lambda _: None)
            except (ValueError, RecursionError):
                return {}
            return found if isinstance(found, dict) else {}
        return {}
