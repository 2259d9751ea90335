"""Foxglove's messages in protocol buffers: RawImage, CompressedImage, CameraCalibration (foxglove/schemas, proto files)."""

from __future__ import annotations

from shared.clock import NS_PER_S
from shared.export.protobuf import Field, File, Kind, Message, descriptor_set

_TIME = Message("Timestamp", (Field("seconds", 1, Kind.int64), Field("nanos", 2, Kind.int32)))
_TIMESTAMP = Field("timestamp", 1, Kind.message, ".google.protobuf.Timestamp")
RAW_IMAGE = Message(
    "RawImage",
    (
        _TIMESTAMP, Field("width", 2, Kind.fixed32), Field("height", 3, Kind.fixed32), Field("encoding", 4, Kind.string),
        Field("step", 5, Kind.fixed32), Field("data", 6, Kind.bytes), Field("frame_id", 7, Kind.string),
    ),
)  # fmt: skip
COMPRESSED_IMAGE = Message(
    "CompressedImage",
    (
        _TIMESTAMP, Field("data", 2, Kind.bytes), Field("format", 3, Kind.string), Field("frame_id", 4, Kind.string),
    ),
)  # fmt: skip
CAMERA_CALIBRATION = Message(
    "CameraCalibration",
    (
        _TIMESTAMP, Field("width", 2, Kind.fixed32), Field("height", 3, Kind.fixed32),
        Field("distortion_model", 4, Kind.string), Field("D", 5, Kind.doubles), Field("K", 6, Kind.doubles),
        Field("R", 7, Kind.doubles), Field("P", 8, Kind.doubles), Field("frame_id", 9, Kind.string),
    ),
)  # fmt: skip
_TIME_FILE = File("google/protobuf/timestamp.proto", "google.protobuf", (), (_TIME,))


def described(message: Message) -> bytes:
    """The FileDescriptorSet that an MCAP schema of this message holds."""
    own = File(f"foxglove/{message.name}.proto", "foxglove", (_TIME_FILE.name,), (message,))
    return descriptor_set([_TIME_FILE, own])


def timestamp(utc_ns: int) -> bytes:
    """A google.protobuf.Timestamp."""
    seconds, nanos = divmod(utc_ns, NS_PER_S)
    return _TIME.encode(seconds=seconds, nanos=nanos)
