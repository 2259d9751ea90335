"""The records of a segment as bytes: framing with length and CRC, header, frame image, preview, gap, index, footer.

The written format is docs/contracts/segment-format.md; whole files are read and written by shared/segment.py.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, Literal

import numpy as np
import zstandard
from pydantic import Field

from shared.clock_model import ClockModel
from shared.codec import Codec
from shared.codec.decoder import ImageDecoder
from shared.codec.zstd_frame import decompressor, inflate
from shared.contract import Contract, Count, Nanoseconds, Text
from shared.crc32 import crc32
from shared.errors import Refused
from shared.frame import CameraInfo, Stream, Uint8Image, Uint16Image
from shared.ids import BedName, BootId, SiteName, Uuid7
from shared.imu import ImuSample
from shared.lane import Lane
from shared.preview import PREVIEW_HEIGHT, PREVIEW_WIDTH, Preview

MAGIC = b"\x89DESEG0\n"
MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
RECORD_HEAD = struct.Struct("<IB")
RECORD_CRC = struct.Struct("<I")
FOOTER = struct.Struct("<QQ8s")
IMAGE_HEAD = struct.Struct("<BBHHQqqqI")
PREVIEW_HEAD = struct.Struct("<Qqq")
IMU_SAMPLE = struct.Struct("<qq7f")
MAX_IMU_SAMPLES = 65_536
"""Some 40 s of an inertial unit that runs at 1600 Hz; a longer batch is written as several records."""
STREAM_CODES = {Stream.depth: 1, Stream.ir: 2, Stream.colour: 3}
_STREAMS = {code: stream for stream, code in STREAM_CODES.items()}
_PREVIEW_PIXELS = PREVIEW_HEIGHT * PREVIEW_WIDTH


class Opcode(IntEnum):
    """What a record holds. Readers skip numbers that they do not know."""

    header = 1
    image = 2
    preview = 3
    gap = 4
    index = 5
    imu = 6


class KeyEnvelope(Contract):
    """How the records are sealed: `plain` not at all; the other suite is reserved."""

    suite: Literal["plain", "aes-256-gcm"] = "plain"
    key_id: Text | None = Field(default=None, max_length=128)
    wrapped_key: Text | None = Field(default=None, max_length=4096)


class SegmentHeader(Contract):
    """Whose segment this is, of which boot and camera, which streams it is for, and how its records are sealed."""

    format_version: Literal[0] = 0
    segment_id: Uuid7
    site: SiteName
    bed: BedName
    boot_id: BootId
    sequence: Count
    stay_id: Uuid7 | None
    camera: CameraInfo
    lane: Lane = Field(default=Lane.whole, exclude_if=lambda lane: lane is Lane.whole)
    """Left out of the file where it is `whole`."""
    key: KeyEnvelope = KeyEnvelope()


Place = Annotated[list[int], Field(min_length=2, max_length=2)]


class SegmentIndex(Contract):
    """Where each record lies: `records` maps a stream (or `gap`, `imu`) to pairs of byte offset and mono_ns, in file order.

    keys maps a stream to the numbers, in its list, of the images that stand alone; a stream that is not named has no others.
    clock is the fit of the three clocks over the segment, or None when too few frames came for one.
    """

    frames: dict[Stream, Count]
    first_mono_ns: Nanoseconds
    last_mono_ns: Nanoseconds
    first_utc_ns: Nanoseconds
    last_utc_ns: Nanoseconds
    records: dict[str, Annotated[list[Place], Field(max_length=1_000_000)]] = Field(max_length=8)
    keys: dict[Stream, Annotated[list[Count], Field(min_length=1, max_length=1_000_000)]] = Field(default_factory=dict)
    clock: ClockModel | None = None


@dataclass(frozen=True, slots=True)
class StreamImage:
    """One image of one stream as it lies in a segment; width and height are 0 for colour."""

    stream: Stream
    index: int
    device_ns: int
    mono_ns: int
    utc_ns: int
    width: int
    height: int
    codec: Codec
    checksum: int
    data: bytes
    _decode: Callable[[StreamImage], Uint16Image] | None = field(default=None, repr=False, compare=False)

    def image(self) -> Uint16Image | bytes:
        """uint16 (H, W) for depth and ir, JPEG bytes for colour. Raises Refused when the checksum does not hold.

        An image that leans on others takes those since its key image along, unless the one before was the last to be asked for.
        """
        if self.codec is Codec.jpeg:
            decoded: Uint16Image | bytes = self.data
        elif self._decode is None:
            decoded = ImageDecoder().decode(self.codec, self.data, self.width, self.height)
        else:
            decoded = self._decode(self)
        self.check(decoded)
        return decoded

    def check(self, decoded: Uint16Image | bytes) -> None:
        """Raises Refused when these are not the pixels, or the bytes, that were recorded."""
        if checksum_of(decoded) != self.checksum:
            raise Refused(f"The checksum of {self.stream.value} image {self.index} does not hold.", index=self.index)

    def pixels(self) -> Uint16Image:
        """The image of a depth or ir record. Raises Refused for colour and for damaged data."""
        decoded = self.image()
        if isinstance(decoded, bytes):
            raise Refused(f"The {self.stream.value} stream holds JPEG bytes, not pixels.")
        return decoded


def checksum_of(image: Uint16Image | bytes) -> int:
    """CRC-32 of little-endian uint16 pixels, or of JPEG bytes."""
    if isinstance(image, bytes):
        return crc32(image)
    return crc32(np.ascontiguousarray(image, dtype="<u2").data)


def record_parts(opcode: int, *payload: bytes) -> list[bytes]:
    """The pieces of one record, in order: head, payload, CRC. Raises Refused when the payload is over its limit."""
    length = sum(len(part) for part in payload)
    if length > MAX_PAYLOAD_BYTES:
        raise Refused(f"A record of {length} bytes is over the limit of {MAX_PAYLOAD_BYTES}.")
    head = RECORD_HEAD.pack(length, opcode)
    crc = crc32(head)
    for part in payload:
        crc = crc32(part, crc)
    return [head, *payload, RECORD_CRC.pack(crc)]


def image_head(
    stream: Stream, codec: Codec, size: tuple[int, int], times: tuple[int, int, int, int], crc: int
) -> bytes:
    """The fixed fields of a frame image; size is (width, height), times are index, device_ns, mono_ns, utc_ns."""
    return IMAGE_HEAD.pack(STREAM_CODES[stream], codec, *size, *times, crc)


def read_image(payload: bytes, decode: Callable[[StreamImage], Uint16Image] | None = None) -> StreamImage:
    """decode: how to find the pixels of an image that may lean on others. Raises Refused for bytes that are no frame image."""
    if len(payload) < IMAGE_HEAD.size:
        raise Refused("A frame image record is too short.")
    stream, codec, width, height, index, device_ns, mono_ns, utc_ns, checksum = IMAGE_HEAD.unpack_from(payload)
    if stream not in _STREAMS or codec not in Codec._value2member_map_:
        raise Refused(f"A frame image names stream {stream} and codec {codec}; this version does not know them.")
    if (_STREAMS[stream] is Stream.colour) is not (Codec(codec) is Codec.jpeg):
        raise Refused(f"The stream {_STREAMS[stream].value} does not go with codec {codec}.")
    data = payload[IMAGE_HEAD.size :]
    return StreamImage(
        _STREAMS[stream], index, device_ns, mono_ns, utc_ns, width, height, Codec(codec), checksum, data, decode
    )


def _left_differences(image: Uint8Image) -> Uint8Image:
    differences = image.copy()
    np.subtract(image[:, 1:], image[:, :-1], out=differences[:, 1:])
    return differences


def preview_payload(preview: Preview, compressor: zstandard.ZstdCompressor) -> tuple[bytes, bytes]:
    """Head and data of a preview record."""
    pair = np.concatenate((_left_differences(preview.ir), _left_differences(preview.depth)))
    head = PREVIEW_HEAD.pack(preview.index, preview.mono_ns, preview.utc_ns)
    return head, bytes(compressor.compress(pair.data))


def read_preview(payload: bytes) -> Preview:
    """Raises Refused for bytes that are no preview."""
    if len(payload) < PREVIEW_HEAD.size:
        raise Refused("A preview record is too short.")
    index, mono_ns, utc_ns = PREVIEW_HEAD.unpack_from(payload)
    data = payload[PREVIEW_HEAD.size :]
    plain = inflate(decompressor(), data, 2 * _PREVIEW_PIXELS)
    differences = np.frombuffer(plain, np.uint8).reshape(2, PREVIEW_HEIGHT, PREVIEW_WIDTH)
    images = np.cumsum(differences, axis=2, dtype=np.uint8)
    return Preview(index, mono_ns, utc_ns, images[0], images[1])


def imu_payload(samples: tuple[ImuSample, ...]) -> bytes:
    """The samples one behind the other; at most MAX_IMU_SAMPLES."""
    return b"".join(
        IMU_SAMPLE.pack(
            sample.device_ns, sample.mono_ns, *sample.acceleration_m_s2, *sample.rotation_rad_s, sample.temperature_c
        )
        for sample in samples
    )


def read_imu(payload: bytes) -> list[ImuSample]:
    """Raises Refused for bytes that are no batch of inertial samples."""
    count, rest = divmod(len(payload), IMU_SAMPLE.size)
    if rest or not 1 <= count <= MAX_IMU_SAMPLES:
        raise Refused(
            f"An imu record of {len(payload)} bytes is not 1 to {MAX_IMU_SAMPLES} samples of {IMU_SAMPLE.size}."
        )
    return [
        ImuSample(device_ns, mono_ns, (ax, ay, az), (gx, gy, gz), temperature)
        for device_ns, mono_ns, ax, ay, az, gx, gy, gz, temperature in IMU_SAMPLE.iter_unpack(payload)
    ]
