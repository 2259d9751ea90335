"""The parts of a Matroska file (RFC 9559) as the Azure Kinect SDK lays them out: head, tracks, attachments, clusters, cues, tags."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.export import ebml

SEGMENT, SEEK_HEAD, INFO, TRACKS = 0x18538067, 0x114D9B74, 0x1549A966, 0x1654AE6B
ATTACHMENTS, CLUSTER, CUES, TAGS = 0x1941A469, 0x1F43B675, 0x1C53BB6B, 0x1254C367
TIMESCALE_NS = 1_000
VIDEO, SUBTITLE = 1, 17
_KEY_FRAME, _FIXED_LACING = 0x80, 0x04
_APP = "DeepEpil"


@dataclass(frozen=True, slots=True)
class Track:
    """One track; its number is its UID too. `size` is (width, height) of a video track."""

    number: int
    name: str
    codec: str
    private: bytes = b""
    size: tuple[int, int] | None = None
    period_ns: int = 0

    def entry(self) -> bytes:
        parts = [
            ebml.number(0xD7, self.number), ebml.number(0x73C5, self.number),
            ebml.number(0x83, VIDEO if self.size else SUBTITLE), ebml.text(0x86, self.codec),
            ebml.text(0x536E, self.name),
        ]  # fmt: skip
        if self.private:
            parts.append(ebml.element(0x63A2, self.private))
        if self.size:
            parts.append(ebml.number(0x23E383, self.period_ns))
            parts.append(ebml.element(0xE0, ebml.number(0xB0, self.size[0]), ebml.number(0xBA, self.size[1])))
        return ebml.element(0xAE, *parts)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside the file."""

    uid: int
    name: str
    data: bytes

    def entry(self) -> bytes:
        return ebml.element(
            0x61A7, ebml.text(0x466E, self.name), ebml.text(0x4660, "application/octet-stream"),
            ebml.element(0x465C, self.data), ebml.number(0x46AE, self.uid),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tag:
    """A name and its value; of the whole file, or of one track or attachment by its UID."""

    name: str
    value: str
    track: int = 0
    attachment: int = 0

    def entry(self) -> bytes:
        target = b""
        if self.track:
            target = ebml.text(0x63CA, "TRACK") + ebml.number(0x63C5, self.track)
        elif self.attachment:
            target = ebml.text(0x63CA, "ATTACHMENT") + ebml.number(0x63C6, self.attachment)
        simple = ebml.element(0x67C8, ebml.text(0x45A3, self.name), ebml.text(0x4487, self.value))
        return ebml.element(0x7373, ebml.element(0x63C0, target), simple)


@dataclass(frozen=True, slots=True)
class Block:
    """Data of one track at one moment of the file; `laced` pieces of equal length stand in one block."""

    at_us: int
    track: int
    data: bytes
    duration_us: int = 0
    laced: int = 1

    def parts(self, cluster_us: int) -> list[bytes]:
        """The element in pieces, so that a picture's bytes are not copied."""
        place = ebml.vint(self.track) + struct.pack(">h", self.at_us - cluster_us)
        if not self.duration_us:
            lead = place + bytes([_KEY_FRAME])
            return [ebml.head(0xA3, len(lead) + len(self.data)), lead, self.data]
        lacing = bytes([_FIXED_LACING, self.laced - 1]) if self.laced > 1 else b"\x00"
        body = ebml.element(0xA1, place, lacing, self.data)
        return [ebml.element(0xA0, body, ebml.number(0x9B, self.duration_us))]


def ebml_head() -> bytes:
    """Document type matroska, version 2 for writing and reading, as the SDK wants it."""
    return ebml.element(
        0x1A45DFA3, ebml.number(0x4286, 1), ebml.number(0x42F7, 1), ebml.number(0x42F2, 4), ebml.number(0x42F3, 8),
        ebml.text(0x4282, "matroska"), ebml.number(0x4287, 2), ebml.number(0x4285, 2),
    )  # fmt: skip


def seek_head(places: Mapping[int, int]) -> bytes:
    """Where each part lies, counted from the segment's first byte; equally long for the same parts."""
    entries = (
        ebml.element(0x4DBB, ebml.element(0x53AB, name.to_bytes(4, "big")), ebml.number(0x53AC, place, 8))
        for name, place in places.items()
    )
    return ebml.element(SEEK_HEAD, *entries)


def info(title: str, start_utc_ns: int, duration_us: int) -> bytes:
    """Equally long for every duration."""
    return ebml.element(
        INFO, ebml.number(0x2AD7B1, TIMESCALE_NS), ebml.real(0x4489, float(duration_us)), ebml.text(0x4D80, _APP),
        ebml.text(0x5741, _APP), ebml.date(0x4461, start_utc_ns), ebml.text(0x7BA9, title),
    )  # fmt: skip


def cluster(blocks: Sequence[Block]) -> list[bytes]:
    """A cluster in pieces, its blocks in the order of time; they must lie within 32 ms."""
    ordered = sorted(blocks, key=lambda block: block.at_us)
    start_us = ordered[0].at_us
    parts = [ebml.number(0xE7, start_us)]
    for block in ordered:
        parts += block.parts(start_us)
    return [ebml.head(CLUSTER, sum(len(part) for part in parts)), *parts]


def cues(points: Iterable[tuple[int, int, int]]) -> bytes:
    """points are (time in µs, track, place of the cluster)."""
    entries = (
        ebml.element(
            0xBB, ebml.number(0xB3, at_us), ebml.element(0xB7, ebml.number(0xF7, track), ebml.number(0xF1, place))
        )
        for at_us, track, place in points
    )
    return ebml.element(CUES, *entries)
