"""The ring's tables in `edge.db`: catalogue, ledger, pins, what was evicted or found damaged, and sums kept by triggers.

`database.py` applies `DDL` on every open; each statement is idempotent. Times are integer ns, ids are text. The triggers
keep `ring_sums` and `boots` in the transaction of the row itself, so that nobody has to read 260,000 rows to know them;
`length_ns` counts recorded time once, also where colour lies in files of its own (`lane`).
`pinned_late` is what a pin's span had lost before the pin came: without it nobody could prove later that no pin was broken.
"""

from __future__ import annotations

DDL = """
CREATE TABLE IF NOT EXISTS identity (
    one INTEGER PRIMARY KEY CHECK (one = 1), folder_id TEXT NOT NULL, site TEXT NOT NULL, bed TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS segments (
    sha256 TEXT PRIMARY KEY, segment_id TEXT NOT NULL UNIQUE, sequence INTEGER NOT NULL UNIQUE, boot_id TEXT NOT NULL,
    stay_id TEXT, start_mono_ns INTEGER NOT NULL, end_mono_ns INTEGER NOT NULL, start_utc_ns INTEGER NOT NULL,
    end_utc_ns INTEGER NOT NULL, size_bytes INTEGER NOT NULL, frames TEXT NOT NULL, file TEXT NOT NULL UNIQUE,
    lane TEXT NOT NULL DEFAULT 'whole'
);
DROP INDEX IF EXISTS segments_by_time;
CREATE INDEX IF NOT EXISTS segments_by_span ON segments (boot_id, start_mono_ns, end_mono_ns, size_bytes);
CREATE INDEX IF NOT EXISTS segments_by_utc ON segments (start_utc_ns);
CREATE INDEX IF NOT EXISTS colour_apart ON segments (sequence) WHERE lane = 'colour';
CREATE TABLE IF NOT EXISTS gaps (
    gap_id INTEGER PRIMARY KEY, stream TEXT NOT NULL, cause TEXT NOT NULL, boot_id TEXT NOT NULL,
    start_mono_ns INTEGER NOT NULL, end_mono_ns INTEGER NOT NULL, start_utc_ns INTEGER NOT NULL,
    end_utc_ns INTEGER NOT NULL, missing_frames INTEGER NOT NULL, share REAL NOT NULL DEFAULT 1.0,
    UNIQUE (stream, cause, boot_id, start_mono_ns)
);
CREATE INDEX IF NOT EXISTS gaps_by_time ON gaps (boot_id, start_mono_ns);
CREATE INDEX IF NOT EXISTS gaps_by_end ON gaps (boot_id, end_mono_ns);
CREATE TABLE IF NOT EXISTS ring_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS desired (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS garbage (file TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS evicted (
    sequence INTEGER PRIMARY KEY, boot_id TEXT NOT NULL, start_mono_ns INTEGER NOT NULL, end_mono_ns INTEGER NOT NULL,
    lane TEXT NOT NULL DEFAULT 'whole'
);
CREATE INDEX IF NOT EXISTS evicted_by_time ON evicted (boot_id, start_mono_ns);
CREATE INDEX IF NOT EXISTS evicted_by_end ON evicted (boot_id, end_mono_ns);
CREATE TABLE IF NOT EXISTS damaged (
    sha256 TEXT PRIMARY KEY, segment_id TEXT NOT NULL, sequence INTEGER NOT NULL, boot_id TEXT NOT NULL, stay_id TEXT,
    start_mono_ns INTEGER NOT NULL, end_mono_ns INTEGER NOT NULL, start_utc_ns INTEGER NOT NULL,
    end_utc_ns INTEGER NOT NULL, size_bytes INTEGER NOT NULL, frames TEXT NOT NULL, file TEXT NOT NULL UNIQUE,
    reason TEXT NOT NULL, found_utc_ns INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS pins (
    event_id TEXT PRIMARY KEY, boot_id TEXT NOT NULL, start_mono_ns INTEGER NOT NULL, end_mono_ns INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS pins_by_time ON pins (boot_id, start_mono_ns, end_mono_ns);
CREATE TABLE IF NOT EXISTS pinned_late (
    event_id TEXT NOT NULL, start_mono_ns INTEGER NOT NULL, end_mono_ns INTEGER NOT NULL, lane TEXT NOT NULL DEFAULT 'whole'
);
CREATE INDEX IF NOT EXISTS pinned_late_of_event ON pinned_late (event_id);
DROP TRIGGER IF EXISTS pin_added;
CREATE TRIGGER IF NOT EXISTS pin_came AFTER INSERT ON pins BEGIN
    INSERT INTO pinned_late (event_id, start_mono_ns, end_mono_ns, lane)
        SELECT NEW.event_id, start_mono_ns, end_mono_ns, lane FROM evicted
        WHERE boot_id = NEW.boot_id AND start_mono_ns < NEW.end_mono_ns AND end_mono_ns > NEW.start_mono_ns;
END;
CREATE TRIGGER IF NOT EXISTS pin_removed AFTER DELETE ON pins BEGIN
    DELETE FROM pinned_late WHERE event_id = OLD.event_id;
END;
CREATE TABLE IF NOT EXISTS scrubbed (hour INTEGER PRIMARY KEY, size_bytes INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS boots (
    number INTEGER PRIMARY KEY AUTOINCREMENT, boot_id TEXT NOT NULL UNIQUE, on_ns INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS ring_sums (
    one INTEGER PRIMARY KEY CHECK (one = 1), segments INTEGER NOT NULL, size_bytes INTEGER NOT NULL,
    length_ns INTEGER NOT NULL, longest_ns INTEGER NOT NULL
);
DROP TRIGGER IF EXISTS segment_added;
CREATE TRIGGER IF NOT EXISTS segment_came AFTER INSERT ON segments BEGIN
    UPDATE ring_sums SET segments = segments + 1, size_bytes = size_bytes + NEW.size_bytes,
        length_ns = length_ns + (NEW.lane <> 'colour') * (NEW.end_mono_ns - NEW.start_mono_ns),
        longest_ns = MAX(longest_ns, NEW.end_mono_ns - NEW.start_mono_ns);
    INSERT INTO boots (boot_id, on_ns) VALUES (NEW.boot_id, NEW.end_mono_ns)
        ON CONFLICT (boot_id) DO UPDATE SET on_ns = MAX(on_ns, excluded.on_ns);
END;
DROP TRIGGER IF EXISTS segment_removed;
CREATE TRIGGER IF NOT EXISTS segment_went AFTER DELETE ON segments BEGIN
    UPDATE ring_sums SET segments = segments - 1, size_bytes = size_bytes - OLD.size_bytes,
        length_ns = length_ns - (OLD.lane <> 'colour') * (OLD.end_mono_ns - OLD.start_mono_ns);
END;
DROP TRIGGER IF EXISTS segment_changed;
CREATE TRIGGER IF NOT EXISTS segment_moved AFTER UPDATE OF size_bytes, start_mono_ns, end_mono_ns ON segments BEGIN
    UPDATE ring_sums SET size_bytes = size_bytes + NEW.size_bytes - OLD.size_bytes,
        length_ns = length_ns
            + (NEW.lane <> 'colour') * (NEW.end_mono_ns - NEW.start_mono_ns - OLD.end_mono_ns + OLD.start_mono_ns),
        longest_ns = MAX(longest_ns, NEW.end_mono_ns - NEW.start_mono_ns);
END;
"""

ADDED_COLUMNS = (
    ("gaps", "share", "REAL NOT NULL DEFAULT 1.0"),
    ("segments", "lane", "TEXT NOT NULL DEFAULT 'whole'"),
    ("evicted", "lane", "TEXT NOT NULL DEFAULT 'whole'"),
    ("pinned_late", "lane", "TEXT NOT NULL DEFAULT 'whole'"),
)
"""Columns that came after a table: added to the tables of earlier databases."""

FIRST_SUMS = """
INSERT OR IGNORE INTO boots (boot_id, on_ns)
    SELECT boot_id, MAX(end_mono_ns) FROM segments GROUP BY boot_id ORDER BY MIN(sequence);
INSERT INTO ring_sums
    SELECT 1, count(*), COALESCE(SUM(size_bytes), 0),
    COALESCE(SUM((lane <> 'colour') * (end_mono_ns - start_mono_ns)), 0),
    COALESCE(MAX(end_mono_ns - start_mono_ns), 0) FROM segments;
"""
"""What the triggers keep from then on; run once, while `ring_sums` is empty."""
