"""A segment file: written as a log that may be cut anywhere, sealed under its hash, read whole or by scanning.

Bytes are specified in docs/contracts/segment-format.md. The writer raises OSError when the disk fails; the reader raises
Refused for any bytes that break the format, and never gives data whose CRC does not hold.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import zstandard

from shared.clock_model import ClockModel
from shared.codec import Codec
from shared.codec.decoder import ImageDecoder
from shared.codec.encoder import StreamEncoder
from shared.contract import read_contract
from shared.errors import Refused
from shared.failpoints import hit
from shared.frame import RECORDED_STREAMS, Frame, Stream, Uint16Image
from shared.gap import Gap
from shared.imu import ImuSample
from shared.preview import Preview
from shared.segment_chain import StreamChain
from shared.segment_records import (
    FOOTER,
    MAGIC,
    MAX_IMU_SAMPLES,
    Opcode,
    SegmentHeader,
    StreamImage,
    checksum_of,
    image_head,
    imu_payload,
    preview_payload,
    read_image,
    read_imu,
    read_preview,
    record_parts,
)
from shared.segment_scan import (
    GAP_KEY,
    IMU_KEY,
    Contents,
    Scan,
    read_header,
    read_index,
    read_record,
    scan_records,
    scan_segment,
)

__all__ = ["Contents", "Scan", "Sealed", "SegmentReader", "SegmentWriter", "hash_file", "scan_segment"]


@dataclass(frozen=True, slots=True)
class Sealed:
    """What sealing made: the file under its final name."""

    path: Path
    sha256: str
    size_bytes: int


class SegmentWriter:
    """One growing segment. After any OSError the file must be condemned: nothing more is written to it."""

    def __init__(self, path: Path, header: SegmentHeader) -> None:
        self.path = path
        self.header = header
        self.contents = Contents()
        self.size_bytes = 0
        self.condemned = False
        self._hash = hashlib.sha256()
        self._encoders: dict[Stream, StreamEncoder] = {}
        self._preview_compressor = zstandard.ZstdCompressor(level=1)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            self._put([MAGIC, *record_parts(Opcode.header, header.model_dump_json().encode())])
            hit("after_segment_begin")
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
        writer._encoders, writer._preview_compressor = {}, zstandard.ZstdCompressor(level=1)
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
        parts: tuple[bytes, ...]
        if isinstance(image, bytes):
            codec, size, parts = Codec.jpeg, (0, 0), (image,)
        else:
            size = (image.shape[1], image.shape[0])
            codec, parts = self._encoder(stream).encode_parts(image, frame.mono_ns)
        times = (frame.index, frame.device_ns, frame.mono_ns, frame.utc_ns)
        head = image_head(stream, codec, size, times, checksum_of(image))
        try:
            offset = self._put(record_parts(Opcode.image, head, *parts))
        except (OSError, Refused):
            self._encoder(stream).restart()
            raise
        self.contents.note_image(stream, codec, offset, (frame.mono_ns, frame.utc_ns))

    def _encoder(self, stream: Stream) -> StreamEncoder:
        if stream not in self._encoders:
            self._encoders[stream] = StreamEncoder()
        return self._encoders[stream]

    def add_frame(self, frame: Frame) -> None:
        """Writes the images that the frame has, and its inertial samples. Raises OSError."""
        for stream, image in ((Stream.depth, frame.depth), (Stream.ir, frame.ir), (Stream.colour, frame.colour)):
            if image is not None:
                self.add_image(stream, image, frame)
        self.add_imu(frame.imu)

    def add_preview(self, preview: Preview) -> None:
        """Raises OSError."""
        offset = self._put(record_parts(Opcode.preview, *preview_payload(preview, self._preview_compressor)))
        self.contents.note(Stream.preview.value, offset, preview.mono_ns, preview.utc_ns)

    def add_gap(self, gap: Gap) -> None:
        """Raises OSError."""
        offset = self._put(record_parts(Opcode.gap, gap.model_dump_json().encode()))
        self.contents.note(GAP_KEY, offset, gap.start_mono_ns, None)

    def add_imu(self, samples: tuple[ImuSample, ...]) -> None:
        """Inertial samples in the order of their arrival. Raises OSError."""
        for start in range(0, len(samples), MAX_IMU_SAMPLES):
            batch = samples[start : start + MAX_IMU_SAMPLES]
            offset = self._put(record_parts(Opcode.imu, imu_payload(batch)))
            self.contents.note(IMU_KEY, offset, batch[0].mono_ns, None)

    def flush(self) -> None:
        """Makes all that was written durable. Raises OSError; the file is condemned then, whatever a later flush says."""
        with self._condemned_by_failure():
            os.fdatasync(self._descriptor)
            hit("after_segment_flush")

    @contextmanager
    def _condemned_by_failure(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self.condemned = True
            raise

    def seal(self, folder: Path, clock: ClockModel | None = None) -> Sealed:
        """Index, footer, fsync, rename to `folder`/<sha256>.seg, fsync of both folders. Raises OSError."""
        hit("before_segment_footer")
        index = record_parts(Opcode.index, self.contents.index(clock).model_dump_json().encode())
        length = self.size_bytes + sum(len(part) for part in index) + FOOTER.size
        self._put([*index, FOOTER.pack(self.size_bytes, length, MAGIC)])
        hit("after_segment_footer")
        with self._condemned_by_failure():
            os.fsync(self._descriptor)
            hit("after_segment_fsync")
        self.close()
        sha256 = self._hash.hexdigest()
        target = folder / f"{sha256}.seg"
        left, self.path = self.path.parent, self.path.rename(target)
        hit("after_segment_rename")
        for changed in (folder, left):
            _sync_folder(changed)
        hit("after_segment_folder_fsync")
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
            self.condemned = True  # unless the torn piece can be cut off again
            os.ftruncate(self._descriptor, offset)
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            self.condemned = False
            raise
        for part in parts:
            self._hash.update(part)
        self.size_bytes += total
        return offset


class SegmentReader:
    """Reads one segment, sealed or still open. Use it as a context manager, or close it.

    `sealed` is True when footer and index hold; otherwise the file was scanned and `torn` says where that ended.
    `clock` is the fit of the three clocks over the segment, or None when it has none or the file is not sealed.
    """

    def __init__(self, path: Path, opened: BinaryIO | None = None) -> None:
        """opened: where the bytes come from when they lie in no file here; the reader closes it, `path` is then a name alone."""
        self.path = path
        self._decoder = ImageDecoder()
        try:
            self._file = opened or path.open("rb")
        except OSError as error:
            raise Refused(f"The segment {path.name} cannot be opened: {error.strerror}.") from error
        try:
            self._load()
        except BaseException:
            self._file.close()
            raise

    def _load(self) -> None:
        self._size = self._file.seek(0, os.SEEK_END)
        self.header, self._first_record = read_header(self._file, self.path.name)
        index = read_index(self._file, self._size, self._first_record)
        self.sealed, self.torn, self.clock = index is not None, "", index.clock if index else None
        if index is None:
            scan = scan_records(self._file, self.header, self._first_record, self._size)
            self._places, self.torn, keys = scan.contents.places, scan.torn, scan.contents.keys()
        else:
            self._places, keys = index.records, index.keys
        self._chains = {
            stream: StreamChain(partial(self._image, stream), keys.get(stream), self._decoder)
            for stream in RECORDED_STREAMS
        }

    def __enter__(self) -> SegmentReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of file and chains: they refer back to the reader, and who reads a whole day cannot wait for the collector."""
        self._file.close()
        self._chains = {}

    def counts(self) -> dict[Stream, int]:
        """How many records each stream has."""
        return {stream: len(self._places[stream.value]) for stream in Stream if self._places.get(stream.value)}

    def span_ns(self) -> tuple[int, int] | None:
        """First and last monotonic time of its images and previews, None without any."""
        times_ns = [mono_ns for stream in Stream for _, mono_ns in self._places.get(stream.value, ())]
        return (min(times_ns), max(times_ns)) if times_ns else None

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
        chosen = sorted(
            (offset, position, stream)
            for stream in set(streams)
            for position, (offset, mono_ns) in enumerate(self._places.get(stream.value, ()))
            if (start_mono_ns is None or mono_ns >= start_mono_ns) and (end_mono_ns is None or mono_ns < end_mono_ns)
        )
        for _, position, stream in chosen:
            yield self._image(stream, position)

    def _image(self, stream: Stream, position: int) -> StreamImage:
        offset = self._places[stream.value][position][0]
        payload = self._payload(offset, Opcode.image)
        return read_image(payload, partial(self._chains[stream].decode, position))

    def previews(self, start_mono_ns: int | None = None, end_mono_ns: int | None = None) -> Iterator[Preview]:
        """Previews with mono_ns in [start, end), in the order of the file. Raises Refused at damage."""
        for offset in self._offsets([Stream.preview.value], start_mono_ns, end_mono_ns):
            yield read_preview(self._payload(offset, Opcode.preview))

    def imu(self, start_mono_ns: int | None = None, end_mono_ns: int | None = None) -> Iterator[ImuSample]:
        """Inertial samples with mono_ns in [start, end), in the order of the file. Raises Refused at damage."""
        for offset in self._offsets([IMU_KEY], None, end_mono_ns):
            for sample in read_imu(self._payload(offset, Opcode.imu)):
                if (start_mono_ns is None or sample.mono_ns >= start_mono_ns) and (
                    end_mono_ns is None or sample.mono_ns < end_mono_ns
                ):
                    yield sample

    def _offsets(self, keys: Collection[str], start: int | None, end: int | None) -> list[int]:
        return sorted(
            offset
            for key in keys
            for offset, mono_ns in self._places.get(key, ())
            if (start is None or mono_ns >= start) and (end is None or mono_ns < end)
        )

    def _payload(self, offset: int, wanted: Opcode) -> bytes:
        if self._file.closed:
            raise Refused(f"The segment {self.path.name} was closed before this record of it was read.")
        found = read_record(self._file, offset, self._size)
        if found is None or found[0] != wanted:
            raise Refused(f"The segment {self.path.name} is damaged at byte {offset}.", offset=offset)
        return found[1]


def hash_file(path: Path) -> str:
    """SHA-256 of the file's bytes, in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
