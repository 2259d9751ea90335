"""Proves the ring's invariants from outside (DESIGN §7: I1, I2, I3, I7): reads the folder, changes nothing, names each fault."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from edge_agent.database import database_path
from edge_agent.ring.catalogue import SegmentRow, Span, all_segments, merged
from edge_agent.ring.folder import OPEN, SEGMENTS, read_identity
from edge_agent.ring.ledger import LATE_PERIODS
from shared.clock import NS_PER_S
from shared.errors import Broken, Refused
from shared.frame import RECORDED_STREAMS, Stream
from shared.segment import SegmentReader, hash_file

LARGEST_SEAM_NS = NS_PER_S // 4
"""Between two segments, or two gaps, this much may lie unaccounted: a few frame periods of jitter."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken invariant, in a sentence."""

    invariant: str
    sentence: str


@dataclass(slots=True)
class Report:
    """What the check saw."""

    segments: int = 0
    size_bytes: int = 0
    read_data: bool = False
    faults: list[Fault] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        seen = f"{self.segments} segments, {self.size_bytes} bytes"
        depth = "every byte was read" if self.read_data else "bytes were not read (--read-data does)"
        verdict = f"{len(self.faults)} faults" if self.faults else "I1, I2, I3 and I7 hold"
        return f"{verdict}: {seen}, {depth}"


def check_ring(folder: Path, *, read_data: bool = False) -> Report:
    """All faults of a bed's folder; the agent may run meanwhile. Raises Misconfigured when it is no bed's folder."""
    read_identity(folder)
    report = Report(read_data=read_data)
    connection = _read_only(folder)
    try:
        files = sorted(path.name for path in (folder / SEGMENTS).iterdir())
        rows = all_segments(connection)
        report.segments, report.size_bytes = len(rows), sum(row.size_bytes for row in rows)
        for row in rows:
            report.faults += _faults_of_file(folder, row, connection, read_data=read_data)
        report.faults += _faults_of_names(folder, files, connection)
        report.faults += _faults_of_pins(connection)
        report.faults += _faults_of_time(rows, connection)
    except sqlite3.DatabaseError as error:
        raise Broken(f"The database {database_path(folder)} cannot be read: {error}.") from error
    finally:
        connection.close()
    return report


def _read_only(folder: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(f"{database_path(folder).resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        connection.row_factory = sqlite3.Row
        connection.execute("SELECT 1 FROM segments LIMIT 1")
    except sqlite3.DatabaseError as error:
        raise Broken(f"The database {database_path(folder)} cannot be read: {error}.") from error
    return connection


def _still_there(connection: sqlite3.Connection, row: SegmentRow) -> bool:
    """The evictor may have taken the segment since the rows were read."""
    return connection.execute("SELECT 1 FROM segments WHERE sha256 = ?", (row.sha256,)).fetchone() is not None


def _faults_of_file(
    folder: Path, row: SegmentRow, connection: sqlite3.Connection, *, read_data: bool
) -> Iterator[Fault]:
    path = row.path(folder)
    try:
        size = path.stat().st_size
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
        names = (header.segment_id, header.boot_id, header.sequence, header.stay_id)
        if names != (row.segment_id, row.boot_id, row.sequence, row.stay_id) or reader.counts() != row.frames:
            raise Refused("header and index do not say what the catalogue says.")
        if read_data:
            for image in reader.frames():
                image.image()
            for _ in reader.previews():
                pass
            reader.gaps()


def _faults_of_names(folder: Path, files: list[str], connection: sqlite3.Connection) -> Iterator[Fault]:
    known = {row["file"] for row in connection.execute("SELECT file FROM segments")}
    garbage = {row["file"] for row in connection.execute("SELECT file FROM garbage")}
    for name in sorted(known & garbage):
        yield Fault("I2", f"{SEGMENTS}/{name} is catalogued and garbage-listed at once.")
    for name in files:
        if name not in known | garbage and (folder / SEGMENTS / name).exists():
            yield Fault("I2", f"{SEGMENTS}/{name} is neither catalogued nor garbage-listed.")
    for path in sorted((folder / OPEN).iterdir()):
        if path.suffix != ".part" or not path.is_file():
            yield Fault("I2", f"{OPEN}/{path.name} is no open segment.")


def _faults_of_pins(connection: sqlite3.Connection) -> Iterator[Fault]:
    found = connection.execute(
        "SELECT p.event_id, e.sequence FROM pins AS p JOIN evicted AS e ON e.boot_id = p.boot_id "
        "AND e.start_mono_ns < p.end_mono_ns AND e.end_mono_ns > p.start_mono_ns ORDER BY e.sequence"
    )
    for row in found:
        yield Fault("I3", f"Segment {row['sequence']} was removed although event {row['event_id']} holds it.")


def _faults_of_time(rows: list[SegmentRow], connection: sqlite3.Connection) -> Iterator[Fault]:
    before: set[Stream] = set()
    for boot_id in dict.fromkeys(row.boot_id for row in rows):
        own = [row for row in rows if row.boot_id == boot_id]
        for earlier, later in pairwise(own):
            if later.start_mono_ns < earlier.end_mono_ns - LARGEST_SEAM_NS:
                yield Fault("I7", f"Segment {later.sequence} begins before segment {earlier.sequence} ended.")
        known = _known_spans(connection, boot_id)
        streams = {stream for stream in RECORDED_STREAMS if any(row.frames.get(stream) for row in own)}
        for stream in sorted(streams):
            recorded = [(row.start_mono_ns, row.end_mono_ns) for row in own if row.frames.get(stream)]
            recorded += _between_pictures(own, stream)
            start = 0 if stream in before else min(recorded)[0]
            for hole in _holes([*recorded, *known[stream]], (start, max(recorded)[1])):
                where = f"{hole[0] / NS_PER_S:.1f} s after the boot {boot_id}"
                yield Fault("I7", f"{stream.value}: {_seconds(hole)} are missing {where}, and no gap says why.")
        before = streams


def _between_pictures(rows: list[SegmentRow], stream: Stream) -> Iterator[Span]:
    """Segments so short that none of the stream's pictures was due in them: colour comes a few times a second only."""
    period_ns = 0.0
    for row in rows:
        length_ns = row.end_mono_ns - row.start_mono_ns
        if row.frames.get(stream):
            period_ns = length_ns / row.frames[stream]
        elif length_ns <= LATE_PERIODS * period_ns:
            yield row.start_mono_ns, row.end_mono_ns


def _known_spans(connection: sqlite3.Connection, boot_id: str) -> dict[Stream, list[Span]]:
    """What gaps and removals account for, by stream."""
    evicted = [
        (row["start_mono_ns"], row["end_mono_ns"])
        for row in connection.execute("SELECT * FROM evicted WHERE boot_id = ?", (boot_id,))
    ]
    spans = {stream: list(evicted) for stream in Stream}
    for row in connection.execute("SELECT * FROM gaps WHERE boot_id = ?", (boot_id,)):
        spans[Stream(row["stream"])].append((row["start_mono_ns"], row["end_mono_ns"]))
    return spans


def _holes(spans: list[Span], within: Span) -> Iterator[Span]:
    reached = within[0]
    for start, end in merged(spans):
        if start - reached > LARGEST_SEAM_NS and start <= within[1]:
            yield reached, start
        reached = max(reached, end)


def _seconds(span: Span) -> str:
    return f"{(span[1] - span[0]) / NS_PER_S:.1f} s"
