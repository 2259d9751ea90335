"""The manifest of a closed event: its sealed segments, gaps and scores from the bed's database, and the proxies made."""

from __future__ import annotations

import sqlite3

from edge_agent.detection.score_log import scores_between
from edge_agent.ring.catalogue import SegmentRow, gaps_between, segments_between
from edge_agent.ring.coverage import accounts_between, evicted_between, removed_ns
from edge_agent.ring.gap_bundles import condensed
from shared.clip import MAX_SEGMENTS, ClipManifest, ManifestSegment, ProxyFile
from shared.event import EventReport

MAX_GAPS = 2_000


def make_manifest(connection: sqlite3.Connection, report: EventReport, proxies: list[ProxyFile]) -> ClipManifest:
    """The whole clip of [clip_start, clip_end) as the database knows it now."""
    span = (report.boot_id, report.clip_start_mono_ns, report.clip_end_mono_ns)
    before_ns = report.start_mono_ns - report.clip_start_mono_ns
    length_ns = max(1, report.clip_end_mono_ns - report.clip_start_mono_ns)
    accounts = accounts_between(connection, report.boot_id, span[1:])
    removed = evicted_between(connection, report.boot_id, span[1:])
    gone_ns = {stream: removed_ns(removed, stream, span[1:]) for stream in accounts}
    return ClipManifest(
        event_id=report.event_id,
        boot_id=report.boot_id,
        start_mono_ns=report.clip_start_mono_ns,
        end_mono_ns=report.clip_end_mono_ns,
        start_utc_ns=max(0, report.start_utc_ns - before_ns),
        segments=[_entry(row) for row in segments_between(connection, *span)[:MAX_SEGMENTS]],
        proxies=proxies,
        gaps=condensed(gaps_between(connection, *span), MAX_GAPS),
        coverage={stream: account.coverage or 0.0 for stream, account in accounts.items()},
        wanted={stream: min(1.0, account.wanted_ns / length_ns) for stream, account in accounts.items()},
        evicted={stream: min(1.0, ns / length_ns) for stream, ns in gone_ns.items() if ns},
        scores=scores_between(connection, *span),
    )


def _entry(row: SegmentRow) -> ManifestSegment:
    return ManifestSegment(
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        sequence=row.sequence,
        start_mono_ns=row.start_mono_ns,
        end_mono_ns=row.end_mono_ns,
        start_utc_ns=row.start_utc_ns,
        frames=row.frames,
    )
