"""A hospital's seizure annotations: the TSV of SzCORE and BIDS, and which recording each row belongs to.

Columns: `onset` and `duration` in seconds, `eventType`, `dateTime` (start to which onset counts, YYYY-MM-DD HH:MM:SS); beside
these, where they help: `recording` (a file's or bed's name), `patient`, `motorOnset` (first motor sign, in seconds as onset is).
A row that cannot be read refuses the whole file: an annotation that is skipped is a seizure that nobody misses.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from models.evaluation.footage import Footage
from models.metrics.matching import Truth
from shared.clock import NS_PER_S
from shared.errors import Refused

LIMIT_BYTES = 16 * 1024 * 1024
MOST_ROWS = 100_000
LONGEST_S = 24 * 3600.0
NOT_GIVEN = {"", "n/a", "nan", "none"}
BACKGROUND = "bckg"
# Words within SzCORE's event types, in the order in which they decide, and the type of this project that they mean.
TYPES: Mapping[str, str] = {
    "f2b": "tonic_clonic",
    "tonic_clonic": "tonic_clonic",
    "clonic_tonic": "tonic_clonic",
    "hyperkinetic": "hyperkinetic",
    "automatism": "automotor",
    "automotor": "automotor",
    "tonic": "tonic",
    "psychogenic": "psychogenic",
    "pnes": "psychogenic",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One annotated seizure. Times in seconds; `base_utc_ns` is what onset counts from, None when the row does not say."""

    line: int
    kind: str
    onset_s: float
    end_s: float
    sign_s: float | None
    base_utc_ns: int | None
    recording: str
    patient: str


@dataclass(frozen=True)
class Assigned:
    """Truths and patient of each recording by its name; and the rows that lie in no recording."""

    truths: dict[str, tuple[Truth, ...]]
    patients: dict[str, str]
    outside: tuple[Row, ...]


def kind_of(event_type: str) -> str:
    """The type of seizure in this project's words; the file's own word where there is none."""
    word = event_type.lower().replace("-", "_")
    return next((kind for part, kind in TYPES.items() if part in word), event_type)


def read_annotations(path: Path, zone: ZoneInfo) -> list[Row]:
    """The seizures of the file, without background rows. Refused, naming line and column, for anything that cannot be read."""
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise Refused(f"{path.name} has more than {LIMIT_BYTES} bytes; that is no list of seizures.")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path.name} cannot be read as text: {error}.") from error
    reader = csv.DictReader(text.splitlines(), delimiter="\t", strict=True)
    lacking = {"onset", "duration", "eventType"} - set(reader.fieldnames or ())
    if lacking:
        raise Refused(
            f"{path.name} lacks the column {sorted(lacking)[0]}; its first line must name the columns, by tabs."
        )
    rows: list[Row] = []
    try:
        for line, fields in enumerate(reader, 2):
            if line > MOST_ROWS:
                raise Refused(f"{path.name} has more than {MOST_ROWS} rows.")
            row = _row(line, fields, zone, path.name)
            if row is not None:
                rows.append(row)
    except csv.Error as error:
        raise Refused(f"{path.name} is no table: {error}.") from error
    return rows


def _row(line: int, fields: Mapping[str, str | None], zone: ZoneInfo, name: str) -> Row | None:
    def word(column: str) -> str:
        found = (fields.get(column) or "").strip()
        return "" if found.lower() in NOT_GIVEN else found

    def seconds(column: str) -> float:
        try:
            value = float(word(column))
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise Refused(
                f"{name}, line {line}: {column} must be a number of seconds, not {word(column)[:40] or 'nothing'}."
            )
        return value

    if word("eventType").lower() == BACKGROUND:
        return None
    if not word("eventType"):
        raise Refused(f"{name}, line {line}: eventType says nothing.")
    onset_s, duration_s = seconds("onset"), seconds("duration")
    if not 0 < duration_s <= LONGEST_S:
        raise Refused(f"{name}, line {line}: duration must lie above 0 and within a day, not {duration_s:g} s.")
    sign_s = seconds("motorOnset") if word("motorOnset") else None
    if sign_s is not None and not onset_s <= sign_s <= onset_s + duration_s:
        raise Refused(f"{name}, line {line}: motorOnset lies outside the seizure.")
    base_utc_ns = _utc_ns(word("dateTime"), zone, line, name) if word("dateTime") else None
    return Row(
        line, kind_of(word("eventType")), onset_s, onset_s + duration_s, sign_s, base_utc_ns, word("recording"),
        word("patient"),
    )  # fmt: skip


def _utc_ns(text: str, zone: ZoneInfo, line: int, name: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{name}, line {line}: dateTime must be like 2026-03-01 22:15:00, not {text[:40]}.") from error
    local = found if found.tzinfo else found.replace(tzinfo=zone)
    return round(local.timestamp()) * NS_PER_S


def assign(rows: Sequence[Row], footage: Sequence[Footage]) -> Assigned:
    """Gives each row to the recording that holds a part of it. Refused when a row fits several, or patients contradict each other."""
    truths: dict[str, list[Truth]] = {each.name: [] for each in footage}
    patients = {each.name: each.patient for each in footage}
    given: dict[str, str] = {}
    outside: list[Row] = []
    for row in rows:
        fitting = [(each, start_s) for each in footage if (start_s := _shift_s(row, each)) is not None]
        if len(fitting) > 1:
            raise Refused(
                f"Line {row.line} fits {len(fitting)} recordings ({fitting[0][0].name}, {fitting[1][0].name}, …): "
                "name one in the column recording."
            )
        if not fitting:
            outside.append(row)
            continue
        each, shift_s = fitting[0]
        sign_s = None if row.sign_s is None else row.sign_s + shift_s
        truths[each.name].append(Truth(row.kind, row.onset_s + shift_s, row.end_s + shift_s, sign_s))
        if row.patient:
            if given.setdefault(each.name, row.patient) != row.patient:
                raise Refused(f"Line {row.line} says patient {row.patient}, an earlier one {given[each.name]}.")
            patients[each.name] = row.patient
    return Assigned({name: tuple(some) for name, some in truths.items()}, patients, tuple(outside))


def _shift_s(row: Row, footage: Footage) -> float | None:
    """What is added to the row's seconds to count from the recording's start; None when the row is not of this recording."""
    if row.recording and row.recording not in footage.names:
        return None
    if row.base_utc_ns is None or footage.start_utc_ns is None:
        return 0.0 if row.recording or row.base_utc_ns is None else None
    shift_s = (row.base_utc_ns - footage.start_utc_ns) / NS_PER_S
    length_s = footage.length_ns / NS_PER_S
    return shift_s if row.end_s + shift_s > 0 and row.onset_s + shift_s < length_s else None
