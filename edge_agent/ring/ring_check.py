"""Proves the ring's invariants from outside (DESIGN §7: I1, I2, I3, I7): reads the folder, changes nothing, names each fault.

Rows are read in pages and names one by one: memory does not grow with the ring, and the time grows with it in a line.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.database import REPAIR, database_path, refuse_other_tables
from edge_agent.ring.catalogue import SegmentRow, merged, segments_in_order
from edge_agent.ring.damage import damaged_lines
from edge_agent.ring.folder import OPEN, QUARANTINE, SEGMENTS, read_identity
from edge_agent.ring.opening import sound_identity
from edge_agent.ring.recovery import LEFT, uncatalogued
from edge_agent.ring.time_check import time_faults
from shared.errors import Broken, Refused
from shared.segment import SegmentReader, hash_file

MOST_TOLD = 1_000
Progress = Callable[[int, int, int], None]
"""Hears segments done, segments in all, bytes read."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken invariant, in a sentence."""

    invariant: str
    sentence: str


@dataclass(slots=True)
class Report:
    """What the check saw. `faults` and `notes` hold the first thousand; `fault_count` counts all."""

    segments: int = 0
    size_bytes: int = 0
    read_data: bool = False
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0
    notes: list[str] = field(default_factory=list)
    """What is no fault and worth knowing: files in quarantine, segments that were found damaged."""

    def add(self, fault: Fault) -> None:
        """Counts a fault and keeps it while there is room."""
        self.fault_count += 1
        if len(self.faults) < MOST_TOLD:
            self.faults.append(fault)

    @property
    def sentence(self) -> str:
        seen = f"{self.segments} segments, {self.size_bytes} bytes"
        depth = "every byte was read" if self.read_data else "bytes were not read (--read-data does)"
        verdict = f"{self.fault_count} faults" if self.fault_count else "I1, I2, I3 and I7 hold"
        return f"{verdict}: {seen}, {depth}"


def check_ring(folder: Path, *, read_data: bool = False, progress: Progress = lambda *_: None) -> Report:
    """All faults of a bed's folder; the agent may run meanwhile. Raises Misconfigured when it is no bed's folder."""
    identity = read_identity(folder)
    report = Report(read_data=read_data)
    connection = _read_only(folder)
    try:
        sentence = sound_identity(connection, folder, identity)
        if sentence is not None:
            report.add(Fault("I1", sentence))
        strays = [path for path, _ in zip(uncatalogued(folder, connection), range(MOST_TOLD), strict=False)]
        _check_rows(folder, connection, report, progress)
        for fault in _faults_of_names(folder, strays, connection):
            report.add(fault)
        for fault in _faults_of_pins(connection):
            report.add(fault)
        for found in time_faults(connection):
            report.add(Fault("I7", found.sentence))
        report.notes += [*damaged_lines(connection), *_quarantined(folder)]
    except sqlite3.DatabaseError as error:
        raise Broken(
            f"The database {database_path(folder)} cannot be read: {error}; {REPAIR.format(folder=folder)}."
        ) from error
    finally:
        connection.close()
    return report


def _read_only(folder: Path) -> sqlite3.Connection:
    path = database_path(folder)
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        connection.row_factory = sqlite3.Row
        connection.execute("SELECT 1 FROM ring_sums")
        refuse_other_tables(connection, folder)
    except sqlite3.DatabaseError as error:
        raise Broken(f"The database {path} cannot be read: {error}; {REPAIR.format(folder=folder)}.") from error
    return connection


def _check_rows(folder: Path, connection: sqlite3.Connection, report: Report, progress: Progress) -> None:
    sums = connection.execute("SELECT segments, size_bytes, length_ns FROM ring_sums").fetchone()
    for row in segments_in_order(connection):
        report.segments += 1
        report.size_bytes += row.size_bytes
        for fault in faults_of_file(folder, row, connection, read_data=report.read_data):
            report.add(fault)
        progress(report.segments, sums["segments"], report.size_bytes if report.read_data else 0)
    wrong = connection.execute(
        "SELECT 1 FROM ring_sums AS k, (SELECT count(*) AS n, COALESCE(SUM(size_bytes), 0) AS b, "
        "COALESCE(SUM((lane <> 'colour') * (end_mono_ns - start_mono_ns)), 0) AS l FROM segments) WHERE (k.segments, k.size_bytes, k.length_ns) "
        "<> (n, b, l)"
    ).fetchone()
    if wrong is not None:
        report.add(Fault("I1", "The sums that the catalogue keeps are not those of its rows."))


def _still_there(connection: sqlite3.Connection, row: SegmentRow) -> bool:
    """The evictor may have taken the segment since the rows were read."""
    return connection.execute("SELECT 1 FROM segments WHERE sha256 = ?", (row.sha256,)).fetchone() is not None


def faults_of_file(
    folder: Path, row: SegmentRow, connection: sqlite3.Connection, *, read_data: bool
) -> Iterator[Fault]:
    """What is wrong with the file of one row: at most one fault."""
    path = row.path(folder)
    try:
        size = path.stat().st_size
        if row.file != f"{row.sha256}.seg":
            yield Fault("I1", f"Segment {row.sequence} ({row.file}) is not named by its hash {row.sha256}.")
            return
        if size != row.size_bytes:
            yield Fault(
                "I1", f"Segment {row.sequence} ({row.file}) has {size} bytes; the catalogue says {row.size_bytes}."
            )
            return
        if read_data and hash_file(path) != row.sha256:
            yield Fault("I1", f"Segment {row.sequence} ({row.file}) does not hold the bytes that its hash names.")
            return
        _check_contents(path, row, read_data=read_data)
    except FileNotFoundError:
        if _still_there(connection, row):
            yield Fault("I1", f"Segment {row.sequence} ({row.file}) is in the catalogue and not on the disk.")
    except OSError as error:
        yield Fault("I1", f"Segment {row.sequence} ({row.file}) cannot be read: {error.strerror}.")
    except Refused as error:
        if _still_there(connection, row):
            yield Fault("I1", f"Segment {row.sequence} ({row.file}): {error.sentence}")


def _check_contents(path: Path, row: SegmentRow, *, read_data: bool) -> None:
    """Raises Refused when header, index or (with `read_data`) any image is not what the row says."""
    with SegmentReader(path) as reader:
        header = reader.header
        if not reader.sealed:
            raise Refused("footer or index do not hold.")
        names = (header.segment_id, header.boot_id, header.sequence, header.stay_id, header.lane)
        told = (row.segment_id, row.boot_id, row.sequence, row.stay_id, row.lane)
        if names != told or reader.counts() != row.frames:
            raise Refused("header and index do not say what the catalogue says.")
        if read_data:
            for image in reader.frames():
                image.image()
            for _ in reader.previews():
                pass
            reader.gaps()


def _faults_of_names(folder: Path, strays: list[Path], connection: sqlite3.Connection) -> Iterator[Fault]:
    """`strays` had no row when the check began; one that was sealed just then has its row by now."""
    for row in connection.execute("SELECT file FROM garbage JOIN segments USING (file) ORDER BY file"):
        yield Fault("I2", f"{SEGMENTS}/{row['file']} is catalogued and garbage-listed at once.")
    for path in sorted(strays):
        known = connection.execute("SELECT 1 FROM segments WHERE file = ?", (path.name,)).fetchone()
        if known is None and path.exists():
            yield Fault("I2", f"{SEGMENTS}/{path.name} is neither catalogued nor garbage-listed.")
    for path in sorted((folder / OPEN).iterdir()):
        if path.suffix not in {".part", LEFT} or not path.is_file():
            yield Fault("I2", f"{OPEN}/{path.name} is no open segment.")


def _faults_of_pins(connection: sqlite3.Connection) -> Iterator[Fault]:
    """Spans that were removed while a pin held them; what was gone before the pin came is none of its loss."""
    found = connection.execute(
        "SELECT p.event_id, e.sequence, e.lane, MAX(e.start_mono_ns, p.start_mono_ns) AS start_ns, "
        "MIN(e.end_mono_ns, p.end_mono_ns) AS end_ns FROM pins AS p JOIN evicted AS e ON e.boot_id = p.boot_id "
        "AND e.start_mono_ns < p.end_mono_ns AND e.end_mono_ns > p.start_mono_ns ORDER BY e.sequence"
    )
    for row in found:
        late = connection.execute(
            "SELECT start_mono_ns, end_mono_ns FROM pinned_late WHERE event_id = ? AND lane = ?",
            (row["event_id"], row["lane"]),
        )
        lost = (row["start_ns"], row["end_ns"])
        if not any(start <= lost[0] and end >= lost[1] for start, end in merged(tuple(span) for span in late)):
            yield Fault("I3", f"Segment {row['sequence']} was removed although event {row['event_id']} holds it.")


def _quarantined(folder: Path) -> Iterator[str]:
    with os.scandir(folder / QUARANTINE) as entries:
        found = sorted((entry.name, entry.stat().st_size) for entry in entries)
    for name, size in found[:MOST_TOLD]:
        yield f"{QUARANTINE}/{name}, {size} bytes, is in quarantine."
