"""An MCAP file with Foxglove's messages: pictures, calibration, and beside them our times, gaps and inertial samples as JSON.

log_time is the bed's wall clock (utc_ns), publish_time the camera's own clock (device_ns, its zero is the camera's), sequence the
frame's index. The library `mcap` writes it: chunked, with all indexes, not compressed (measured: docs/contracts/export-formats.md).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, BinaryIO

from mcap.writer import CompressionType, Writer

from shared.calibration import intrinsics_of
from shared.contract import Contract
from shared.export.excerpt import ExportSummary
from shared.export.foxglove import CAMERA_CALIBRATION, COMPRESSED_IMAGE, RAW_IMAGE, described, timestamp
from shared.export.kinect import CALIBRATION_FILE
from shared.frame import Stream, Uint16Image
from shared.gap import Gap
from shared.imu import ImuSample
from shared.segment_records import SegmentHeader, StreamImage

CHUNK_BYTES = 4 * 1024 * 1024
"""A chunk is closed when it is over this: about a fifth of a second of a Kinect v2 bed."""
MOST_EARLY = 10_000
"""Inertial samples that may wait for the first picture; older ones are left out."""
TIMES, GAPS, IMU = "/frames", "/gaps", "/imu"
_IMAGE_TYPES = {Stream.depth: RAW_IMAGE, Stream.ir: RAW_IMAGE, Stream.colour: COMPRESSED_IMAGE}
_LENS = {Stream.depth: Stream.depth, Stream.ir: Stream.depth, Stream.colour: Stream.colour}
_INTEGER, _NUMBER, _TEXT = {"type": "integer"}, {"type": "number"}, {"type": "string"}
_VECTOR = {"type": "array", "items": _NUMBER, "minItems": 3, "maxItems": 3}


def _flat(contract: type[Contract]) -> dict[str, Any]:
    """The fields of a message and their JSON types, without references: not every reader follows them."""
    fields = contract.model_json_schema()["properties"]
    return {name: {"type": field.get("type", "string")} for name, field in fields.items()}


_JSON_SCHEMAS: dict[str, tuple[str, dict[str, Any]]] = {
    TIMES: (
        "deepepil.FrameTimes",
        {"index": _INTEGER, "device_ns": _INTEGER, "mono_ns": _INTEGER, "utc_ns": _INTEGER},
    ),
    GAPS: ("deepepil.Gap", _flat(Gap)),
    IMU: (
        "deepepil.ImuSample",
        {
            "device_ns": _INTEGER, "mono_ns": _INTEGER, "acceleration_m_s2": _VECTOR, "rotation_rad_s": _VECTOR,
            "temperature_c": _NUMBER,
        },
    ),
}  # fmt: skip


class McapWriter:
    """An ExportWriter. Holds one chunk and one picture."""

    def __init__(self, sink: BinaryIO, gaps: Sequence[Gap]) -> None:
        self._writer = Writer(sink, chunk_size=CHUNK_BYTES, compression=CompressionType.NONE)
        self._gaps = gaps
        self._channels: dict[str, int] = {}
        self._last_index: int | None = None
        self._utc_minus_mono_ns = 0
        self._early: list[ImuSample] = []
        self._header: SegmentHeader | None = None
        self._streams: tuple[Stream, ...] = ()

    def begin(self, header: SegmentHeader, streams: tuple[Stream, ...], *, has_imu: bool) -> None:
        """Writes schemas and channels. Raises OSError."""
        self._header, self._streams = header, streams
        self._writer.start(profile="", library="DeepEpil")
        schemas = {
            message.name: self._writer.register_schema(f"foxglove.{message.name}", "protobuf", described(message))
            for message in (RAW_IMAGE, COMPRESSED_IMAGE, CAMERA_CALIBRATION)
        }
        for stream in streams:
            self._open(_image_topic(stream), "protobuf", schemas[_IMAGE_TYPES[stream].name])
            self._open(_calibration_topic(stream), "protobuf", schemas[CAMERA_CALIBRATION.name])
        for topic in (TIMES, GAPS, *([IMU] if has_imu else [])):
            name, fields = _JSON_SCHEMAS[topic]
            schema = {"title": name, "type": "object", "properties": fields, "required": list(fields)}
            self._open(topic, "json", self._writer.register_schema(name, "jsonschema", json.dumps(schema).encode()))
        if header.camera.calibration:
            calibration = json.dumps(header.camera.calibration).encode()
            self._writer.add_attachment(0, 0, CALIBRATION_FILE, "application/json", calibration)

    def picture(self, picture: StreamImage, image: Uint16Image | bytes) -> None:
        """Raises OSError."""
        if self._last_index is None:
            self._tell_lenses(picture)
        if picture.index != self._last_index:
            self._last_index = picture.index
            times = {name: getattr(picture, name) for name in _JSON_SCHEMAS[TIMES][1]}
            self._add(TIMES, json.dumps(times).encode(), picture)
        self._utc_minus_mono_ns = picture.utc_ns - picture.mono_ns
        while self._early:
            self.imu(self._early.pop(0))
        frame_id = _LENS[picture.stream].value
        if isinstance(image, bytes):
            data = COMPRESSED_IMAGE.encode(
                timestamp=timestamp(picture.utc_ns), data=image, format="jpeg", frame_id=frame_id
            )
        else:
            height, width = image.shape
            data = RAW_IMAGE.encode(
                timestamp=timestamp(picture.utc_ns), width=width, height=height, encoding="mono16", step=2 * width,
                data=image.astype("<u2", copy=False).tobytes(), frame_id=frame_id,
            )  # fmt: skip
        self._add(_image_topic(picture.stream), data, picture)

    def imu(self, sample: ImuSample) -> None:
        """A sample has no wall time of its own: it is dated as the last picture's clocks stood. Raises OSError."""
        if IMU not in self._channels:
            return
        if self._last_index is None:
            self._early = [*self._early[-MOST_EARLY:], sample]
            return
        body = {name: getattr(sample, name) for name in _JSON_SCHEMAS[IMU][1]}
        log_ns = sample.mono_ns + self._utc_minus_mono_ns
        self._writer.add_message(self._channels[IMU], log_ns, json.dumps(body).encode(), sample.device_ns)

    def finish(self, summary: ExportSummary) -> None:
        """Writes gaps, the metadata and the indexes. Raises OSError."""
        for gap in self._gaps:
            body = gap.model_dump_json().encode()
            self._writer.add_message(self._channels[GAPS], gap.start_utc_ns, body, gap.start_utc_ns)
        facts = {
            "notice": summary.notice, "site": summary.site, "bed": summary.bed,
            "stays": " ".join(str(stay) for stay in summary.stay_ids),
            "event_id": str(summary.event_id or ""), "export": summary.model_dump_json(exclude={"gaps"}),
        }  # fmt: skip
        self._writer.add_metadata("deepepil", facts)
        self._writer.finish()  # type: ignore[no-untyped-call]

    def _open(self, topic: str, encoding: str, schema: int) -> None:
        self._channels[topic] = self._writer.register_channel(topic, encoding, schema)

    def _add(self, topic: str, data: bytes, picture: StreamImage) -> None:
        self._writer.add_message(
            self._channels[topic], picture.utc_ns, data, picture.device_ns, sequence=picture.index & 0xFFFFFFFF
        )

    def _tell_lenses(self, first: StreamImage) -> None:
        """The lens of each stream that the camera's calibration knows, once, dated as the first picture."""
        assert self._header is not None
        for stream in self._streams:
            lens = intrinsics_of(self._header.camera, _LENS[stream])
            if lens is None:
                continue
            matrix = (lens.fx, 0.0, lens.cx, 0.0, lens.fy, lens.cy, 0.0, 0.0, 1.0)
            body = CAMERA_CALIBRATION.encode(
                timestamp=timestamp(first.utc_ns), width=lens.width, height=lens.height,
                distortion_model="rational_polynomial", D=lens.distortion, K=matrix,
                R=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
                P=(lens.fx, 0.0, lens.cx, 0.0, 0.0, lens.fy, lens.cy, 0.0, 0.0, 0.0, 1.0, 0.0),
                frame_id=_LENS[stream].value,
            )  # fmt: skip
            self._add(_calibration_topic(stream), body, first)


def _image_topic(stream: Stream) -> str:
    return f"/{stream.value}/image"


def _calibration_topic(stream: Stream) -> str:
    return f"/{stream.value}/calibration"
