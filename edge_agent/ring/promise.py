"""How many hours the ring will hold at the present rate, and whether what was promised is at risk. Pure: it reads and tells."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from edge_agent.ring.catalogue import newest_segment, total_bytes, total_hours
from edge_agent.ring.pins import pinned_bytes
from shared.clock import NS_PER_S

HOUR_NS = 3600 * NS_PER_S
WARN_SHARE = 1.05
"""The alarm comes while there is still a twentieth to spare."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large and how old the ring may be; age counts time that the box was on. `reserve_bytes` of the disk stay free.

    colour_hours: how old colour may be that lies in files of its own; None: as old as the rest.
    """

    max_bytes: int
    max_hours: float
    reserve_bytes: int = 0
    colour_hours: float | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """What the ring holds and will hold. `at_risk` is a sentence when `max_hours` will not be reached, or hardly, else None.

    hours_held: recorded hours in the ring now. hours_promised: hours that it will hold once it is full, `max_hours` at most.
    """

    hours_held: float
    hours_promised: float
    rate_bytes_per_s: float
    pinned_bytes: int
    at_risk: str | None


def promise(connection: sqlite3.Connection, limits: Limits, free_bytes: int) -> Promise:
    """The forecast: room for segments that may be evicted, over the bytes a second of the last recorded hour.

    The room is `max_bytes`, or what the ring has and the disk still gives when that is less, without what events hold: a
    pinned segment may have to stay for longer than the promise. Before anything is recorded nothing is at risk. Colour that
    leaves earlier takes room for its own hours only.
    """
    ring, pinned, rate = total_bytes(connection), pinned_bytes(connection), present_rate(connection)
    held = total_hours(connection)
    if rate.bytes_per_s <= 0:
        return Promise(held, limits.max_hours, 0.0, pinned, None)
    room = min(limits.max_bytes, ring + max(0, free_bytes - limits.reserve_bytes))
    hours = _hours(max(0, room - pinned), rate, limits)
    sentence = _sentence(hours, limits, rate.bytes_per_s, pinned)
    return Promise(held, min(limits.max_hours, hours), rate.bytes_per_s, pinned, sentence)


@dataclass(frozen=True, slots=True)
class Rate:
    """Bytes a second of recording: all of it, and what of that is colour in files of its own."""

    bytes_per_s: float
    colour_apart: float


def _hours(room: float, rate: Rate, limits: Limits) -> float:
    """Until colour's hours are full all of it grows; from then on the rest alone does."""
    hours = room / rate.bytes_per_s / 3600
    if limits.colour_hours is None or hours <= limits.colour_hours:
        return hours
    rest = rate.bytes_per_s - rate.colour_apart
    room_left = room - limits.colour_hours * 3600 * rate.bytes_per_s
    return limits.colour_hours + room_left / rest / 3600 if rest > 0 else WARN_SHARE * limits.max_hours


def present_rate(connection: sqlite3.Connection) -> Rate:
    """Over the newest hour of the newest boot; 0 when the ring is empty."""
    newest = newest_segment(connection)
    if newest is None:
        return Rate(0.0, 0.0)
    found = connection.execute(
        "SELECT SUM(size_bytes) AS size, SUM((lane = 'colour') * size_bytes) AS colour, "
        "SUM((lane <> 'colour') * (end_mono_ns - start_mono_ns)) AS length_ns FROM segments "
        "WHERE boot_id = ? AND start_mono_ns > ? AND start_mono_ns <= ?",
        (newest.boot_id, newest.end_mono_ns - HOUR_NS, newest.start_mono_ns),
    ).fetchone()
    if not found["length_ns"]:
        return Rate(0.0, 0.0)
    seconds = found["length_ns"] / NS_PER_S
    return Rate(found["size"] / seconds, found["colour"] / seconds)


def _sentence(hours: float, limits: Limits, rate: float, pinned: int) -> str | None:
    if hours >= WARN_SHARE * limits.max_hours:
        return None
    held = f"The ring grows by {rate / 1e6:.1f} MB/s" + (f" and events hold {pinned / 1e9:.1f} GB" if pinned else "")
    if hours >= limits.max_hours:
        return f"{held}: it holds {hours:.1f} h at the present rate, hardly more than {limits.max_hours:g} h."
    return f"{held}: it holds {hours:.1f} h at the present rate, not {limits.max_hours:g} h."
