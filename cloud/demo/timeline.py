"""What flows, for people: one log event of a bed or of the cloud becomes one line with a time, or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

Fields = Mapping[str, Any]
LEAST_GAP_S = 0.5


def _megabytes(fields: Fields, key: str = "size_bytes") -> str:
    return f"{fields.get(key, 0) / 1e6:.1f} MB"


def _event(fields: Fields) -> str:
    return str(fields.get("event_id", ""))[-6:]


def _gap(fields: Fields) -> str:
    """One line for a gap that people would notice, not one for each stream and flicker of a busy machine."""
    if fields.get("stream") != "depth" or fields.get("seconds", 0) < LEAST_GAP_S:
        return ""
    return f"gap of {fields['seconds']:.1f} s in the recording, cause {fields.get('cause', '')}"


def _stored(fields: Fields) -> str:
    """The first and the last report of an event; the ones between are many."""
    phase = fields.get("phase", "")
    return f"event …{_event(fields)} {phase} report stored in the cloud" if phase != "updated" else ""


def _ended(fields: Fields) -> str:
    """An end on request is no news."""
    return f"process {fields.get('name', '')} ended, it is started again" if fields.get("level") == "warning" else ""


SENTENCES: dict[str, Callable[[Fields], str]] = {
    "camera_opened": lambda f: "camera open",
    "camera_lost": lambda f: f"camera lost: {f.get('reason', '')}",
    "segment_sealed": lambda f: (
        f"recorded {f.get('seconds', 0):.0f} s, {_megabytes(f)}, {f.get('ratio', 0):.1f} times smaller than raw"
    ),
    "score_flowing": lambda f: f"scored, now {f.get('value', 0):.2f}",
    "event_opened": lambda f: f"event …{_event(f)} opened at the bed",
    "event_closed": lambda f: (
        f"event …{_event(f)} closed, {f.get('motor_type', '')}, peak score {f.get('peak_score', 0):.2f}"
    ),
    "event_stored": _stored,
    "receipt_arrived": lambda f: f"receipt {f.get('kind', '')} for event …{_event(f)}, message {f.get('sequence', '')}",
    "proxy_made": lambda f: f"proxy {f.get('stream', '')} made for event …{_event(f)}, {_megabytes(f)}",
    "proxy_stored": lambda f: f"proxy {f.get('stream', '')} of event …{_event(f)} stored, watchable",
    "clip_stored": lambda f: f"clip of event …{_event(f)} stored",
    "event_classified": lambda f: (
        f"event …{_event(f)} classified: {f.get('best', '')} {f.get('probability', 0):.0%} (trained on simulation) in {f.get('seconds', 0):.1f} s"
    ),
    "verdict_given": lambda f: f"event …{_event(f)} reviewed: {f.get('verdict', '')}",
    "gap_recorded": _gap,
    "process_ended": _ended,
    "segment_evicted": lambda f: "oldest segment gone, the ring is full",
}


def clock_text(stamp: str) -> str:
    """`2026-01-01T01:02:03.456Z` as local time `HH:MM:SS.mmm`; the text itself when it is no time."""
    try:
        return datetime.fromisoformat(stamp).astimezone().strftime("%H:%M:%S.%f")[:-3]
    except ValueError:
        return stamp


def line_for(raw: str, origin: str) -> str | None:
    """One line for the terminal, or None for what people need not see. Warnings and errors are always shown."""
    try:
        fields = json.loads(raw)
    except ValueError:
        return f"{'':12}  {origin:<6}  {raw.rstrip()}" if raw.strip() else None
    if not isinstance(fields, dict):
        return None
    when = clock_text(str(fields.get("timestamp", "")))
    name = str(fields.get("event", ""))
    sentence = SENTENCES.get(name)
    if sentence is not None:
        told = sentence(fields)
        return f"{when:12}  {origin:<6}  {told}" if told else None
    if fields.get("level") in {"warning", "error", "critical"}:
        why = fields.get("reason") or fields.get("sentence") or fields.get("exception", "")
        return f"{when:12}  {origin:<6}  {fields.get('level')}: {name} {str(why).strip().splitlines()[-1] if why else ''}".rstrip()
    return None
