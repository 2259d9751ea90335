"""What the recorder does before its first frame: finishes what a crash left half done, and finds where the account stopped."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge_agent.ring.catalogue import SegmentRow, insert_gap, insert_segment
from edge_agent.ring.folder import OPEN, QUARANTINE, SEGMENTS, sync_folder
from edge_agent.ring.ledger import Moment
from edge_agent.ring.segment_store import row_of
from shared.clock import NS_PER_S
from shared.errors import Refused
from shared.frame import Stream
from shared.gap import GapCause
from shared.segment import Sealed, SegmentReader, SegmentWriter, hash_file, scan_segment


@dataclass(frozen=True, slots=True)
class Recovered:
    """What recovery did: segments that it sealed or took into the catalogue, files that it put into quarantine."""

    sealed: list[SegmentRow]
    quarantined: list[str]


@dataclass(frozen=True, slots=True)
class Account:
    """Up to where a stream is accounted for, and to what it is lost since."""

    stream: Stream
    cause: GapCause
    until: Moment


def recover(folder: Path, connection: sqlite3.Connection) -> Recovered:
    """Open files are cut and sealed, sealed files without a row get one, removals that were begun are finished.

    Raises OSError when the disk does not let it; no data is given up then.
    """
    finish_removals(folder, connection)
    sealed: list[SegmentRow] = []
    quarantined: list[str] = []
    for path in sorted((folder / OPEN).iterdir()):
        _sort_in(path, partial(_seal_open, path, folder), sealed, quarantined)
    for path in _uncatalogued(folder, connection, {row.file for row in sealed}):
        _sort_in(path, partial(_row_of_sealed, path), sealed, quarantined)
    for row in sealed:
        insert_segment(connection, row)
        with SegmentReader(row.path(folder)) as reader:
            for gap in reader.gaps():
                insert_gap(connection, gap)
    return Recovered(sealed, quarantined)


def _uncatalogued(folder: Path, connection: sqlite3.Connection, sealed: set[str]) -> list[Path]:
    """Sealed files that no row names. Files are listed first: the evictor may be removing some meanwhile."""
    paths = sorted((folder / SEGMENTS).iterdir())
    rows = connection.execute("SELECT file FROM segments UNION SELECT file FROM garbage")
    known = {row["file"] for row in rows} | sealed
    return [path for path in paths if path.name not in known and path.exists()]


def _sort_in(
    path: Path, take: Callable[[], SegmentRow | None], sealed: list[SegmentRow], quarantined: list[str]
) -> None:
    try:
        row = take()
    except Refused:
        quarantine = path.parent.parent / QUARANTINE
        path.rename(quarantine / path.name)
        sync_folder(quarantine)
        sync_folder(path.parent)
        quarantined.append(path.name)
        return
    if row is not None:
        sealed.append(row)


def _seal_open(path: Path, folder: Path) -> SegmentRow | None:
    """Cuts the file after its last whole record and seals it; an empty one goes away. Raises Refused without a header."""
    writer = SegmentWriter.resume(path)
    if writer.contents.first is None:
        writer.close()
        path.unlink()
        return None
    sealed = writer.seal(folder / SEGMENTS)
    return row_of(writer.header, writer.contents, sealed, _period_ns(writer.header.camera.frames_per_s))


def _row_of_sealed(path: Path) -> SegmentRow:
    """The row of a file that was renamed and not catalogued. Raises Refused when its bytes are not what its name says."""
    sha256 = hash_file(path)
    if path.name != f"{sha256}.seg":
        raise Refused(f"The file {path.name} does not hold the bytes that its name says.")
    scan = scan_segment(path)
    sealed = Sealed(path, sha256, path.stat().st_size)
    return row_of(scan.header, scan.contents, sealed, _period_ns(scan.header.camera.frames_per_s))


def _period_ns(frames_per_s: float) -> int:
    return round(NS_PER_S / frames_per_s)


def finish_removals(folder: Path, connection: sqlite3.Connection) -> None:
    """Unlinks what the garbage list names, then drops it from the list. Raises OSError."""
    names = [row["file"] for row in connection.execute("SELECT file FROM garbage")]
    for name in names:
        (folder / SEGMENTS / name).unlink(missing_ok=True)
    if names:
        sync_folder(folder / SEGMENTS)
        connection.executemany("DELETE FROM garbage WHERE file = ?", [(name,) for name in names])


def accounts(connection: sqlite3.Connection, boot_id: str) -> Iterator[Account]:
    """For each stream of the newest segment or gaps: where its account ends. Nothing for a bed that never recorded."""
    newest = connection.execute("SELECT boot_id FROM segments ORDER BY sequence DESC LIMIT 1").fetchone()
    newest_gap = connection.execute("SELECT boot_id FROM gaps ORDER BY gap_id DESC LIMIT 1").fetchone()
    last_boot = (newest or newest_gap or {"boot_id": None})["boot_id"]
    if newest_gap is not None and newest_gap["boot_id"] == boot_id:
        last_boot = boot_id
    for stream in (Stream.depth, Stream.ir, Stream.colour):
        until = _accounted(connection, last_boot, stream)
        if until is None:
            continue
        if last_boot == boot_id:
            yield Account(stream, GapCause.restart, until)
        else:
            yield Account(stream, GapCause.power, Moment(0, until.utc_ns))


def _accounted(connection: sqlite3.Connection, boot_id: str | None, stream: Stream) -> Moment | None:
    """The end of the newest segment of a boot that holds the stream, or of its newest gap, whichever is later."""
    found = connection.execute(
        "SELECT end_mono_ns, end_utc_ns FROM (SELECT end_mono_ns, end_utc_ns FROM segments WHERE boot_id = :boot "
        "AND json_extract(frames, '$.' || :stream) > 0 UNION ALL SELECT end_mono_ns, end_utc_ns FROM gaps "
        "WHERE boot_id = :boot AND stream = :stream) ORDER BY end_mono_ns DESC LIMIT 1",
        {"boot": boot_id, "stream": stream.value},
    ).fetchone()
    return None if found is None else Moment(found["end_mono_ns"], found["end_utc_ns"])
