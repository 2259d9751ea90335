"""Reads a TSV of seizures in the style of BIDS and SzCORE: columns onset, duration, and perhaps eventType and dateTime. Pure.

Specification: SzCORE, "HED-SCORE annotation format", https://epilepsybenchmarks.com (columns onset, duration, eventType, …,
dateTime); BIDS events files (onset and duration in seconds, `n/a` where unknown).
"""

from __future__ import annotations

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from cloud.references.seizure import KIND_LENGTH, LONGEST_NS, EegSeizure, ReadFile, is_seizure, utc_ns_of
from shared.clock import NS_PER_S
from shared.errors import Refused

MOST_LINES = 50_000
KINDS = ("eventType", "trial_type")
UNKNOWN = frozenset({"", "n/a", "N/A", "NaN", "nan"})


def read_tsv(content: bytes, recording_start_ns: int | None, zone: ZoneInfo) -> ReadFile:
    """The seizures of the file. The recording's start, where it is given, counts before a column dateTime.

    Raises Refused for what is no such table; a bad row is a fault of the result.
    """
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise Refused("The file is not UTF-8 text. Nothing was imported.") from error
    if not lines or len(lines) > MOST_LINES:
        raise Refused(f"The file has {len(lines)} lines; a table has 1 to {MOST_LINES}. Nothing was imported.")
    columns = lines[0].split("\t")
    missing = [name for name in ("onset", "duration") if name not in columns]
    if missing:
        raise Refused(f"line 1: the column {missing[0]} is missing; columns are parted by tabs. Nothing was imported.")
    found = ReadFile()
    for number, text in enumerate(lines[1:], start=2):
        if text.strip():
            try:
                _read_row(found, number, dict(zip(columns, text.split("\t"), strict=False)), recording_start_ns, zone)
            except Refused as error:
                found.faults.append(f"line {number}: {error.sentence}")
    return found


def _read_row(found: ReadFile, line: int, row: dict[str, str], start_ns: int | None, zone: ZoneInfo) -> None:
    kinds = [row[name].strip() for name in KINDS if name in row]
    kind = kinds[0] if kinds else "sz"
    if not is_seizure(kind):
        found.passed_over += 1
        return
    onset_ns = _seconds(row, "onset", least=-86_400.0)
    if onset_ns is None:
        raise Refused("onset is missing.")
    duration_ns = _seconds(row, "duration", least=0.0) or 0
    if duration_ns > LONGEST_NS:
        raise Refused("duration is longer than a day; it is in seconds.")
    begin_ns = start_ns if start_ns is not None else _recording_start(row, zone)
    found.seizures.append(EegSeizure(line, begin_ns + onset_ns, duration_ns, kind[:KIND_LENGTH]))


def _seconds(row: dict[str, str], name: str, least: float) -> int | None:
    text = row.get(name, "").strip()
    if text in UNKNOWN:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise Refused(f"{name} is {text[:40]!r}, not a number of seconds.") from error
    if not math.isfinite(value) or not least <= value <= 1e8:
        raise Refused(f"{name} is {text[:40]}, which cannot be.")
    return round(value * NS_PER_S)


def _recording_start(row: dict[str, str], zone: ZoneInfo) -> int:
    text = row.get("dateTime", "").strip()
    if text in UNKNOWN:
        raise Refused("the start of the recording is not known: give it, or a column dateTime.")
    try:
        return utc_ns_of(datetime.fromisoformat(text), zone)
    except (ValueError, OverflowError) as error:
        raise Refused(f"dateTime is {text[:40]!r}, not a date and time.") from error
