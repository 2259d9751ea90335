"""Reads the annotations of an EDF+ file: time-stamped annotation lists (TAL), and nothing of its signals. Pure.

Specification: B. Kemp and J. Olivan, "European data format 'plus' (EDF+)", Clin Neurophysiol 114 (2003), https://www.edfplus.info/specs/edfplus.html.
Onsets count from the start of the file, by the clock of the EEG.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from cloud.references.seizure import KIND_LENGTH, LONGEST_NS, EegSeizure, ReadFile, is_seizure, utc_ns_of
from shared.clock import NS_PER_S
from shared.errors import Refused

HEADER = 256
LABEL = "EDF Annotations"
MOST_SIGNALS = 4_096
_TAL = re.compile(rb"([+-]\d{1,9}(?:\.\d{1,9})?)(?:\x15(\d{1,9}(?:\.\d{1,9})?))?\x14([^\x00]*)\x14\x00")
_ENDS = re.compile(r"\b(end|offset|stop)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the annotations stand: bytes before the first record, of a record, and (from, to) in each record."""

    first: int
    record: int
    places: list[tuple[int, int]]


def is_edf(content: bytes) -> bool:
    """The file begins as EDF and says that it is EDF+."""
    return content[:8] == b"0       " and content[192:196] == b"EDF+"


def read_edf(content: bytes, recording_start_ns: int | None, zone: ZoneInfo) -> ReadFile:
    """The seizures among the annotations. An annotation such as `Seizure end` ends the one before it where that tells no duration.

    Raises Refused for what is no EDF+ file; a bad annotation is a fault of the result, by its number in the file.
    """
    layout = _layout(content)
    start_ns = recording_start_ns if recording_start_ns is not None else _start(content, zone)
    found = ReadFile()
    for number, (onset_ns, duration_ns, text) in enumerate(_annotations(content, layout), start=1):
        kind = text.strip()[:KIND_LENGTH]
        if not is_seizure(kind):
            found.passed_over += 1
        elif duration_ns == 0 and _ENDS.search(kind):
            _end(found, number, start_ns + onset_ns)
        elif duration_ns > LONGEST_NS:
            found.faults.append(f"annotation {number}: the duration is longer than a day.")
        else:
            found.seizures.append(EegSeizure(number, start_ns + onset_ns, duration_ns, kind))
    return found


def _end(found: ReadFile, number: int, end_ns: int) -> None:
    last = found.seizures[-1] if found.seizures else None
    if last is None or last.duration_ns or not 0 <= end_ns - last.start_ns <= LONGEST_NS:
        found.faults.append(f"annotation {number}: it ends a seizure of which no beginning is told.")
        return
    found.seizures[-1] = EegSeizure(last.line, last.start_ns, end_ns - last.start_ns, last.kind)


def _layout(content: bytes) -> _Layout:
    if not is_edf(content):
        raise Refused("The file is neither a table nor EDF+. Nothing was imported.")
    first, count = _number(content, 184, 8, "header length"), _number(content, 252, 4, "number of signals")
    if not 1 <= count <= MOST_SIGNALS or first != HEADER * (count + 1) or len(content) < first:
        raise Refused("The EDF+ header contradicts itself or is cut off. Nothing was imported.")
    samples_at = HEADER + count * (16 + 80 + 8 * 5 + 80)
    lengths = [2 * _number(content, samples_at + 8 * index, 8, "samples in a record") for index in range(count)]
    labels = [
        content[HEADER + 16 * index : HEADER + 16 * index + 16].decode("latin-1").strip() for index in range(count)
    ]
    places, at = [], 0
    for label, length in zip(labels, lengths, strict=True):
        if label == LABEL:
            places.append((at, at + length))
        at += length
    if not places or at <= 0:
        raise Refused("The EDF+ file has no annotations. Nothing was imported.")
    return _Layout(first, at, places)


def _number(content: bytes, at: int, length: int, name: str) -> int:
    text = content[at : at + length].decode("latin-1").strip()
    if not text.isascii() or not text.isdigit():
        raise Refused(f"The EDF+ header's {name} is {text[:8]!r}. Nothing was imported.")
    return int(text)


def _start(content: bytes, zone: ZoneInfo) -> int:
    """Start date and time of the header; years 85 to 99 are of the last century, as the specification says."""
    text = content[168:184].decode("latin-1")
    try:
        day, month, year, hour, minute, second = (int(text[at : at + 2]) for at in (0, 3, 6, 8, 11, 14))
        full = year + (1900 if year >= 85 else 2000)
        return utc_ns_of(datetime(full, month, day, hour, minute, second, tzinfo=zone), zone)
    except ValueError as error:
        raise Refused(f"The EDF+ file begins at {text!r}, which is no date and time. Nothing was imported.") from error


def _annotations(content: bytes, layout: _Layout) -> Iterator[tuple[int, int, str]]:
    """Onset and duration in ns, and text, in the order of the file; the empty ones that only date a record are left out."""
    for at in range(layout.first, len(content) - layout.record + 1, layout.record):
        for start, end in layout.places:
            for tal in _TAL.finditer(content[at + start : at + end]):
                onset_ns, duration_ns = _ns(tal[1]), _ns(tal[2] or b"0")
                for text in tal[3].split(b"\x14"):
                    if text:
                        yield onset_ns, duration_ns, text.decode("utf-8", "replace").replace("\x00", "")


def _ns(text: bytes) -> int:
    return round(float(text) * NS_PER_S)
