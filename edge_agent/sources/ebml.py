"""EBML, the binary tree under Matroska: element heads, numbers and short values, never more in memory than a stated limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from shared.errors import Refused

MOST_ELEMENTS = 65_536
"""Children of one element that is read at once."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element's id, where its data begins, and how long it is; None: unknown, until the next of its level."""

    name: int
    start: int
    size: int | None


class EbmlFile:
    """Reads elements of a file of known length; every fault is Refused with the place."""

    def __init__(self, file: BinaryIO, name: str, size_bytes: int) -> None:
        self._file, self.name, self.size_bytes = file, name, size_bytes

    def element(self, at: int, end: int) -> Element | None:
        """The element whose head lies at `at`; None at `end` or after it. Raises Refused when it does not fit before `end`."""
        if at >= end:
            return None
        self._file.seek(at)
        head = self._file.read(min(12, end - at))
        name, used = self._vint(head, 0, 4, at)
        size, used_by_size = self._vint(head, used, 8, at)
        size &= (1 << 7 * used_by_size) - 1
        start = at + used + used_by_size
        if size == (1 << 7 * used_by_size) - 1:
            return Element(name, start, None)
        if start + size > end:
            raise self.cut(start + size, end)
        return Element(name, start, size)

    def children(self, parent: Element, most_bytes: int) -> Iterator[Element]:
        """The children of an element that is small and of known size."""
        if parent.size is None or parent.size > most_bytes:
            raise self.damaged(parent.start, f"an element of more than {most_bytes} bytes")
        at, end = parent.start, parent.start + parent.size
        for _ in range(MOST_ELEMENTS):
            found = self.element(at, end)
            if found is None:
                return
            if found.size is None:
                raise self.damaged(found.start, "an element without a length")
            at = found.start + found.size
            yield found
        raise self.damaged(at, f"more than {MOST_ELEMENTS} elements in one")

    def data(self, element: Element, most_bytes: int) -> bytes:
        """The bytes of an element. Raises Refused above `most_bytes`."""
        if element.size is None or element.size > most_bytes:
            raise self.damaged(element.start, f"an element of more than {most_bytes} bytes")
        self._file.seek(element.start)
        return self._file.read(element.size)

    def number(self, element: Element) -> int:
        """An unsigned number of at most eight bytes."""
        return int.from_bytes(self.data(element, 8), "big")

    def text(self, element: Element, most_bytes: int) -> str:
        """A string; a longer one is cut, trailing zeros are none of it, control characters are left out."""
        short = Element(element.name, element.start, min(element.size or 0, most_bytes))
        found = self.data(short, most_bytes).split(b"\0")[0].decode("utf-8", "ignore")
        return "".join(letter for letter in found if letter.isprintable())

    def damaged(self, at: int, what: str) -> Refused:
        return Refused(f"{self.name} is damaged at byte {at}: {what}.", file=self.name, at=at)

    def cut(self, needed: int, end: int) -> Refused:
        """The file ends early, or an element is longer than the one it lies in."""
        if end < self.size_bytes:
            return self.damaged(end, "an element longer than its parent")
        return Refused(
            f"{self.name} is cut: it has {self.size_bytes} bytes of {needed}.",
            file=self.name,
            size_bytes=self.size_bytes,
        )

    def _vint(self, head: bytes, at: int, longest: int, place: int) -> tuple[int, int]:
        """A number with its length marker, and its length."""
        if at >= len(head):
            raise self.cut(place + at + 1, place + len(head))
        width = 9 - head[at].bit_length()
        if width > longest:
            raise self.damaged(place, "no element begins there")
        if at + width > len(head):
            raise self.cut(place + at + width, place + len(head))
        return int.from_bytes(head[at : at + width], "big"), width


def vint(data: bytes, at: int) -> tuple[int, int]:
    """A number without its marker and its length, out of bytes in memory. Raises ValueError when it is cut."""
    if at >= len(data) or not data[at]:
        raise ValueError("no number begins there")
    width = 9 - data[at].bit_length()
    if at + width > len(data):
        raise ValueError("the number is cut")
    return int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1), width
