"""How much of a span was recorded, by stream, and what the rest was lost to: from the catalogue and the ledger. Pure on rows.

Coverage is recorded over wanted: a privacy pause and an unassigned bed are not wanted, and are told apart. A scattered gap
counts by its frames, not by its span. Where neither a segment nor a gap says anything, the time is unaccounted and counts as
wanted and not recorded.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edge_agent.ring.catalogue import Span, gaps_between, merged
from shared.clock import NS_PER_S
from shared.frame import RECORDED_STREAMS, Stream
from shared.gap import NOT_WANTED, Gap, GapCause
from shared.lane import Lane

SEAM_NS = NS_PER_S // 4
"""Segments that lie no further apart than this leave no hole between them: a few frame periods of jitter, as in the check."""
LONGEST_SEGMENT_NS = 300 * NS_PER_S
"""Segments are sealed at ten seconds; the index is read from this much before a span."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A gap as a span of the account's own time."""

    cause: GapCause
    span: Span
    share: float


@dataclass(frozen=True, slots=True)
class Account:
    """One stream in one span, in ns. All parts add up to the span."""

    recorded_ns: int
    lost_ns: Mapping[GapCause, int]
    not_wanted_ns: Mapping[GapCause, int]
    unaccounted_ns: int

    @property
    def wanted_ns(self) -> int:
        return self.recorded_ns + sum(self.lost_ns.values()) + self.unaccounted_ns

    @property
    def coverage(self) -> float | None:
        """Recorded of wanted, 0..1; None where nothing was wanted."""
        return self.recorded_ns / self.wanted_ns if self.wanted_ns else None


@dataclass(slots=True)
class Rows:
    """What catalogue and ledger hold of one stream."""

    recorded: list[Span] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)


def account(rows: Rows, within: Span) -> Account:
    """The account of a half-open span from recorded spans and losses; each in any order."""
    inside = _clipped(_without_seams(rows.recorded), within)
    recorded = float(sum(end - start for start, end in inside))
    unaccounted = within[1] - within[0] - recorded
    lost: dict[GapCause, float] = {}
    for loss in rows.losses:
        for start, end in _clipped([loss.span], within):
            among = sum(max(0, min(end, other[1]) - max(start, other[0])) for other in inside)
            lost[loss.cause] = lost.get(loss.cause, 0.0) + loss.share * (end - start)
            recorded -= loss.share * among
            unaccounted -= loss.share * (end - start - among)
    whole = {cause: round(ns) for cause, ns in sorted(lost.items())}
    return Account(
        max(0, round(recorded)),
        {cause: ns for cause, ns in whole.items() if cause not in NOT_WANTED},
        {cause: ns for cause, ns in whole.items() if cause in NOT_WANTED},
        max(0, round(unaccounted)),
    )


def _clipped(spans: Iterable[Span], within: Span) -> list[Span]:
    cut = ((max(start, within[0]), min(end, within[1])) for start, end in spans)
    return [(start, end) for start, end in cut if end > start]


def _without_seams(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in merged(spans):
        if joined and start - joined[-1][1] <= SEAM_NS:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def rows_between(connection: sqlite3.Connection, boot_id: str, within: Span, shift_ns: int = 0) -> dict[Stream, Rows]:
    """What is known of a boot's half-open span of monotonic time, by stream; times are moved by `shift_ns`.

    Reads the rows of that span alone, whatever the ring holds. A segment that was evicted was recorded all the same. A gap
    of cause power is as long as the wall clock says that the box was off.
    """
    found: dict[Stream, Rows] = {}
    bounds = {"boot": boot_id, "start": within[0], "end": within[1], "least": within[0] - LONGEST_SEGMENT_NS}
    columns = ", ".join(f"json_extract(frames, '$.{stream.value}') AS {stream.value}" for stream in RECORDED_STREAMS)
    segments = connection.execute(
        f"SELECT start_mono_ns, end_mono_ns, {columns} FROM segments WHERE boot_id = :boot "  # noqa: S608 - names of ours
        "AND start_mono_ns > :least AND start_mono_ns < :end AND end_mono_ns > :start",
        bounds,
    )
    for row in segments:
        span = (row["start_mono_ns"] + shift_ns, row["end_mono_ns"] + shift_ns)
        for stream in RECORDED_STREAMS:
            if row[stream.value]:
                found.setdefault(stream, Rows()).recorded.append(span)
    for gap in [*gaps_between(connection, boot_id, *within), *_power_cuts(connection, boot_id, within)]:
        found.setdefault(gap.stream, Rows()).losses.append(_loss(gap, shift_ns))
    removed = evicted_between(connection, boot_id, within)
    given = found.keys() | newest_streams(connection) if removed else set()
    if any(lane is Lane.colour for lane, _ in removed):
        given.add(Stream.colour)
    for stream in given:
        spans = [(start + shift_ns, end + shift_ns) for lane, (start, end) in removed if lane.holds(stream)]
        if spans:
            found.setdefault(stream, Rows()).recorded += spans
    return found


def evicted_between(connection: sqlite3.Connection, boot_id: str, within: Span) -> list[tuple[Lane, Span]]:
    """What retention removed of a boot's half-open span: spans that may reach beyond it, and which streams went."""
    found = connection.execute(
        "SELECT lane, start_mono_ns, end_mono_ns FROM evicted INDEXED BY evicted_by_end "
        "WHERE boot_id = ? AND end_mono_ns > ? AND start_mono_ns < ?",
        (boot_id, *within),
    )
    return [(Lane(row["lane"]), (row["start_mono_ns"], row["end_mono_ns"])) for row in found]


def removed_ns(removed: Iterable[tuple[Lane, Span]], stream: Stream, within: Span) -> int:
    """How much of a half-open span retention removed of one stream; `removed` as `evicted_between` gives it."""
    own = merged(span for lane, span in removed if lane.holds(stream))
    return sum(end - start for start, end in _clipped(own, within))


def newest_streams(connection: sqlite3.Connection) -> set[Stream]:
    """What the camera gives: of an evicted segment only its span is kept."""
    newest = connection.execute("SELECT frames FROM segments ORDER BY sequence DESC LIMIT 12")
    return {stream for row in newest for stream in RECORDED_STREAMS if json.loads(row["frames"]).get(stream.value)}


def _power_cuts(connection: sqlite3.Connection, boot_id: str, within: Span) -> list[Gap]:
    """The gaps that lie before the boot, where its clock reads less than nothing."""
    first = gaps_between(connection, boot_id, -1, 1) if within[1] <= 0 else []
    return [gap for gap in first if gap.cause is GapCause.power]


def _loss(gap: Gap, shift_ns: int) -> Loss:
    length_ns = gap.end_mono_ns - gap.start_mono_ns
    if gap.cause is GapCause.power:
        length_ns = max(length_ns, gap.end_utc_ns - gap.start_utc_ns)
    end_ns = gap.end_mono_ns + shift_ns
    return Loss(gap.cause, (end_ns - length_ns, end_ns), gap.share)


def accounts_between(connection: sqlite3.Connection, boot_id: str, within: Span) -> dict[Stream, Account]:
    """The account of each stream that segments or gaps of that span know, in one boot's monotonic time."""
    rows = rows_between(connection, boot_id, within)
    return {stream: account(rows[stream], within) for stream in sorted(rows)}
