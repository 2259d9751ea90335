"""Reads Matroska recordings as Microsoft's recorder writes them: tracks, tags, attachments, then the blocks of chosen tracks.

A general demuxer skips what it cannot read and allocates what a length says; a recording of a patient needs the opposite: every
fault is told with its place, and no length in the file makes us hold more than the caller allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from edge_agent.sources.ebml import EbmlFile, Element
from edge_agent.sources.matroska_blocks import ATTACHMENTS, CLUSTER, INFO, SEEK_HEAD, TAGS, TRACKS, Block, Clusters
from shared.errors import Refused

_EBML, _DOC_TYPE, _SEGMENT = 0x1A45DFA3, 0x4282, 0x18538067
_SEEK, _SEEK_ID, _SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
_TIME_SCALE, _TITLE = 0x2AD7B1, 0x7BA9
_TRACK, _NUMBER, _UID, _NAME, _CODEC, _PRIVATE, _PERIOD = 0xAE, 0xD7, 0x73C5, 0x536E, 0x86, 0x63A2, 0x23E383
_VIDEO, _WIDTH, _HEIGHT, _FOURCC, _ENCODINGS = 0xE0, 0xB0, 0xBA, 0x2EB524, 0x6D80
_TAG, _TARGETS, _TAG_ATTACHMENT, _SIMPLE, _TAG_NAME, _TAG_STRING = 0x7373, 0x63C0, 0x63C6, 0x67C8, 0x45A3, 0x4487
_ATTACHED, _FILE_NAME, _FILE_DATA, _FILE_UID = 0x61A7, 0x466E, 0x465C, 0x46AE
MOST_HEAD_BYTES = 4 * 1024 * 1024
MOST_ATTACHMENTS_BYTES = 64 * 1024 * 1024
MOST_TAGS = 256
MOST_TRACKS = 64
LONGEST_TICK_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Track:
    """One track: fourcc is the pixel format of a video track, empty for others; period_ns 0 when it is not told."""

    number: int
    uid: int
    name: str
    codec: str
    fourcc: bytes
    width: int
    height: int
    period_ns: int
    compressed: bool


@dataclass(slots=True)
class _Head:
    scale_ns: int = 1_000_000
    title: str = ""
    tracks: list[Track] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    tag_attachments: dict[str, int] = field(default_factory=dict)
    attachments: dict[str, Element] = field(default_factory=dict)
    attachment_names: dict[int, str] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    elsewhere: dict[int, int] = field(default_factory=dict)


class MatroskaFile:
    """An open recording. Raises Refused when it is no Matroska file, cut, or damaged in its head."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        file.seek(0, 2)
        self._ebml = EbmlFile(file, name, file.tell())
        self._head = _Head()
        try:
            head = self._ebml.element(0, self._ebml.size_bytes)
            foreign = head is None or head.name != _EBML or self._doc_type(head) != "matroska"
        except Refused:
            foreign = True
        if foreign or head is None or head.size is None:
            raise Refused(f"{name} is not a Matroska recording.", file=name)
        self._segment = self._open_segment(head.start + head.size)
        self._end = self._ebml.size_bytes if self._segment.size is None else self._segment.start + self._segment.size
        self._first_cluster = self._read_head()

    @property
    def title(self) -> str:
        return self._head.title

    @property
    def tracks(self) -> list[Track]:
        return self._head.tracks

    @property
    def tags(self) -> Mapping[str, str]:
        """All tags by name, whatever they are about; of two with one name the first."""
        return self._head.tags

    def attachment(self, tag: str, file_name: str, most_bytes: int) -> bytes | None:
        """The attached file that the tag points at, or that has the name; None when there is none or it is larger."""
        uid = self._head.tag_attachments.get(tag)
        name = self._head.attachment_names.get(uid if uid is not None else -1, self._head.tags.get(tag, file_name))
        found = self._head.attachments.get(name) or self._head.attachments.get(file_name)
        if found is None or found.size is None or found.size > most_bytes:
            return None
        return self._ebml.data(found, most_bytes)

    def blocks(self, most_bytes: Mapping[int, int]) -> Iterator[Block]:
        """The blocks of those tracks in file order; `most_bytes` says for each how long a block may be. Raises Refused."""
        return Clusters(self._ebml, self._first_cluster, self._end, self._head.scale_ns).blocks(most_bytes)

    def _doc_type(self, head: Element) -> str:
        for child in self._ebml.children(head, MOST_HEAD_BYTES):
            if child.name == _DOC_TYPE:
                return self._ebml.text(child, 32)
        return ""

    def _open_segment(self, at: int) -> Element:
        segment = self._ebml.element(at, self._ebml.size_bytes)
        if segment is None or segment.name != _SEGMENT:
            raise Refused(f"{self._ebml.name} is cut: it ends before its first track.", file=self._ebml.name)
        return segment

    def _after(self, element: Element) -> int:
        if element.size is None:
            raise self._ebml.damaged(element.start, "an element without a length")
        return element.start + element.size

    def _read_head(self) -> int:
        """Reads all before the first cluster, and what the index says lies after the last. Returns where the first cluster is."""
        at, cluster = self._segment.start, self._end
        while (top := self._ebml.element(at, self._end)) is not None:
            if top.name == CLUSTER:
                cluster = at
                break
            self._read_top(top)
            at = self._after(top)
        for name, position in list(self._head.elsewhere.items()):
            if name in {TAGS, ATTACHMENTS, TRACKS, INFO} and name not in self._head.seen:
                top = self._ebml.element(self._segment.start + position, self._end)
                if top is not None and top.name == name:
                    self._read_top(top)
        return cluster

    def _read_top(self, top: Element) -> None:
        self._head.seen.add(top.name)
        if top.name == SEEK_HEAD:
            self._read_seek_head(top)
        elif top.name == INFO:
            self._read_info(top)
        elif top.name == TRACKS:
            self._read_tracks(top)
        elif top.name == TAGS:
            self._read_tags(top)
        elif top.name == ATTACHMENTS:
            self._read_attachments(top)

    def _fields(self, parent: Element) -> dict[int, Element]:
        """The children of an element by name; of two with one name the first."""
        found: dict[int, Element] = {}
        for child in self._ebml.children(parent, MOST_HEAD_BYTES):
            found.setdefault(child.name, child)
        return found

    def _read_seek_head(self, top: Element) -> None:
        for seek in self._ebml.children(top, MOST_HEAD_BYTES):
            fields = self._fields(seek) if seek.name == _SEEK else {}
            if _SEEK_ID in fields and _SEEK_POSITION in fields:
                self._head.elsewhere[self._ebml.number(fields[_SEEK_ID])] = self._ebml.number(fields[_SEEK_POSITION])

    def _read_info(self, top: Element) -> None:
        fields = self._fields(top)
        if _TIME_SCALE in fields:
            self._head.scale_ns = self._ebml.number(fields[_TIME_SCALE])
            if not 1 <= self._head.scale_ns <= LONGEST_TICK_NS:
                raise self._ebml.damaged(fields[_TIME_SCALE].start, f"a clock with ticks of {self._head.scale_ns} ns")
        if _TITLE in fields:
            self._head.title = self._ebml.text(fields[_TITLE], 256)

    def _read_tracks(self, top: Element) -> None:
        for entry in self._ebml.children(top, MOST_HEAD_BYTES):
            if entry.name != _TRACK:
                continue
            if len(self._head.tracks) == MOST_TRACKS:
                raise self._ebml.damaged(entry.start, f"more than {MOST_TRACKS} tracks")
            self._head.tracks.append(self._track(self._fields(entry)))

    def _track(self, fields: Mapping[int, Element]) -> Track:
        def number(of: Mapping[int, Element], name: int) -> int:
            return self._ebml.number(of[name]) if name in of else 0

        def text(name: int) -> str:
            return self._ebml.text(fields[name], 256) if name in fields else ""

        video = self._fields(fields[_VIDEO]) if _VIDEO in fields else {}
        private = self._ebml.data(fields[_PRIVATE], MOST_HEAD_BYTES) if _PRIVATE in fields else b""
        fourcc = private[16:20] if text(_CODEC) == "V_MS/VFW/FOURCC" else b""
        if text(_CODEC) == "V_UNCOMPRESSED" and _FOURCC in video:
            fourcc = self._ebml.data(video[_FOURCC], 4)
        if text(_CODEC) == "V_MJPEG":
            fourcc = b"MJPG"
        return Track(
            number(fields, _NUMBER), number(fields, _UID), text(_NAME), text(_CODEC), fourcc,
            number(video, _WIDTH), number(video, _HEIGHT), number(fields, _PERIOD), _ENCODINGS in fields,
        )  # fmt: skip

    def _read_tags(self, top: Element) -> None:
        for tag in self._ebml.children(top, MOST_HEAD_BYTES):
            if tag.name != _TAG:
                continue
            targets: dict[int, Element] = {}
            for child in self._ebml.children(tag, MOST_HEAD_BYTES):
                if child.name == _TARGETS:
                    targets = self._fields(child)
                elif child.name == _SIMPLE and len(self._head.tags) < MOST_TAGS:
                    self._read_simple_tag(self._fields(child), targets)

    def _read_simple_tag(self, fields: Mapping[int, Element], targets: Mapping[int, Element]) -> None:
        if _TAG_NAME not in fields:
            return
        name = self._ebml.text(fields[_TAG_NAME], 64)
        value = self._ebml.text(fields[_TAG_STRING], 256) if _TAG_STRING in fields else ""
        self._head.tags.setdefault(name, value)
        if _TAG_ATTACHMENT in targets:
            self._head.tag_attachments.setdefault(name, self._ebml.number(targets[_TAG_ATTACHMENT]))

    def _read_attachments(self, top: Element) -> None:
        for entry in self._ebml.children(top, MOST_ATTACHMENTS_BYTES):
            if entry.name != _ATTACHED:
                continue
            fields: dict[int, Element] = {}
            for child in self._ebml.children(entry, MOST_ATTACHMENTS_BYTES):
                fields.setdefault(child.name, child)
            if _FILE_NAME in fields and _FILE_DATA in fields and len(self._head.attachments) < MOST_TRACKS:
                name = self._ebml.text(fields[_FILE_NAME], 256)
                self._head.attachments.setdefault(name, fields[_FILE_DATA])
                if _FILE_UID in fields:
                    self._head.attachment_names.setdefault(self._ebml.number(fields[_FILE_UID]), name)
