"""Events, manifests and objects for the cloud's tests; everything may be varied by keyword."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cloud.clips.tables import Event
from shared.clip import CHUNK_BYTES, ClipManifest, ManifestSegment, ProxyFile
from shared.clock import NS_PER_S
from shared.event import EventCause, EventPhase, EventReport
from shared.frame import Stream
from shared.ids import uuid7

BOOT = "11111111-2222-3333-4444-555555555555"
UTC_NS = 1_750_000_000 * NS_PER_S


@dataclass(frozen=True)
class Thing:
    """Bytes and what a manifest says of them."""

    body: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    @property
    def size_bytes(self) -> int:
        return len(self.body)

    def chunk(self, number: int) -> bytes:
        """The bytes of one chunk."""
        return self.body[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES]


def report(**changes: Any) -> EventReport:
    """A closed event of one minute."""
    fields: dict[str, Any] = {
        "event_id": uuid7(UTC_NS),
        "revision": 2,
        "phase": EventPhase.closed,
        "cause": EventCause.detector,
        "stay_id": None,
        "boot_id": BOOT,
        "start_mono_ns": 100 * NS_PER_S,
        "end_mono_ns": 160 * NS_PER_S,
        "clip_start_mono_ns": 60 * NS_PER_S,
        "clip_end_mono_ns": 175 * NS_PER_S,
        "start_utc_ns": UTC_NS + 100 * NS_PER_S,
        "end_utc_ns": UTC_NS + 160 * NS_PER_S,
        "peak_score": 0.93,
        "motor_type": "tonic_clonic",
        "release": "detector-v0",
    }
    return EventReport(**{**fields, **changes})


async def stored_event(site: str = "north", bed: str = "bed-1", **changes: Any) -> UUID:
    """An event row as the ingester writes it. Returns its id."""
    body = report(**changes)
    fields = body.model_dump()
    await Event.create(
        **{**fields, "phase": body.phase.value, "cause": body.cause.value},
        site=site,
        bed=bed,
        sequence=3,
        received_at_ns=UTC_NS,
        updated_at_ns=UTC_NS,
    )
    return body.event_id


def manifest(event_id: UUID, proxies: list[Thing], segments: list[Thing], boot_id: str = BOOT) -> ClipManifest:
    """A manifest that names these things, proxies in the order ir, depth, colour."""
    streams = (Stream.ir, Stream.depth, Stream.colour)
    return ClipManifest(
        event_id=event_id,
        boot_id=boot_id,
        start_mono_ns=60 * NS_PER_S,
        end_mono_ns=175 * NS_PER_S,
        start_utc_ns=UTC_NS + 60 * NS_PER_S,
        segments=[
            ManifestSegment(
                sha256=thing.sha256,
                size_bytes=thing.size_bytes,
                sequence=number,
                start_mono_ns=(60 + 10 * number) * NS_PER_S,
                end_mono_ns=(70 + 10 * number) * NS_PER_S,
                start_utc_ns=UTC_NS + (60 + 10 * number) * NS_PER_S,
                frames={Stream.ir: 300, Stream.depth: 300},
            )
            for number, thing in enumerate(segments)
        ],
        proxies=[
            ProxyFile(
                stream=stream,
                sha256=thing.sha256,
                size_bytes=thing.size_bytes,
                codec="avc1.42c01e",
                width=512,
                height=424,
                frame_mono_ns=[60 * NS_PER_S, 61 * NS_PER_S],
            )
            for stream, thing in zip(streams, proxies, strict=False)
        ],
        gaps=[],
        coverage={Stream.ir: 1.0},
        scores=[],
    )
