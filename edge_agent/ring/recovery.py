"""What the recorder does before its first frame: finishes what a crash left half done, and finds where the account stopped.

The recorder may not wait for thousands of left files: beyond its time they get the name `*.left`, and the evictor's process
takes them in one by one (`LaterRecovery`).
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.ring.catalogue import SegmentRow, insert_gap, insert_segment, row_of_found
from edge_agent.ring.folder import OPEN, SEGMENTS, sync_folder
from edge_agent.ring.ledger import Moment
from edge_agent.ring.look_back import look_back
from edge_agent.ring.lost_tail import lost_spans
from edge_agent.ring.quarantine import put_aside
from edge_agent.ring.segment_store import row_of, span_of
from shared.clock import NS_PER_S, Clock
from shared.errors import Refused
from shared.failpoints import hit
from shared.frame import Stream
from shared.gap import Gap, GapCause
from shared.lane import Lane
from shared.segment import Contents, Sealed, SegmentReader, SegmentWriter, hash_file, scan_segment
from shared.segment_records import SegmentHeader

START_LIMIT_NS = 4 * NS_PER_S
"""The recorder is to be back within 10 s: so long it may take in what was left before it records."""
LEFT = ".left"
SWEEP_PERIOD_NS = 3600 * NS_PER_S
_NAMES_A_TURN = 2_000
_NAMES_BETWEEN_LOOKS = 100
_NEWEST_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Recovered:
    """What recovery did: segments that it sealed or took into the catalogue, files in quarantine, files left for later."""

    sealed: list[SegmentRow] = field(default_factory=list)
    quarantined: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Account:
    """Up to where a stream is accounted for, and to what it is lost since."""

    stream: Stream
    cause: GapCause
    until: Moment


def recover(folder: Path, connection: sqlite3.Connection, clock: Clock | None = None) -> Recovered:
    """Open files are cut and sealed, sealed files without a row get one, removals that were begun are finished.

    With a clock it ends after about `START_LIMIT_NS`, the newest open files first. Raises OSError when the disk does not
    let it; no data is given up then.
    """
    finish_removals(folder, connection)
    finish_quarantines(folder, connection)
    done = Recovered()
    until_ns = None if clock is None else clock.monotonic_ns() + START_LIMIT_NS

    def late() -> bool:
        return clock is not None and until_ns is not None and clock.monotonic_ns() >= until_ns

    for path in sorted((folder / OPEN).glob("*.part"), reverse=True):
        if late():
            path.rename(path.with_suffix(LEFT))
            done.left.append(path.name)
        else:
            _take_in(path, folder, connection, done)
    for path in [] if clock is not None else sorted((folder / OPEN).glob(f"*{LEFT}"), reverse=True):
        _take_in(path, folder, connection, done)
    for number, orphan in enumerate(_looked_at(folder, connection)):
        if (orphan is not None or number % _NAMES_BETWEEN_LOOKS == 0) and late():
            break
        if orphan is not None:
            _take_in(orphan, folder, connection, done)
    return done


class LaterRecovery:
    """What the recorder's start left, taken in a little at a time; a whole sweep of the sealed files each hour."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, clock: Clock) -> None:
        self._folder, self._connection, self._clock = folder, connection, clock
        self._next_sweep_ns = clock.monotonic_ns()
        self._sweep: Iterator[Path | None] = iter(())

    def turn(self) -> Recovered:
        """At most one file taken in, some thousand names looked at. Raises OSError or sqlite3.OperationalError."""
        done = Recovered()
        left = next((self._folder / OPEN).glob(f"*{LEFT}"), None)
        if left is not None:
            _take_in(left, self._folder, self._connection, done)
            return done
        if self._clock.monotonic_ns() >= self._next_sweep_ns:
            self._next_sweep_ns = self._clock.monotonic_ns() + SWEEP_PERIOD_NS
            self._sweep = _looked_at(self._folder, self._connection)
        for _ in range(_NAMES_A_TURN):
            try:
                path = next(self._sweep)
            except StopIteration:
                break
            if path is not None:
                _take_in(path, self._folder, self._connection, done)
                break
        return done


def uncatalogued(folder: Path, connection: sqlite3.Connection) -> Iterator[Path]:
    """Sealed files that no row names, whatever else lies there included; the evictor may be removing some meanwhile."""
    return (path for path in _looked_at(folder, connection) if path is not None)


def _looked_at(folder: Path, connection: sqlite3.Connection) -> Iterator[Path | None]:
    """One entry a sealed file: its path when no row names it, else None. Names are asked one by one: no list grows."""
    catalogued = "SELECT 1 FROM segments WHERE file = ?"
    listed = "SELECT 1 FROM garbage WHERE file = :file UNION ALL SELECT 1 FROM damaged WHERE file = :file"
    with os.scandir(folder / SEGMENTS) as entries:
        for entry in entries:
            known = connection.execute(catalogued, (entry.name,)).fetchone()
            known = known or connection.execute(listed, {"file": entry.name}).fetchone()
            yield Path(entry.path) if known is None and os.path.lexists(entry.path) else None


def _take_in(path: Path, folder: Path, connection: sqlite3.Connection, done: Recovered) -> None:
    """One left file becomes a catalogued segment, or goes into quarantine, or away when it is empty."""
    try:
        row = _seal_open(path, folder, connection) if path.parent.name == OPEN else _row_of_sealed(path)
        gaps = [] if row is None else _gaps_of(row.path(folder))
    except Refused:
        put_aside(folder, path)
        done.quarantined.append(path.name)
        return
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        put_aside(folder, path)
        done.quarantined.append(path.name)
        return
    if row is not None:
        for gap in gaps:
            insert_gap(connection, gap)
        insert_segment(connection, row)
        done.sealed.append(row)


def _gaps_of(path: Path) -> list[Gap]:
    with SegmentReader(path) as reader:
        return reader.gaps()


def _seal_open(path: Path, folder: Path, connection: sqlite3.Connection) -> SegmentRow | None:
    """Cuts the file after its last whole record and seals it; an empty one goes away. Raises Refused without a header.

    Its clocks are fitted, and losses among its frames that nobody came to tell are written into it.
    """
    forget_cached(path)
    writer = SegmentWriter.resume(path)
    hit("after_recovery_cut")
    if writer.contents.first is None:
        writer.close()
        path.unlink()
        return None
    found = look_back(path, connection)
    for gap in found.untold:
        writer.add_gap(gap)
    sealed = writer.seal(folder / SEGMENTS, found.clock)
    hit("after_recovery_seal")
    return _row_of(writer.header, writer.contents, sealed)


def _row_of_sealed(path: Path) -> SegmentRow:
    """The row of a file that was renamed and not catalogued. Raises Refused when its bytes are not what its name says."""
    forget_cached(path)
    sha256 = hash_file(path)
    if path.name != f"{sha256}.seg":
        raise Refused(f"The file {path.name} does not hold the bytes that its name says.")
    scan = scan_segment(path)
    sealed = Sealed(path, sha256, path.stat().st_size)
    return _row_of(scan.header, scan.contents, sealed)


def forget_cached(path: Path) -> None:
    """Asks the kernel to read the file from the disk again: after a failed flush its memory holds what the disk does not."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _row_of(header: SegmentHeader, contents: Contents, sealed: Sealed) -> SegmentRow:
    camera = header.camera
    rate = camera.colour_per_s if header.lane is Lane.colour else 0.0
    first, last = contents.first or (0, 0), contents.last or (0, 0)
    span = span_of(first, last, round(NS_PER_S / (rate or camera.frames_per_s)))
    return row_of(header, contents.counts(), span, sealed)


def finish_removals(folder: Path, connection: sqlite3.Connection) -> None:
    """Unlinks what the garbage list names, then drops it from the list. Raises OSError."""
    names = [row["file"] for row in connection.execute("SELECT file FROM garbage")]
    for name in names:
        (folder / SEGMENTS / name).unlink(missing_ok=True)
    if names:
        hit("after_eviction_unlink")
        sync_folder(folder / SEGMENTS)
        connection.executemany("DELETE FROM garbage WHERE file = ?", [(name,) for name in names])


def finish_quarantines(folder: Path, connection: sqlite3.Connection) -> None:
    """Moves what the list of damaged segments names and the ring still holds into quarantine. Raises OSError."""
    for row in connection.execute("SELECT file FROM damaged").fetchall():
        path = folder / SEGMENTS / row["file"]
        if path.exists():
            put_aside(folder, path)


def accounts(folder: Path, connection: sqlite3.Connection, boot_id: str) -> Iterator[Account]:
    """For each stream of the newest segment or gaps: where its account ends. Nothing for a bed that never recorded.

    What was lost before a segment or a gap, and told by none, becomes a gap here.
    """
    newest = connection.execute(
        "SELECT boot_id FROM segments WHERE sequence = (SELECT MAX(sequence) FROM segments)"
    ).fetchone()
    newest_gap = connection.execute("SELECT boot_id FROM gaps ORDER BY gap_id DESC LIMIT 1").fetchone()
    last_boot = (newest or newest_gap or {"boot_id": None})["boot_id"]
    if newest_gap is not None and newest_gap["boot_id"] == boot_id:
        last_boot = boot_id
    for stream in (Stream.depth, Stream.ir, Stream.colour):
        until = _accounted(connection, last_boot, stream)
        if until is None:
            until = _begun_without(stream, folder, connection, last_boot)
        if until is None:
            continue
        cause = GapCause.restart if last_boot == boot_id else GapCause.power
        for gap in list(lost_spans(connection, str(last_boot), stream, cause)):
            insert_gap(connection, gap)
        yield Account(stream, cause, until if last_boot == boot_id else Moment(0, until.utc_ns))


def _begun_without(
    stream: Stream, folder: Path, connection: sqlite3.Connection, boot_id: str | None
) -> Moment | None:  # fmt: skip
    """Where a boot began of which only files of the other lane are left: the file with this stream was lost with its first second.

    None when a file of the stream's own lane is there, and for colour of a camera that gives none.
    """
    found = connection.execute(
        "SELECT * FROM segments WHERE boot_id = ? ORDER BY start_mono_ns LIMIT 1", (boot_id,)
    ).fetchone()
    row = None if found is None else row_of_found(found)
    if row is None or row.lane.holds(stream):
        return None
    begun = Moment(row.start_mono_ns, row.start_utc_ns)
    if stream is not Stream.colour:
        return begun
    try:
        with SegmentReader(row.path(folder)) as reader:
            return begun if reader.header.camera.colour_per_s > 0 else None
    except Refused:
        return None


def _accounted(connection: sqlite3.Connection, boot_id: str | None, stream: Stream) -> Moment | None:
    """The end of the newest segment of a boot that holds the stream, or of its newest gap, whichever is later."""
    newest = connection.execute(
        "SELECT end_mono_ns, end_utc_ns FROM (SELECT * FROM segments WHERE boot_id = ? ORDER BY start_mono_ns DESC LIMIT ?) "
        "WHERE json_extract(frames, '$.' || ?) > 0 LIMIT 1",
        (boot_id, _NEWEST_ROWS, stream.value),
    ).fetchone()
    gap = connection.execute(
        "SELECT end_mono_ns, end_utc_ns FROM gaps WHERE boot_id = ? AND stream = ? ORDER BY end_mono_ns DESC LIMIT 1",
        (boot_id, stream.value),
    ).fetchone()
    found = max(
        (each for each in (newest, gap) if each is not None), key=lambda each: each["end_mono_ns"], default=None
    )
    return None if found is None else Moment(found["end_mono_ns"], found["end_utc_ns"])
