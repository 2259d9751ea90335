"""An excerpt as a file or a folder: written beside its place under another name, renamed when it is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, TextIO
from uuid import uuid4

from shared.errors import Refused
from shared.export.excerpt import Excerpt, ExportSummary, Progress, export
from shared.export.kinect import obstacle
from shared.export.mcap_file import McapWriter
from shared.export.mkv import MkvWriter
from shared.export.numpy_folder import SUMMARY_FILE, NumpyFolder, zipped
from shared.frame import CameraInfo, Stream

LONGEST_NS = 3600 * 1_000_000_000
"""An export covers an hour at most: that is up to 100 GB of pictures."""
TOLD_NS = 30 * 1_000_000_000
SPARE_BYTES = 256 * 1024 * 1024
"""Room that an export leaves on the disk beside depth and infrared: colour, and what others need."""


class NoRoom(Refused):
    """The disk cannot hold the export."""


class ExportFormat(StrEnum):
    """What an excerpt is written as."""

    mkv = "mkv"
    """Matroska as the Azure Kinect SDK writes it."""
    mcap = "mcap"
    """MCAP with Foxglove's messages."""
    numpy = "numpy"
    """A folder of .npy and .jpg files; a zip file where the name ends so."""


def check_length(start_utc_ns: int, end_utc_ns: int) -> None:
    """Raises Refused for a span that is empty or over an hour."""
    if end_utc_ns <= start_utc_ns:
        raise Refused("The span is empty: its end must lie after its start.")
    if end_utc_ns - start_utc_ns > LONGEST_NS:
        raise Refused(f"The span is {(end_utc_ns - start_utc_ns) / 1e9:.0f} s long; one export covers 3600 s at most.")


def write_export(
    excerpt: Excerpt, form: ExportFormat, out: Path, progress: Progress, *, force: bool = False
) -> ExportSummary:
    """Writes the excerpt to `out`, whole or not at all.

    Raises Refused when there is nothing, when the span is over the limit, when `out` is there (unless `force`) or when the
    disk cannot hold it.
    """
    check_length(excerpt.start_utc_ns, excerpt.end_utc_ns)
    if not excerpt.pieces:
        raise Refused("Nothing was recorded in this span.")
    if (out.exists() or out.is_symlink()) and not force:
        raise Refused(f"{out} is there already; choose another name, or --force to replace it.")
    if out.is_dir() and not (form is ExportFormat.numpy and (out / SUMMARY_FILE).is_file()):
        raise Refused(f"{out} is a folder and no earlier export; it is not replaced.")
    if not out.parent.is_dir():
        raise Refused(f"The folder {out.parent} does not exist.")
    part = out.with_name(f".{out.name}.{uuid4().hex[:8]}.part")
    try:
        summary = _write(excerpt, form, part, progress, as_zip=out.suffix == ".zip")
        _put_in_place(part, out)
    except OSError as error:
        raise Refused(f"{out} cannot be written: {error.strerror or error}.") from error
    finally:
        _remove(part)
        _remove(part.with_name(part.name + ".folder"))
    return summary


def note_of(summary: ExportSummary, form: ExportFormat) -> str | None:
    """What a user of the file must know beforehand, in a sentence; None when there is nothing."""
    return obstacle(summary.camera, tuple(summary.frames)) if form is ExportFormat.mkv else None


def progress_on(stream: TextIO) -> Progress:
    """A line at each tenth of an export that is longer than half a minute of recording."""
    told = 0

    def tell(done_ns: int, all_ns: int) -> None:
        nonlocal told
        tenth = 10 * done_ns // max(1, all_ns)
        if all_ns > TOLD_NS and tenth > told:
            told = tenth
            print(f"{done_ns / 1e9:.0f} of {all_ns / 1e9:.0f} s", file=stream, flush=True)

    return tell


def _write(excerpt: Excerpt, form: ExportFormat, part: Path, progress: Progress, *, as_zip: bool) -> ExportSummary:
    def check_room(camera: CameraInfo) -> None:
        _check_room(part.parent, raw_bytes(excerpt, camera) * (2 if as_zip else 1))

    if form is ExportFormat.numpy:
        folder = part.with_name(part.name + ".folder") if as_zip else part
        folder.mkdir(mode=0o700)
        summary = export(excerpt, NumpyFolder(folder, excerpt.gaps), progress, check_room)
        if as_zip:
            _write_pieces(part, zipped(folder))
        return summary
    with _new_file(part) as sink:
        of_mkv = form is ExportFormat.mkv
        writer = MkvWriter(sink, excerpt.gaps, excerpt.start_utc_ns) if of_mkv else McapWriter(sink, excerpt.gaps)
        return export(excerpt, writer, progress, check_room)


def raw_bytes(excerpt: Excerpt, camera: CameraInfo) -> int:
    """What depth and infrared of the excerpt take at most when they are not compressed; colour comes on top."""
    by_rate = int(camera.frames_per_s * excerpt.length_ns / 1e9) + 1
    pictures = sum(
        min(by_rate, sum(piece.frames.get(stream, 0) for piece in excerpt.pieces))
        for stream in (Stream.depth, Stream.ir)
    )
    return pictures * 2 * camera.depth_width * camera.depth_height


def _check_room(folder: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed_bytes + SPARE_BYTES:
        raise NoRoom(
            f"The disk of {folder} has {free >> 20} MiB free; this export needs {(needed_bytes + SPARE_BYTES) >> 20} MiB.",
            free_bytes=free, needed_bytes=needed_bytes,
        )  # fmt: skip


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A new file for its owner alone, durable when the block ends. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w+b") as file:
        yield file
        file.flush()
        os.fsync(descriptor)


def _write_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    with _new_file(path) as file:
        file.writelines(pieces)


def _put_in_place(part: Path, out: Path) -> None:
    """A file replaces a file at once. A folder's predecessor is put aside first, and removed when the new one stands."""
    if not out.exists() or not (out.is_dir() or part.is_dir()):
        part.rename(out)
        return
    aside = part.with_name(part.name + ".old")
    out.rename(aside)
    part.rename(out)
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
