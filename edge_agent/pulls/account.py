"""What the answer to a pull says of its parts, and why a span is not held, in words. Reads catalogue and ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from edge_agent.pulls.spans import HeldSpan
from edge_agent.ring.catalogue import Span, oldest_segment
from edge_agent.ring.coverage import accounts_between, evicted_between, removed_ns
from shared.clock import Clock, utc_text
from shared.frame import RECORDED_STREAMS, Stream
from shared.gap import GapCause
from shared.pull import HeldStream

CAUSES_NAMED = 3


def streams_of(connection: sqlite3.Connection, part: HeldSpan, until_ns: int) -> tuple[dict[Stream, HeldStream], float]:
    """By stream the shares of what is recorded by `until_ns` and still held, lost, not wanted, gone; and the share of which all is gone."""
    within = (part.start_ns, min(part.end_ns, max(until_ns, part.start_ns)))
    length_ns = within[1] - within[0]
    if length_ns <= 0:
        return {}, 0.0
    removed = evicted_between(connection, part.boot_id, within)
    gone_ns = {stream: removed_ns(removed, stream, within) for stream in RECORDED_STREAMS}
    found = {
        stream: HeldStream(
            held=_share(max(0, account.recorded_ns - gone_ns[stream]), length_ns),
            evicted=_share(min(account.recorded_ns, gone_ns[stream]), length_ns),
            lost=_shares(account.lost_ns, length_ns),
            not_wanted=_shares(account.not_wanted_ns, length_ns),
        )
        for stream, account in accounts_between(connection, part.boot_id, within).items()
    }
    return found, _share(min(gone_ns.values()), length_ns)


def _share(ns: int, of_ns: int) -> float:
    return round(min(1.0, ns / of_ns), 4)


def _shares(parts: Mapping[GapCause, int], of_ns: int) -> dict[GapCause, float]:
    return {cause: _share(ns, of_ns) for cause, ns in parts.items() if ns > 0}


def why_nothing(connection: sqlite3.Connection, clock: Clock, wanted_utc: Span) -> str:
    """One sentence on a span of which the ring holds nothing."""
    if wanted_utc[0] >= clock.utc_ns():
        return f"The span lies in the future: the bed's clock says {utc_text(clock.utc_ns())}."
    oldest = oldest_segment(connection)
    if oldest is None:
        return "The ring is empty: this bed has recorded nothing."
    if wanted_utc[1] <= oldest.start_utc_ns:
        return f"The ring begins at {utc_text(oldest.start_utc_ns)}: the span is gone or was never recorded."
    rows = connection.execute(
        "SELECT DISTINCT cause FROM gaps WHERE start_utc_ns < ? AND end_utc_ns > ? ORDER BY cause LIMIT ?",
        (wanted_utc[1], wanted_utc[0], CAUSES_NAMED),
    )
    causes = ", ".join(GapCause(row[0]).value.replace("_", " ") for row in rows)
    return f"Nothing was recorded then: {causes}." if causes else "Nothing was recorded then, and no gap says why."
