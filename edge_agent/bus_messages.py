"""What travels on the bus inside the box: a topic and a typed message each, encoded explicitly, never pickled."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from edge_agent.ring.catalogue import SegmentRow
from shared.command import DesiredState
from shared.contract import Bytes, Contract, Count, Nanoseconds, Text, read_contract
from shared.errors import Refused
from shared.event import EventReport
from shared.frame import CameraInfo
from shared.heartbeat import Heartbeat
from shared.ids import Uuid7
from shared.live_view import LiveHangup, LiveHealth, LiveOffer, ViewReport
from shared.preview import PREVIEW_HEIGHT, PREVIEW_WIDTH, Preview
from shared.score import Score


class BusTopic(StrEnum):
    """What a message is about; the process table says who publishes it."""

    frame = "frame"
    camera = "camera"
    preview = "preview"
    sealed = "sealed"
    score = "score"
    event = "event"
    clip = "clip"
    upload = "upload"
    desired = "desired"
    link = "link"
    offer = "offer"
    hangup = "hangup"
    view = "view"
    live = "live"
    heartbeat = "heartbeat"
    processes = "processes"
    beat = "beat"


@dataclass(frozen=True, slots=True)
class FrameHandle:
    """Where in the frame pool a frame lies. A size of 0 means that the image is missing; pixels, bytes for colour and imu.

    `count` counts what capture took from the source since it started: a jump in it is a loss on the bus, a jump in
    `index` without one is a loss at the source.
    """

    pool: int
    slot: int
    generation: int
    count: int
    index: int
    device_ns: int
    mono_ns: int
    utc_ns: int
    depth_width: int
    depth_height: int
    ir_width: int
    ir_height: int
    colour_bytes: int
    imu_bytes: int = 0


class CameraFact(Contract):
    """The camera opened (with what it says of itself) or is lost (with the reason in a sentence). Repeated each second.

    An open camera with a sentence gives frames that cannot be trusted, and the sentence says why.
    """

    mono_ns: Nanoseconds
    opened: CameraInfo | None
    sentence: Text = Field(default="", max_length=500)


class ClipProgress(Contract):
    """What happened to the clip of an event, in one past-tense word such as `proxy_made`."""

    event_id: Uuid7
    what: Text = Field(max_length=64)


class UploadProgress(Contract):
    """What happened to the bytes of an event's clip, in one past-tense word such as `clip_stored`."""

    event_id: Uuid7
    what: Text = Field(max_length=64)
    sent_bytes: Bytes = 0


class LinkFact(Contract):
    """Whether the broker is connected, with the reason in a sentence when it is not."""

    mono_ns: Nanoseconds
    connected: bool
    sentence: Text = Field(default="", max_length=500)


class ProcessState(Contract):
    """One process as the supervisor sees it."""

    name: Text = Field(max_length=32)
    pid: Count
    running: bool
    restarts: Count
    alarm: Text = Field(default="", max_length=500)


class ProcessStates(Contract):
    """All processes as the supervisor sees them; told at every change and each second."""

    mono_ns: Nanoseconds
    states: Annotated[list[ProcessState], Field(max_length=32)]


class Beat(Contract):
    """A loop made progress; `counters` are its own figures, such as frames recorded."""

    process: Text = Field(max_length=32)
    pid: Count
    mono_ns: Nanoseconds
    counters: dict[str, float] = Field(default_factory=dict, max_length=64)


Message = FrameHandle | Preview | Contract
_CONTRACTS: dict[BusTopic, type[Contract]] = {
    BusTopic.camera: CameraFact,
    BusTopic.sealed: SegmentRow,
    BusTopic.score: Score,
    BusTopic.event: EventReport,
    BusTopic.clip: ClipProgress,
    BusTopic.upload: UploadProgress,
    BusTopic.desired: DesiredState,
    BusTopic.link: LinkFact,
    BusTopic.offer: LiveOffer,
    BusTopic.hangup: LiveHangup,
    BusTopic.view: ViewReport,
    BusTopic.live: LiveHealth,
    BusTopic.heartbeat: Heartbeat,
    BusTopic.processes: ProcessStates,
    BusTopic.beat: Beat,
}
_HANDLE = struct.Struct("<QIQQQqqqHHHHII")
_PREVIEW = struct.Struct("<Qqq")
_PIXELS = PREVIEW_WIDTH * PREVIEW_HEIGHT
MESSAGE_LIMIT_BYTES = 1 << 20


def encode_message(topic: BusTopic, message: Message) -> bytes:
    """The bytes of a message. Raises TypeError when the message is not of the topic's type: a fault of the program."""
    if topic is BusTopic.frame and isinstance(message, FrameHandle):
        return _HANDLE.pack(*(getattr(message, name) for name in FrameHandle.__slots__))
    if topic is BusTopic.preview and isinstance(message, Preview):
        times = _PREVIEW.pack(message.index, message.mono_ns, message.utc_ns)
        return times + message.ir.tobytes() + message.depth.tobytes()
    kind = _CONTRACTS.get(topic)
    if kind is not None and isinstance(message, kind):
        return message.model_dump_json().encode()
    raise TypeError(f"{type(message).__name__} is not a message of the topic {topic.value}")


def decode_message(topic: BusTopic, body: bytes) -> Any:
    """The message of those bytes. Raises Refused when they are not one of that topic."""
    try:
        if topic is BusTopic.frame:
            return FrameHandle(*_HANDLE.unpack(body))
        if topic is BusTopic.preview:
            return _decode_preview(body)
    except struct.error as error:
        raise Refused(f"A message of the topic {topic.value} has the wrong length: {len(body)} bytes.") from error
    return read_contract(_CONTRACTS[topic], body, MESSAGE_LIMIT_BYTES)


def _decode_preview(body: bytes) -> Preview:
    index, mono_ns, utc_ns = _PREVIEW.unpack_from(body)
    if len(body) != _PREVIEW.size + 2 * _PIXELS:
        raise struct.error("length")
    images = np.frombuffer(body, np.uint8, offset=_PREVIEW.size).reshape(2, PREVIEW_HEIGHT, PREVIEW_WIDTH)
    return Preview(index, mono_ns, utc_ns, images[0], images[1])
