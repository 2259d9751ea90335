"""Protocol buffers, as much of the wire format as our exports write: a message by its fields, and its own description.

The library of that name is no dependency: three messages are written here, none is read.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

Value = int | str | bytes | Sequence[float]
_VARINT, _BYTES, _FIXED32 = 0, 2, 5


class Kind(Enum):
    """A field's type: (number of the type in a descriptor, wire type)."""

    fixed32 = (7, _FIXED32)
    string = (9, _BYTES)
    message = (11, _BYTES)
    bytes = (12, _BYTES)
    int64 = (3, _VARINT)
    int32 = (5, _VARINT)
    doubles = (1, _BYTES)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message; `refers` is the full name of a message type, with its leading dot."""

    name: str
    number: int
    kind: Kind
    refers: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A message type: its fields by name."""

    name: str
    fields: tuple[Field, ...]

    def encode(self, **values: Value) -> bytes:
        """The message's bytes. Values in the order of the fields; what is not given is left out."""
        return b"".join(_field(field, values[field.name]) for field in self.fields if field.name in values)


@dataclass(frozen=True, slots=True)
class File:
    """A .proto file of version 3."""

    name: str
    package: str
    needs: tuple[str, ...]
    messages: tuple[Message, ...]


def descriptor_set(files: Sequence[File]) -> bytes:
    """A google.protobuf.FileDescriptorSet: what a reader needs to understand messages it never saw."""
    return b"".join(_chunk(1, _file(file)) for file in files)


def _file(file: File) -> bytes:
    parts = [_chunk(1, file.name.encode()), _chunk(2, file.package.encode())]
    parts += [_chunk(3, name.encode()) for name in file.needs]
    parts += [_chunk(4, _message(message)) for message in file.messages]
    return b"".join([*parts, _chunk(12, b"proto3")])


def _message(message: Message) -> bytes:
    return _chunk(1, message.name.encode()) + b"".join(_chunk(2, _described(field)) for field in message.fields)


def _described(field: Field) -> bytes:
    label = 3 if field.kind is Kind.doubles else 1
    parts = [
        _chunk(1, field.name.encode()),
        _number(3, field.number),
        _number(4, label),
        _number(5, field.kind.value[0]),
    ]
    if field.refers:
        parts.append(_chunk(6, field.refers.encode()))
    return b"".join(parts)


def _field(field: Field, value: Value) -> bytes:
    if isinstance(value, str):
        return _chunk(field.number, value.encode())
    if isinstance(value, bytes):
        return _chunk(field.number, value)
    if isinstance(value, int):
        if field.kind is Kind.fixed32:
            return _varint(field.number << 3 | _FIXED32) + struct.pack("<I", value)
        return _number(field.number, value)
    return _chunk(field.number, struct.pack(f"<{len(value)}d", *value))


def _chunk(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value)


def _varint(value: int) -> bytes:
    parts = bytearray()
    value &= (1 << 64) - 1
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
