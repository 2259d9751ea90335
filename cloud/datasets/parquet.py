"""A dataset's manifest as one Parquet file. In: rows. Out: bytes, named by their SHA-256; and back again, checked."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, get_type_hints

import pyarrow
import pyarrow.parquet

from cloud.datasets.rules import Row, must_not_leak
from shared.errors import Refused

FORMAT = "deepepil-dataset-1"
LIMIT_BYTES = 512 * 1024 * 1024
_KINDS: dict[Any, Any] = {str: pyarrow.string(), int: pyarrow.int64(), bool: pyarrow.bool_()}
SCHEMA = pyarrow.schema([
    pyarrow.field("class" if name == "klass" else name, _KINDS.get(kind, pyarrow.list_(pyarrow.string())), nullable=False)
    for name, kind in get_type_hints(Row).items()
])  # fmt: skip


def to_parquet(rows: Sequence[Row], facts: Mapping[str, object]) -> tuple[str, bytes]:
    """The rows in order of site and event as Parquet, the facts in its metadata. Returns (SHA-256, bytes)."""
    ordered = sorted(rows, key=lambda row: (row.site, row.event_id))
    columns = [[row[place] for row in ordered] for place in range(len(Row._fields))]
    arrays = [pyarrow.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    metadata = {"format": FORMAT, "facts": json.dumps(facts, sort_keys=True)}
    table = pyarrow.Table.from_arrays(arrays, schema=SCHEMA.with_metadata(metadata))
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out, compression="zstd")
    content = out.getvalue()
    return hashlib.sha256(content).hexdigest(), content


def from_parquet(content: bytes, sha256: str) -> list[Row]:
    """The rows of a manifest. Raises Refused for other bytes than the name says, another form, or a split that leaks."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Refused(f"The manifest's bytes are not those of {sha256[:12]}…; it was changed.")
    try:
        table = pyarrow.parquet.read_table(io.BytesIO(content))
    except (pyarrow.ArrowException, OSError) as error:
        raise Refused(f"The manifest {sha256[:12]}… is no Parquet file.") from error
    if not table.schema.equals(SCHEMA) or (table.schema.metadata or {}).get(b"format") != FORMAT.encode():
        raise Refused(f"The manifest {sha256[:12]}… is not of the form {FORMAT}.")
    columns = [table.column(place).to_pylist() for place in range(table.num_columns)]
    rows = [Row._make((*values[:-1], tuple(values[-1]))) for values in zip(*columns, strict=True)]
    must_not_leak((row.patient, row.split) for row in rows)
    return rows
