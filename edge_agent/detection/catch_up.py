"""Previews that the bus did not bring, read from the ring: sealed segments first, then the one that is still written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from edge_agent.ring.catalogue import segments_between
from edge_agent.ring.folder import OPEN
from shared.errors import Refused
from shared.lane import Lane
from shared.preview import Preview
from shared.segment import SegmentReader

OPEN_LIMIT = 4


def previews_from_ring(
    folder: Path, connection: sqlite3.Connection, boot_id: str, start_mono_ns: int, end_mono_ns: int
) -> Iterator[Preview]:
    """Previews of this boot with start <= mono_ns < end, in rising order; damaged or vanished files are passed over.

    Open files are opened before the catalogue is read: one that is sealed meanwhile is found in either, and none twice.
    """
    newest_ns = start_mono_ns - 1
    with ExitStack() as stack:
        unsealed = _open_files(folder, boot_id, stack)
        for row in segments_between(connection, boot_id, start_mono_ns, end_mono_ns):
            if row.lane is Lane.colour:
                continue
            for preview in _of_file(row.path(folder), newest_ns + 1, end_mono_ns):
                newest_ns = preview.mono_ns
                yield preview
        for reader in unsealed:
            for preview in _rising(reader, newest_ns + 1, end_mono_ns):
                newest_ns = preview.mono_ns
                yield preview


def _open_files(folder: Path, boot_id: str, stack: ExitStack) -> list[SegmentReader]:
    readers = []
    for path in sorted((folder / OPEN).glob("*.part"))[-OPEN_LIMIT:]:
        try:
            reader = stack.enter_context(SegmentReader(path))
        except (Refused, OSError):
            continue
        if reader.header.boot_id == boot_id:
            readers.append(reader)
    return sorted(readers, key=lambda reader: reader.header.sequence)


def _of_file(path: Path, start_mono_ns: int, end_mono_ns: int) -> Iterator[Preview]:
    try:
        with SegmentReader(path) as reader:
            yield from _rising(reader, start_mono_ns, end_mono_ns)
    except (Refused, OSError):
        return


def _rising(reader: SegmentReader, start_mono_ns: int, end_mono_ns: int) -> Iterator[Preview]:
    try:
        for preview in reader.previews(start_mono_ns, end_mono_ns):
            if preview.mono_ns >= start_mono_ns:
                start_mono_ns = preview.mono_ns + 1
                yield preview
    except (Refused, OSError):
        return
