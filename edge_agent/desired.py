"""The desired state as this bed last heard it: in the database, so that a box that starts without a network obeys it."""

from __future__ import annotations

import sqlite3

from shared.command import DesiredState
from shared.contract import read_contract

BEFORE_ANY_WORD = DesiredState(
    version=0, stay_id=None, paused=False, record_unassigned=True, release=None, issued_utc_ns=0
)
"""A bed that never heard from the cloud records, without a stay."""


def load_desired(connection: sqlite3.Connection) -> DesiredState:
    """The newest state that was saved; before any, the bed records without a stay."""
    row = connection.execute("SELECT body FROM desired").fetchone()
    return BEFORE_ANY_WORD if row is None else read_contract(DesiredState, row["body"])


def save_desired(connection: sqlite3.Connection, state: DesiredState) -> bool:
    """Keeps the state; returns False, and changes nothing, when an equal or newer version is already there."""
    cursor = connection.execute(
        "INSERT INTO desired (one, version, body) VALUES (1, ?, ?) ON CONFLICT (one) DO UPDATE "
        "SET version = excluded.version, body = excluded.body WHERE excluded.version > desired.version",
        (state.version, state.model_dump_json()),
    )
    return cursor.rowcount == 1
