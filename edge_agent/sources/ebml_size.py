"""Is a Matroska file whole? Reads two element heads: a demuxer reads a cut file happily and never says that its end is missing."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from shared.errors import Refused

_EBML = 0x1A45DFA3
_SEGMENT = 0x18538067


def check_whole(path: Path) -> None:
    """Raises Refused when the file is no Matroska file, or shorter than its head says. An unknown size passes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = _element(file)
        if head is None or head[0] != _EBML or head[1] is None:
            raise Refused(f"{path.name} is not a Matroska recording.", file=path.name)
        file.seek(head[1], 1)
        segment = _element(file)
        if segment is None or segment[0] != _SEGMENT:
            raise Refused(f"{path.name} is cut: it ends before its first track.", file=path.name)
        length = segment[1]
        if length is not None and file.tell() + length > size:
            raise Refused(
                f"{path.name} is cut: it has {size} bytes of {file.tell() + length}.", file=path.name, size_bytes=size
            )


def _element(file: BinaryIO) -> tuple[int, int | None] | None:
    """Id and length of the element at the file's position (length None: unknown), or None at the end of the file."""
    name = _number(file, longest=4, keep_marker=True)
    length = _number(file, longest=8, keep_marker=False)
    if name is None or length is None:
        return None
    value, width = length
    return name[0], None if value == (1 << 7 * width) - 1 else value


def _number(file: BinaryIO, longest: int, keep_marker: bool) -> tuple[int, int] | None:
    """A variable-length integer of EBML and its width in bytes."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    if width > longest or len(rest) < width - 1:
        return None
    value = first[0] if keep_marker else first[0] & ((1 << (8 - width)) - 1)
    return int.from_bytes(bytes([value]) + rest), width
