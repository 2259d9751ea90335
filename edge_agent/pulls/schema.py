"""The table of the pulls that this bed answered, in `edge.db`: the same question gets the same answer."""

from __future__ import annotations

DDL = """
CREATE TABLE IF NOT EXISTS pulls (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    pull_id TEXT NOT NULL UNIQUE,
    answer TEXT NOT NULL
) STRICT;
"""
