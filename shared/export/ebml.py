"""EBML, the bytes under Matroska (RFC 8794): elements of id, length and body, with the few value types that we write."""

from __future__ import annotations

import struct

LONG_LENGTH = 8
"""Bytes of the length of an element whose size is filled in later."""


def element(name: int, *body: bytes) -> bytes:
    """One element; `name` is its id with the marker bits, the length takes as few bytes as it can."""
    return b"".join((head(name, sum(len(part) for part in body)), *body))


def head(name: int, length: int, width: int = 0) -> bytes:
    """Id and length of an element whose body follows; `width` asks for that many length bytes (0: as few as it can)."""
    return _id(name) + _length(length, width)


def number(name: int, value: int, width: int = 0) -> bytes:
    """An unsigned integer element, big-endian, as short as it can be or of `width` bytes."""
    return element(name, value.to_bytes(width or max(1, (value.bit_length() + 7) // 8), "big"))


def real(name: int, value: float) -> bytes:
    """A float element of eight bytes."""
    return element(name, struct.pack(">d", value))


def text(name: int, value: str) -> bytes:
    """A string element in UTF-8."""
    return element(name, value.encode())


def date(name: int, utc_ns: int) -> bytes:
    """A date element: nanoseconds since the start of 2001 in UTC, signed."""
    return element(name, (utc_ns - _EPOCH_2001_NS).to_bytes(8, "big", signed=True))


def vint(value: int) -> bytes:
    """A variable-length integer as it stands before a block's data: a track's number."""
    return _length(value, 0)


_EPOCH_2001_NS = 978_307_200 * 1_000_000_000


def _id(name: int) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8, "big")


def _length(value: int, width: int) -> bytes:
    if not width:
        # a length of all ones means "unknown", so a width holds one value less than its bits could
        width = next(each for each in range(1, 9) if value < (1 << 7 * each) - 1)
    return (value | 1 << 7 * width).to_bytes(width, "big")
