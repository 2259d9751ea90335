"""A look into an ONNX file before any runtime reads it: no other files, no programs, no tensor larger than its bytes.

In: the bytes of a file. Out: nothing, or a Refused with one sentence. Reads the few protobuf fields that matter (field numbers
are those of onnx.proto3) and needs neither `onnx` nor a runtime.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from shared.errors import Refused

LONGEST_TENSOR = 2_000_000
"""Numbers in one tensor; a file of the allowed size cannot hold more."""
MOST_NODES = 2_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_GRAPH, _FUNCTIONS, _TRAINING = 7, 25, 20
_OPSET, _OPSET_DOMAIN, _OPSET_VERSION = 8, 1, 2
_NODE, _INITIALIZER, _SPARSE = 1, 5, 15
_ATTRIBUTE, _DOMAIN, _OP_TYPE = 5, 7, 4
_A_TENSOR, _A_GRAPH, _A_TENSORS, _A_GRAPHS, _A_SPARSE, _A_SPARSES = 5, 6, 10, 11, 22, 23
_DIMS, _RAW, _NAME, _EXTERNAL, _LOCATION = 1, 9, 8, 13, 14
_STANDARD = {b"", b"ai.onnx"}

Value = int | bytes


def check_onnx(content: bytes, name: str, opset: int | None = None) -> None:
    """Raises Refused, naming the release, for a file that is no protobuf, points outside itself or is larger than it looks.

    opset: what the card says; None when it says nothing.
    """
    try:
        for field, value in _fields(content):
            if field == _OPSET and opset is not None:
                _check_opset(_bytes(value), name, opset)
            if field in {_FUNCTIONS, _TRAINING}:
                raise Refused(f"Release {name}: the ONNX file brings functions or training of its own.", release=name)
            if field == _GRAPH:
                _check_graph(_bytes(value), name)
    except (ValueError, IndexError) as error:
        raise Refused(f"Release {name}: the file is no ONNX: {error}.", release=name) from error


def _check_opset(entry: bytes, name: str, opset: int) -> None:
    fields = dict(_fields(entry))
    if fields.get(_OPSET_DOMAIN, b"") in _STANDARD and fields.get(_OPSET_VERSION) != opset:
        raise Refused(
            f"Release {name}: the ONNX file is of opset {int(fields.get(_OPSET_VERSION) or 0)}, its card says {opset}.",
            release=name,
        )


def _check_graph(graph: bytes, name: str) -> None:
    nodes = 0
    for field, value in _fields(graph):
        if field == _SPARSE:
            raise Refused(f"Release {name}: the ONNX file has a sparse tensor; none is allowed.", release=name)
        if field == _INITIALIZER:
            _check_tensor(_bytes(value), name)
        if field == _NODE:
            nodes += 1
            _check_node(_bytes(value), name)
    if nodes > MOST_NODES:
        raise Refused(f"Release {name}: the ONNX file has {nodes} nodes; {MOST_NODES} are allowed.", release=name)


def _check_node(node: bytes, name: str) -> None:
    fields = list(_fields(node))
    kind = next((_bytes(value).decode("ascii", "replace") for field, value in fields if field == _OP_TYPE), "?")
    for field, value in fields:
        if field == _DOMAIN and value not in _STANDARD:
            raise Refused(f"Release {name}: the operator {kind[:40]} is not of the ONNX standard.", release=name)
        if field == _ATTRIBUTE:
            for part, content in _fields(_bytes(value)):
                if part in {_A_GRAPH, _A_GRAPHS, _A_SPARSE, _A_SPARSES}:
                    raise Refused(f"Release {name}: the operator {kind[:40]} runs a graph of its own.", release=name)
                if part in {_A_TENSOR, _A_TENSORS}:
                    _check_tensor(_bytes(content), name)


def _check_tensor(tensor: bytes, name: str) -> None:
    dims: list[int] = []
    word, raw_bytes = "a constant", None
    for field, value in _fields(tensor):
        if field == _EXTERNAL or (field == _LOCATION and value == 1):
            raise Refused(f"Release {name}: the ONNX file keeps weights in another file; they must be inside.")
        if field == _DIMS:
            dims += [value] if isinstance(value, int) else list(_varints(value))
        if field == _NAME:
            word = _bytes(value).decode("utf-8", "replace")[:40]
        if field == _RAW:
            raw_bytes = len(_bytes(value))
    numbers = prod(dims)
    if any(side >= 2**63 for side in dims) or numbers > LONGEST_TENSOR:
        raise Refused(f"Release {name}: {word} has {numbers} numbers; {LONGEST_TENSOR} are allowed.", release=name)
    if raw_bytes is not None and raw_bytes < numbers // 2:
        raise Refused(f"Release {name}: {word} says {numbers} numbers and holds {raw_bytes} bytes.", release=name)


def _bytes(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a field has another kind than the format says")
    return value


def _fields(message: bytes) -> Iterator[tuple[int, Value]]:
    """The fields of a protobuf message: number and value. Raises ValueError or IndexError where it is none."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        field, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            number, at = _varint(message, at)
            yield field, number
            continue
        if wire == _BYTES:
            length, at = _varint(message, at)
        elif wire in {_FIXED64, _FIXED32}:
            length = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire} at byte {at}")
        if field == 0 or at + length > len(message):
            raise ValueError(f"a field ends past the file's end at byte {at}")
        yield field, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError(f"a number of more than ten bytes at byte {at}")


def _varints(packed: bytes) -> Iterator[int]:
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value
