"""The table of the detector that this bed runs, in `edge.db`: one row, of the newest order that was obeyed or refused."""

from __future__ import annotations

DDL = """
CREATE TABLE IF NOT EXISTS release_run (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL,
    wanted TEXT NOT NULL,
    running TEXT NOT NULL,
    stage TEXT NOT NULL,
    starts INTEGER NOT NULL,
    sentence TEXT NOT NULL
) STRICT;
"""
