"""A clip: a manifest over sealed segments plus trim times, and the proxies made from them. Nothing is copied at the bed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from shared.contract import Bytes, Contract, Count, Nanoseconds, Share, Text
from shared.frame import Stream
from shared.gap import Gap
from shared.ids import BootId, Sha256, Uuid7

CHUNK_BYTES = 16 * 1024 * 1024
"""Objects travel in chunks of this size; the last one may be shorter."""
MAX_OBJECT_BYTES = 4 * 1024**3
MAX_SEGMENTS = 2_000
MAX_SCORES = 20_000


class RawPolicy(StrEnum):
    """The site's word on which raw segments it wants."""

    always = "always"
    on_confirm = "on_confirm"
    never = "never"


class ManifestSegment(Contract):
    """One sealed segment of the clip, named by the SHA-256 of its bytes as stored at the bed."""

    sha256: Sha256
    size_bytes: Bytes = Field(le=MAX_OBJECT_BYTES)
    sequence: Count
    start_mono_ns: Nanoseconds
    end_mono_ns: Nanoseconds
    start_utc_ns: Nanoseconds
    frames: dict[Stream, Count]


class ProxyFile(Contract):
    """One watchable stream: fragmented MP4, H.264. Frame k of the file was taken at frame_mono_ns[k]."""

    stream: Stream
    sha256: Sha256
    size_bytes: Bytes = Field(gt=0, le=MAX_OBJECT_BYTES)
    codec: Text = Field(max_length=64, description="RFC 6381 codecs string, such as avc1.42c01e")
    width: int = Field(gt=0, le=8192)
    height: int = Field(gt=0, le=8192)
    frame_mono_ns: Annotated[list[Nanoseconds], Field(min_length=1, max_length=200_000)]
    frame_device_ns: Annotated[list[Nanoseconds], Field(max_length=200_000)] = Field(
        default_factory=list, description="the camera's own time of each frame; empty from a bed that does not tell it"
    )

    @model_validator(mode="after")
    def _a_time_a_frame(self) -> ProxyFile:
        if self.frame_device_ns and len(self.frame_device_ns) != len(self.frame_mono_ns):
            raise ValueError("frame_device_ns must be empty or have one time a frame")
        return self


class ScoreSample(Contract):
    """One score of the clip's span, for the timeline."""

    mono_ns: Nanoseconds
    value: Share


class LostSegment(Contract):
    """A segment that the clip had and that the bed can no longer send; proxies made before still show its span."""

    sha256: Sha256
    sequence: Count
    start_mono_ns: Nanoseconds
    end_mono_ns: Nanoseconds
    frames: dict[Stream, Count]
    reason: Text = Field(min_length=1, max_length=300)


class ClipManifest(Contract):
    """All that the cloud needs to fetch, check and show a clip; complete once the event is closed."""

    event_id: Uuid7
    boot_id: BootId
    start_mono_ns: Nanoseconds
    end_mono_ns: Nanoseconds
    start_utc_ns: Nanoseconds
    segments: Annotated[list[ManifestSegment], Field(max_length=MAX_SEGMENTS)]
    proxies: Annotated[list[ProxyFile], Field(max_length=3)]
    gaps: Annotated[list[Gap], Field(max_length=2_000)]
    coverage: dict[Stream, Share] = Field(description="recorded of wanted, by stream")
    wanted: dict[Stream, Share] = Field(
        default_factory=dict, description="part of the clip in which a recording was wanted: not in a pause"
    )
    evicted: dict[Stream, Share] = Field(
        default_factory=dict, exclude_if=lambda shares: not shares,
        description="part of the clip that was recorded and gone from the ring before the event held it; left out where there is none",
    )  # fmt: skip
    scores: Annotated[list[ScoreSample], Field(max_length=MAX_SCORES)]
    lost: Annotated[list[LostSegment], Field(max_length=MAX_SEGMENTS)] = Field(
        default_factory=list, description="segments that were lost at the bed: the clip is partial"
    )

    @model_validator(mode="after")
    def _in_order(self) -> ClipManifest:
        if self.end_mono_ns < self.start_mono_ns:
            raise ValueError("end_mono_ns must not lie before start_mono_ns")
        starts = [segment.start_mono_ns for segment in self.segments]
        if starts != sorted(starts):
            raise ValueError("segments must be in the order of time")
        if len({proxy.stream for proxy in self.proxies}) != len(self.proxies):
            raise ValueError("proxies must have one file a stream")
        return self


class MissingObject(Contract):
    """An object that the cloud wants, and which chunks of it the cloud lacks."""

    sha256: Sha256
    chunks: Annotated[list[Count], Field(max_length=MAX_OBJECT_BYTES // CHUNK_BYTES)]


class RawDecision(StrEnum):
    """What the bed shall do with the raw segments of a clip."""

    send = "send"
    wait = "wait"
    released = "released"


class ClipAnswer(Contract):
    """The cloud's answer to a manifest: what to send now, in this order, and the decision on the raw segments."""

    event_id: Uuid7
    missing: Annotated[list[MissingObject], Field(max_length=MAX_SEGMENTS + 3)]
    raw: RawDecision
    clip_stored: bool = Field(description="all wanted bytes are stored: the pins may go")
    direct: bool = Field(default=False, description="chunks go to the object store, by the places that the cloud gives")


class PlaceWanted(Contract):
    """The bed asks where one chunk of an object may go; the digest is bound to the place."""

    chunk: Count
    content_md5: Text = Field(pattern=r"^[A-Za-z0-9+/]{22}==$", description="base64 of the MD5 of the chunk's bytes")


class ChunkPlace(Contract):
    """Where one chunk may be PUT, once or more, with exactly these headers, until it ends."""

    sha256: Sha256
    chunk: Count
    url: Text = Field(min_length=8, max_length=8_192)
    headers: dict[str, Text] = Field(max_length=8)
    ends_in_s: int = Field(gt=0, le=86_400)


class WantedClips(Contract):
    """Clips of this bed whose raw segments are wanted after all, oldest first: a verdict changed after they were released."""

    event_ids: Annotated[list[Uuid7], Field(max_length=100)]


def chunk_count(size_bytes: int) -> int:
    """How many chunks an object of this size has; an empty object has none."""
    return -(-size_bytes // CHUNK_BYTES)


def chunk_length(size_bytes: int, chunk: int) -> int:
    """Bytes of one chunk; 0 for a number that the object does not have."""
    return max(0, min(CHUNK_BYTES, size_bytes - chunk * CHUNK_BYTES))
