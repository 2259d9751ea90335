"""The delivery side's tables in `edge.db`: events, messages and what became of them, dead letters, alarms, clips, scores.

`database.py` applies `DDL` on every open; each statement is idempotent. Times are integer ns, ids are text.
"""

from __future__ import annotations

DDL = """
CREATE TABLE IF NOT EXISTS counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS events (
    event_id TEXT PRIMARY KEY,
    phase TEXT NOT NULL CHECK (phase IN ('opened', 'updated', 'closed')),
    revision INTEGER NOT NULL,
    report TEXT NOT NULL,
    known INTEGER NOT NULL DEFAULT 0 CHECK (known IN (0, 1))
) STRICT;

CREATE INDEX IF NOT EXISTS open_events ON events (event_id) WHERE phase <> 'closed';

CREATE TABLE IF NOT EXISTS messages (
    sequence INTEGER PRIMARY KEY CHECK (sequence > 0),
    event_id TEXT NOT NULL REFERENCES events (event_id),
    body BLOB NOT NULL,
    queued_utc_ns INTEGER NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS messages_of_event ON messages (event_id);

CREATE TABLE IF NOT EXISTS delivered (
    sequence INTEGER PRIMARY KEY CHECK (sequence > 0),
    event_id TEXT NOT NULL REFERENCES events (event_id) ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    receipt_utc_ns INTEGER NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS delivered_of_event ON delivered (event_id);

CREATE TABLE IF NOT EXISTS dead_letters (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('message', 'clip', 'event')),
    event_id TEXT NOT NULL,
    sequence INTEGER,
    body BLOB,
    reason TEXT NOT NULL,
    utc_ns INTEGER NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS dead_letters_of_event ON dead_letters (event_id);

CREATE INDEX IF NOT EXISTS parked_events ON dead_letters (number) WHERE kind = 'event';

CREATE TABLE IF NOT EXISTS deeds (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    deed TEXT NOT NULL,
    event_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    utc_ns INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS strange_messages (
    digest TEXT PRIMARY KEY,
    topic TEXT NOT NULL,
    payload_start BLOB NOT NULL,
    payload_bytes INTEGER NOT NULL,
    reason TEXT NOT NULL,
    times INTEGER NOT NULL,
    last_utc_ns INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS alarms (
    name TEXT PRIMARY KEY,
    sentence TEXT NOT NULL,
    utc_ns INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS clips (
    event_id TEXT PRIMARY KEY REFERENCES events (event_id),
    stage TEXT NOT NULL CHECK (stage IN ('recording', 'ready', 'stored', 'released', 'dead')),
    manifest TEXT,
    reason TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX IF NOT EXISTS clips_of_stage ON clips (stage);

CREATE TABLE IF NOT EXISTS scores (
    number INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL,
    mono_ns INTEGER NOT NULL,
    utc_ns INTEGER NOT NULL,
    value REAL NOT NULL
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS scores_in_time ON scores (boot_id, mono_ns);
"""
