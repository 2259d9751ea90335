"""Which track of an Azure Kinect recording holds what, and how its blocks become images and inertial samples."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_agent.sources.jpeg import RAW_FORMATS, JpegEncoder, raw_bytes
from edge_agent.sources.matroska import MatroskaFile, Track
from edge_agent.sources.matroska_blocks import LATEST_NS
from shared.errors import Refused
from shared.frame import Stream, Uint16Image
from shared.imu import ImuSample

_ROLES = {
    Stream.colour: ("K4A_COLOR_TRACK", {"COLOR"}),
    Stream.depth: ("K4A_DEPTH_TRACK", {"DEPTH"}),
    Stream.ir: ("K4A_IR_TRACK", {"IR", "DEPTH_IR"}),
}
_IMU_ROLE = ("K4A_IMU_TRACK", {"IMU"})
IMU_CODEC = "S_K4A/IMU"
_IMU_SAMPLE = struct.Struct("<Q3fQ3f")
"""matroska_imu_sample_t of the SDK: the accelerometer's time in ns and m/s², then the gyroscope's and rad/s."""
_WORD_ORDERS = {b"b16g": ">u2", b"Y16 ": "<u2"}
MJPG = b"MJPG"
MOST_DEPTH_PIXELS = 2048 * 2048
MOST_COLOUR_PIXELS = 4096 * 4096
MOST_IMU_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class RecordingTracks:
    """The tracks of a recording by what they hold. Made by `tracks_of`."""

    name: str
    images: Mapping[Stream, Track]
    imu: Track | None
    encoder: JpegEncoder | None

    @property
    def streams(self) -> tuple[Stream, ...]:
        return tuple(stream for stream in Stream if stream in self.images)

    @property
    def shape(self) -> Track:
        """The track that has the size of depth and infrared."""
        return self.images.get(Stream.depth) or self.images[Stream.ir]

    def limits(self) -> dict[int, int]:
        """The longest block of each track, by track number."""
        limits = {track.number: _most_bytes(stream, track) for stream, track in self.images.items()}
        return limits | ({self.imu.number: MOST_IMU_BYTES} if self.imu else {})

    def stream_of(self, number: int) -> Stream | None:
        """What the track of that number holds; None for inertial samples."""
        return next((stream for stream, track in self.images.items() if track.number == number), None)

    def image(self, stream: Stream, data: bytes) -> Uint16Image:
        """Depth or infrared, uint16 (H, W). Raises Refused when the block has another length."""
        track = self.images[stream]
        self._check_length(stream, data, 2 * track.width * track.height)
        words = np.frombuffer(data, _WORD_ORDERS[track.fourcc]).reshape(track.height, track.width)
        return words.astype(np.uint16)

    def colour(self, data: bytes) -> bytes:
        """The camera's JPEG as it is; a picture that was recorded raw is made one JPEG."""
        track = self.images[Stream.colour]
        if self.encoder is None:
            return data
        self._check_length(Stream.colour, data, raw_bytes(track.fourcc, track.width, track.height))
        return self.encoder.encode_raw(data, track.fourcc)

    def sample(self, data: bytes, shift_ns: int, mono_ns: int) -> ImuSample:
        """An inertial sample; the recorder keeps no temperature. Raises Refused when it is no sample."""
        if len(data) != _IMU_SAMPLE.size:
            raise Refused(
                f"{self.name} is damaged: an inertial sample has {len(data)} bytes in place of {_IMU_SAMPLE.size}."
            )
        time_ns, ax, ay, az, _, gx, gy, gz = _IMU_SAMPLE.unpack(data)
        if time_ns > LATEST_NS:
            raise Refused(f"{self.name} is damaged: an inertial sample is dated {time_ns} ns.")
        return ImuSample(time_ns + shift_ns, mono_ns, (ax, ay, az), (gx, gy, gz), float("nan"))

    def _check_length(self, stream: Stream, data: bytes, wanted: int) -> None:
        if len(data) != wanted:
            raise Refused(
                f"{self.name} is damaged: a {stream.value} image has {len(data)} bytes in place of {wanted}.",
                file=self.name,
            )


def tracks_of(recording: MatroskaFile, name: str) -> RecordingTracks:
    """Finds the tracks as the SDK does: by the tag that holds a track's id, then by name. Raises Refused for what cannot be read."""
    images = {}
    for stream, (tag, names) in _ROLES.items():
        track = _find(recording, tag, names)
        if track is not None:
            _check(name, stream, track)
            images[stream] = track
    if not images.keys() & {Stream.depth, Stream.ir}:
        raise Refused(f"{name} holds no DEPTH and no IR track: it is no Azure Kinect recording.")
    sizes = {(track.width, track.height) for stream, track in images.items() if stream is not Stream.colour}
    if len(sizes) > 1:
        raise Refused(f"{name}: the DEPTH and IR tracks differ in size.")
    imu = _find(recording, *_IMU_ROLE)
    if imu is not None and (imu.codec != IMU_CODEC or imu.compressed):
        imu = None
    numbers = [track.number for track in images.values()] + ([imu.number] if imu else [])
    if len(set(numbers)) < len(numbers):
        raise Refused(f"{name} is damaged: two of its tracks have one number.")
    colour = images.get(Stream.colour)
    raw = colour is not None and colour.fourcc != MJPG
    return RecordingTracks(name, images, imu, JpegEncoder(colour.width, colour.height) if colour and raw else None)


def _find(recording: MatroskaFile, tag: str, names: set[str]) -> Track | None:
    uid = recording.tags.get(tag, "")
    by_tag = (track for track in recording.tracks if str(track.uid) == uid and track.uid)
    by_name = (track for track in recording.tracks if track.name.upper() in names)
    return next(by_tag, None) or next(by_name, None)


def _check(name: str, stream: Stream, track: Track) -> None:
    coding = track.fourcc.decode("ascii", "replace").strip() or track.codec
    known = track.fourcc in ({MJPG, *RAW_FORMATS} if stream is Stream.colour else _WORD_ORDERS)
    if track.compressed or not known:
        raise Refused(
            f"{name}: the {stream.value} track is {coding}{' compressed' * track.compressed}, which is not read."
        )
    most = MOST_COLOUR_PIXELS if stream is Stream.colour else MOST_DEPTH_PIXELS
    if not 1 <= track.width <= 8192 or not 1 <= track.height <= 8192 or track.width * track.height > most:
        raise Refused(
            f"{name}: the {stream.value} track is {track.width}x{track.height}; at most {most} pixels are read."
        )  # fmt: skip
    if stream is Stream.colour and track.fourcc != MJPG and (track.width % 2 or track.height % 2):
        raise Refused(f"{name}: the colour track is {track.width}x{track.height}; raw colour needs even numbers.")


def _most_bytes(stream: Stream, track: Track) -> int:
    if stream is not Stream.colour:
        return 2 * track.width * track.height
    if track.fourcc == MJPG:
        return 2 * track.width * track.height + 64 * 1024
    return raw_bytes(track.fourcc, track.width, track.height)
