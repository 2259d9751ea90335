"""A segment file: written as a log that may be cut anywhere, sealed under its hash, read whole or by scanning.

Bytes are specified in docs/contracts/segment-format.md. The writer raises OSError when the disk fails; the reader raises
Refused for any bytes that break the format, and never gives data whose CRC does not hold.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import zstandard
from pydantic import ValidationError

from shared.codec import Codec, ImageCoder
from shared.contract import read_contract, sentence_of
from shared.errors import Refused
from shared.frame import RECORDED_STREAMS, Frame, Stream, Uint16Image
from shared.gap import Gap
from shared.preview import Preview
from shared.segment_records import (
    FOOTER,
    MAGIC,
    MAX_PAYLOAD_BYTES,
    RECORD_CRC,
    RECORD_HEAD,
    Opcode,
    SegmentHeader,
    SegmentIndex,
    StreamImage,
    checksum_of,
    image_head,
    preview_payload,
    read_image,
    read_preview,
    record_parts,
)

GAP_KEY = "gap"
_HEADER_LIMIT = 1 << 20
_INDEX_LIMIT = MAX_PAYLOAD_BYTES


@dataclass(frozen=True, slots=True)
class Sealed:
    """What sealing made: the file under its final name."""

    path: Path
    sha256: str
    size_bytes: int


@dataclass(slots=True)
class Contents:
    """What a segment holds so far: places of records by stream, first and last times."""

    places: dict[str, list[list[int]]] = field(default_factory=dict)
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

    def count(self, stream: Stream) -> int:
        return len(self.places.get(stream.value, ()))

    def counts(self) -> dict[Stream, int]:
        return {stream: self.count(stream) for stream in Stream if self.count(stream)}

    def index(self) -> SegmentIndex:
        first, last = self.first or (0, 0), self.last or (0, 0)
        return SegmentIndex(
            frames=self.counts(), first_mono_ns=first[0], last_mono_ns=last[0], first_utc_ns=first[1],
            last_utc_ns=last[1], records=self.places,
        )  # fmt: skip


class SegmentWriter:
    """One growing segment. After any OSError the file must be condemned: nothing more is written to it."""

    def __init__(self, path: Path, header: SegmentHeader) -> None:
        self.path = path
        self.header = header
        self.contents = Contents()
        self.size_bytes = 0
        self.condemned = False
        self._hash = hashlib.sha256()
        self._coder = ImageCoder()
        self._preview_compressor = zstandard.ZstdCompressor(level=1)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            self._put([MAGIC, *record_parts(Opcode.header, header.model_dump_json().encode())])
        except BaseException:
            self.close()
            path.unlink()
            raise

    @classmethod
    def resume(cls, path: Path) -> SegmentWriter:
        """Takes up an open file that was left: cuts it after its last whole record. Raises Refused without a header."""
        scan = scan_segment(path)
        writer = cls.__new__(cls)
        writer.path, writer.header, writer.contents, writer.condemned = path, scan.header, scan.contents, False
        writer._coder, writer._preview_compressor = ImageCoder(), zstandard.ZstdCompressor(level=1)
        writer._hash = hashlib.sha256()
        with path.open("rb") as file:
            for start in range(0, scan.good_bytes, 1 << 20):
                writer._hash.update(file.read(min(1 << 20, scan.good_bytes - start)))
        writer._descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        os.ftruncate(writer._descriptor, scan.good_bytes)
        os.lseek(writer._descriptor, scan.good_bytes, os.SEEK_SET)
        writer.size_bytes = scan.good_bytes
        return writer

    def add_image(self, stream: Stream, image: Uint16Image | bytes, frame: Frame) -> None:
        """One image of the frame: uint16 (H, W) for depth and ir, JPEG bytes for colour. Raises OSError."""
        if isinstance(image, bytes):
            codec, size, data = Codec.jpeg, (0, 0), image
        else:
            codec, size, data = Codec.left_planes_zstd, (image.shape[1], image.shape[0]), self._coder.encode(image)
        times = (frame.index, frame.device_ns, frame.mono_ns, frame.utc_ns)
        head = image_head(stream, codec, size, times, checksum_of(image))
        offset = self._put(record_parts(Opcode.image, head, data))
        self.contents.note(stream.value, offset, frame.mono_ns, frame.utc_ns)

    def add_frame(self, frame: Frame) -> None:
        """Writes the images that the frame has. Raises OSError."""
        for stream, image in ((Stream.depth, frame.depth), (Stream.ir, frame.ir), (Stream.colour, frame.colour)):
            if image is not None:
                self.add_image(stream, image, frame)

    def add_preview(self, preview: Preview) -> None:
        """Raises OSError."""
        offset = self._put(record_parts(Opcode.preview, *preview_payload(preview, self._preview_compressor)))
        self.contents.note(Stream.preview.value, offset, preview.mono_ns, preview.utc_ns)

    def add_gap(self, gap: Gap) -> None:
        """Raises OSError."""
        offset = self._put(record_parts(Opcode.gap, gap.model_dump_json().encode()))
        self.contents.note(GAP_KEY, offset, gap.start_mono_ns, None)

    def flush(self) -> None:
        """Makes all that was written durable. Raises OSError; the file is condemned then, whatever a later flush says."""
        self._flush(os.fdatasync)

    def _flush(self, flush: Callable[[int], None]) -> None:
        try:
            flush(self._descriptor)
        except OSError:
            self.condemned = True
            raise

    def seal(self, folder: Path) -> Sealed:
        """Index, footer, fsync, rename to `folder`/<sha256>.seg, fsync of both folders. Raises OSError."""
        index = record_parts(Opcode.index, self.contents.index().model_dump_json().encode())
        length = self.size_bytes + sum(len(part) for part in index) + FOOTER.size
        self._put([*index, FOOTER.pack(self.size_bytes, length, MAGIC)])
        self._flush(os.fsync)
        self.close()
        sha256 = self._hash.hexdigest()
        target = folder / f"{sha256}.seg"
        left, self.path = self.path.parent, self.path.rename(target)
        for changed in (folder, left):
            _sync_folder(changed)
        return Sealed(target, sha256, self.size_bytes)

    def close(self) -> None:
        """Lets go of the file as it is. Closing twice does nothing."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def _put(self, parts: list[bytes]) -> int:
        """Appends the pieces, whole or not at all; returns the offset at which they begin."""
        if self.condemned:
            raise OSError(errno.EIO, "an earlier flush of this file failed")
        offset = self.size_bytes
        total = sum(len(part) for part in parts)
        try:
            written = os.writev(self._descriptor, parts)
            if written < total:
                rest = memoryview(b"".join(parts))[written:]
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            os.ftruncate(self._descriptor, offset)
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            raise
        for part in parts:
            self._hash.update(part)
        self.size_bytes += total
        return offset


@dataclass(frozen=True, slots=True)
class Scan:
    """What scanning found: everything up to `good_bytes` holds; `torn` says in words why it stopped, or is empty."""

    header: SegmentHeader
    contents: Contents
    good_bytes: int
    torn: str


class SegmentReader:
    """Reads one segment, sealed or still open. Use it as a context manager, or close it.

    `sealed` is True when footer and index hold; otherwise the file was scanned and `torn` says where that ended.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._coder = ImageCoder()
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise Refused(f"The segment {path.name} cannot be opened: {error.strerror}.") from error
        try:
            self._load()
        except BaseException:
            self._file.close()
            raise

    def _load(self) -> None:
        self._size = os.fstat(self._file.fileno()).st_size
        self.header, self._first_record = _read_header(self._file, self.path.name)
        places = _read_index(self._file, self._size, self._first_record)
        self.sealed, self.torn = places is not None, ""
        if places is None:
            scan = _scan(self._file, self.header, self._first_record, self._size)
            places, self.torn = scan.contents.places, scan.torn
        self._places = places

    def __enter__(self) -> SegmentReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def counts(self) -> dict[Stream, int]:
        """How many records each stream has."""
        return {stream: len(self._places[stream.value]) for stream in Stream if self._places.get(stream.value)}

    def gaps(self) -> list[Gap]:
        """The gaps that ended inside this segment. Raises Refused at a damaged record."""
        return [read_contract(Gap, self._payload(offset, Opcode.gap)) for offset, _ in self._places.get(GAP_KEY, ())]

    def frames(
        self,
        streams: Collection[Stream] = RECORDED_STREAMS,
        start_mono_ns: int | None = None,
        end_mono_ns: int | None = None,
    ) -> Iterator[StreamImage]:
        """Images of those streams in the order of the file, mono_ns in [start, end). Raises Refused at damage."""
        for offset in self._offsets([stream.value for stream in streams], start_mono_ns, end_mono_ns):
            yield read_image(self._payload(offset, Opcode.image), self._coder)

    def previews(self, start_mono_ns: int | None = None, end_mono_ns: int | None = None) -> Iterator[Preview]:
        """Previews with mono_ns in [start, end), in the order of the file. Raises Refused at damage."""
        for offset in self._offsets([Stream.preview.value], start_mono_ns, end_mono_ns):
            yield read_preview(self._payload(offset, Opcode.preview))

    def _offsets(self, keys: Collection[str], start: int | None, end: int | None) -> list[int]:
        return sorted(
            offset
            for key in keys
            for offset, mono_ns in self._places.get(key, ())
            if (start is None or mono_ns >= start) and (end is None or mono_ns < end)
        )

    def _payload(self, offset: int, wanted: Opcode) -> bytes:
        found = _read_record(self._file, offset, self._size)
        if found is None or found[0] != wanted:
            raise Refused(f"The segment {self.path.name} is damaged at byte {offset}.", offset=offset)
        return found[1]


def scan_segment(path: Path) -> Scan:
    """Reads a file record by record up to the first that does not hold. Raises Refused when not even the header does."""
    with path.open("rb") as file:
        header, first_record = _read_header(file, path.name)
        return _scan(file, header, first_record, os.fstat(file.fileno()).st_size)


def hash_file(path: Path) -> str:
    """SHA-256 of the file's bytes, in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _scan(file: BinaryIO, header: SegmentHeader, first_record: int, size: int) -> Scan:
    contents, offset, coder = Contents(), first_record, ImageCoder()
    while offset < size:
        found = _read_record(file, offset, size)
        if found is None:
            return Scan(header, contents, offset, f"The record at byte {offset} of {size} is cut or damaged.")
        opcode, payload = found
        if opcode == Opcode.index:
            break
        try:
            _note(contents, opcode, payload, offset, coder)
        except Refused as error:
            return Scan(header, contents, offset, f"The record at byte {offset}: {error.sentence}")
        offset += RECORD_HEAD.size + len(payload) + RECORD_CRC.size
    return Scan(header, contents, offset, "")


def _note(contents: Contents, opcode: int, payload: bytes, offset: int, coder: ImageCoder) -> None:
    if opcode == Opcode.image:
        image = read_image(payload, coder)
        contents.note(image.stream.value, offset, image.mono_ns, image.utc_ns)
    elif opcode == Opcode.preview:
        preview = read_preview(payload)
        contents.note(Stream.preview.value, offset, preview.mono_ns, preview.utc_ns)
    elif opcode == Opcode.gap:
        contents.note(GAP_KEY, offset, read_contract(Gap, payload).start_mono_ns, None)


def _read_header(file: BinaryIO, name: str) -> tuple[SegmentHeader, int]:
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC:
        raise Refused(f"{name} is not a DeepEpil segment of version 0.")
    found = _read_record(file, len(MAGIC), size)
    if found is None or found[0] != Opcode.header:
        raise Refused(f"The header of the segment {name} is cut or damaged.")
    header = read_contract(SegmentHeader, found[1], _HEADER_LIMIT)
    if header.key.suite != "plain":
        raise Refused(f"The segment {name} is sealed with {header.key.suite}; this version reads plain ones only.")
    return header, len(MAGIC) + RECORD_HEAD.size + len(found[1]) + RECORD_CRC.size


def _read_record(file: BinaryIO, offset: int, size: int) -> tuple[int, bytes] | None:
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


def _read_index(file: BinaryIO, size: int, first_record: int) -> dict[str, list[list[int]]] | None:
    """The places by the index of a sealed file, or None when footer or index do not hold."""
    if size < first_record + FOOTER.size:
        return None
    file.seek(size - FOOTER.size)
    index_at, length, magic = FOOTER.unpack(file.read(FOOTER.size))
    if magic != MAGIC or length != size or not first_record <= index_at < size:
        return None
    found = _read_record(file, index_at, size)
    if found is None or found[0] != Opcode.index:
        return None
    try:
        return SegmentIndex.model_validate_json(found[1]).records
    except ValidationError as error:
        raise Refused(f"The index of a segment is refused: {sentence_of(error)}") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
