"""What a segment file holds, found by its index or by reading record by record up to the first that does not hold.

Bytes are specified in docs/contracts/segment-format.md. Every length is checked against its limit before it is read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from shared.clock_model import ClockModel
from shared.codec import Codec
from shared.contract import read_contract, sentence_of
from shared.errors import Refused
from shared.frame import Stream
from shared.gap import Gap
from shared.segment_records import (
    FOOTER,
    MAGIC,
    MAX_PAYLOAD_BYTES,
    RECORD_CRC,
    RECORD_HEAD,
    Opcode,
    SegmentHeader,
    SegmentIndex,
    read_image,
    read_imu,
    read_preview,
    record_parts,
)

GAP_KEY = "gap"
IMU_KEY = "imu"
_HEADER_LIMIT = 1 << 20


@dataclass(slots=True)
class Contents:
    """What a segment holds so far: places of records by stream, which images stand alone, first and last times."""

    places: dict[str, list[list[int]]] = field(default_factory=dict)
    standing: dict[Stream, list[int]] = field(default_factory=dict)
    leaning: set[Stream] = field(default_factory=set)
    first: tuple[int, int] | None = None
    last: tuple[int, int] | None = None

    def note(self, key: str, offset: int, mono_ns: int, utc_ns: int | None) -> None:
        self.places.setdefault(key, []).append([offset, mono_ns])
        if utc_ns is None:
            return
        if self.first is None or mono_ns < self.first[0]:
            self.first = (mono_ns, utc_ns)
        if self.last is None or mono_ns > self.last[0]:
            self.last = (mono_ns, utc_ns)

    def note_image(self, stream: Stream, codec: Codec, offset: int, times: tuple[int, int]) -> None:
        """times: mono_ns and utc_ns."""
        if codec.is_key:
            self.standing.setdefault(stream, []).append(self.count(stream))
        else:
            self.leaning.add(stream)
        self.note(stream.value, offset, *times)

    def keys(self) -> dict[Stream, list[int]]:
        """Positions of the key images of streams that have others too."""
        return {stream: self.standing[stream] for stream in sorted(self.leaning) if stream in self.standing}

    def count(self, stream: Stream) -> int:
        return len(self.places.get(stream.value, ()))

    def counts(self) -> dict[Stream, int]:
        return {stream: self.count(stream) for stream in Stream if self.count(stream)}

    def index(self, clock: ClockModel | None = None) -> SegmentIndex:
        first, last = self.first or (0, 0), self.last or (0, 0)
        return SegmentIndex(
            frames=self.counts(), first_mono_ns=first[0], last_mono_ns=last[0], first_utc_ns=first[1],
            last_utc_ns=last[1], records=self.places, keys=self.keys(), clock=clock,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scan:
    """What scanning found: everything up to `good_bytes` holds; `torn` says in words why it stopped, or is empty."""

    header: SegmentHeader
    contents: Contents
    good_bytes: int
    torn: str


def scan_segment(path: Path) -> Scan:
    """Reads a file record by record up to the first that does not hold. Raises Refused when not even the header does."""
    with path.open("rb") as file:
        header, first_record = read_header(file, path.name)
        return scan_records(file, header, first_record, os.fstat(file.fileno()).st_size)


def scan_records(file: BinaryIO, header: SegmentHeader, first_record: int, size: int) -> Scan:
    contents, offset = Contents(), first_record
    while offset < size:
        found = read_record(file, offset, size)
        if found is None:
            return Scan(header, contents, offset, f"The record at byte {offset} of {size} is cut or damaged.")
        opcode, payload = found
        if opcode == Opcode.index:
            break
        try:
            _note(contents, opcode, payload, offset)
        except Refused as error:
            return Scan(header, contents, offset, f"The record at byte {offset}: {error.sentence}")
        offset += RECORD_HEAD.size + len(payload) + RECORD_CRC.size
    return Scan(header, contents, offset, "")


def _note(contents: Contents, opcode: int, payload: bytes, offset: int) -> None:
    if opcode == Opcode.image:
        image = read_image(payload)
        contents.note_image(image.stream, image.codec, offset, (image.mono_ns, image.utc_ns))
    elif opcode == Opcode.preview:
        preview = read_preview(payload)
        contents.note(Stream.preview.value, offset, preview.mono_ns, preview.utc_ns)
    elif opcode == Opcode.gap:
        contents.note(GAP_KEY, offset, read_contract(Gap, payload).start_mono_ns, None)
    elif opcode == Opcode.imu:
        contents.note(IMU_KEY, offset, read_imu(payload)[0].mono_ns, None)


def read_header(file: BinaryIO, name: str) -> tuple[SegmentHeader, int]:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC:
        raise Refused(f"{name} is not a DeepEpil segment of version 0.")
    found = read_record(file, len(MAGIC), size)
    if found is None or found[0] != Opcode.header:
        raise Refused(f"The header of the segment {name} is cut or damaged.")
    header = read_contract(SegmentHeader, found[1], _HEADER_LIMIT)
    if header.key.suite != "plain":
        raise Refused(f"The segment {name} is sealed with {header.key.suite}; this version reads plain ones only.")
    return header, len(MAGIC) + RECORD_HEAD.size + len(found[1]) + RECORD_CRC.size


def read_record(file: BinaryIO, offset: int, size: int) -> tuple[int, bytes] | None:
    """Opcode and payload of the record at `offset`, or None when it does not hold."""
    file.seek(offset)
    head = file.read(RECORD_HEAD.size)
    if len(head) < RECORD_HEAD.size:
        return None
    length, opcode = RECORD_HEAD.unpack(head)
    if length > min(MAX_PAYLOAD_BYTES, size - offset - RECORD_HEAD.size - RECORD_CRC.size):
        return None
    payload, crc = file.read(length), file.read(RECORD_CRC.size)
    return (opcode, payload) if crc == record_parts(opcode, payload)[-1] else None


def read_index(file: BinaryIO, size: int, first_record: int) -> SegmentIndex | None:
    """The index of a sealed file, or None when footer or index do not hold."""
    if size < first_record + FOOTER.size:
        return None
    file.seek(size - FOOTER.size)
    index_at, length, magic = FOOTER.unpack(file.read(FOOTER.size))
    if magic != MAGIC or length != size or not first_record <= index_at < size:
        return None
    found = read_record(file, index_at, size)
    if found is None or found[0] != Opcode.index:
        return None
    try:
        return SegmentIndex.model_validate_json(found[1])
    except ValidationError as error:
        raise Refused(f"The index of a segment is refused: {sentence_of(error)}") from error
