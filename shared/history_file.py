"""A bed's history as a file: one line that says whose it is, then `Digest` pages, newest first, one a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from shared.contract import Contract, Nanoseconds, read_contract
from shared.errors import Refused
from shared.ids import BedName, SiteName
from shared.reconciliation import Digest

LINE_LIMIT_BYTES = 1 << 20


class HistoryHead(Contract):
    """The first line."""

    site: SiteName
    bed: BedName
    written_utc_ns: Nanoseconds


def read_history(path: Path) -> tuple[HistoryHead, Iterator[Digest]]:
    """The head, and the pages one by one. Raises Refused with the number of the first line that is none."""
    lines = _lines(path)
    head = next(lines, None)
    if head is None:
        raise Refused(f"{path}: the file is empty.")
    return read_contract(HistoryHead, head[1], LINE_LIMIT_BYTES), (_page(path, *line) for line in lines)


def _page(path: Path, number: int, line: bytes) -> Digest:
    try:
        return read_contract(Digest, line, LINE_LIMIT_BYTES)
    except Refused as error:
        raise Refused(f"{path}: line {number}: {error.sentence}") from error


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        with path.open("rb") as file:
            while line := file.readline(LINE_LIMIT_BYTES + 1):
                number += 1
                yield number, line
    except OSError as error:
        raise Refused(f"{path}: cannot be read: {error.strerror}.") from error
