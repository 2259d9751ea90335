"""The proxies of one event, made as its segments are sealed: while it is open most of the work is done already.

In: the event's reports and the catalogue's rows. Out: up to three proxy files. Only images with clip_start <= mono_ns <
clip_end are in them.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from edge_agent.clips.proxy_encoder import ProxyEncoder
from edge_agent.ring.catalogue import SegmentRow, segments_between
from edge_agent.ring.folder import PROXIES
from shared.clip import ProxyFile
from shared.clock import NS_PER_S, Clock
from shared.errors import Refused
from shared.event import EventPhase, EventReport
from shared.frame import RECORDED_STREAMS, Stream
from shared.segment import SegmentReader

LONGEST_WAIT_NS = 60 * NS_PER_S
"""A recorder that is down or paused seals nothing more: so long after the clip's end it is made of what is there."""


class ClipWork:
    """One event's proxies in the making. `done_ns`: everything sealed before it is in them; colour may lie apart and be behind.

    post_roll_ns: what the trigger adds after the last high score, at least, unless the event is cut off in the present.
    """

    def __init__(self, folder: Path, report: EventReport, clock: Clock, post_roll_ns: int = 0) -> None:
        self.report = report
        self._done_ns = dict.fromkeys(RECORDED_STREAMS, report.clip_start_mono_ns)
        self.troubles: list[str] = []
        self._folder = folder
        self._clock = clock
        self._post_roll_ns = post_roll_ns
        self._since_ns = clock.monotonic_ns()
        self._encoders = self._begin()

    def _begin(self) -> dict[Stream, ProxyEncoder]:
        folder, name = self._folder / PROXIES, self.report.event_id
        return {stream: ProxyEncoder(folder / f"{name}-{stream.value}.part", stream) for stream in RECORDED_STREAMS}

    @property
    def done_ns(self) -> int:
        return min(self._done_ns.values())

    def grow(self, report: EventReport) -> None:
        """A later report. When the event was cut off before what is encoded already, its proxies begin anew."""
        self.report = report
        if report.phase is EventPhase.closed and max(self._done_ns.values()) > report.clip_end_mono_ns:
            self.abandon()
            self._encoders = self._begin()
            self._done_ns = dict.fromkeys(RECORDED_STREAMS, report.clip_start_mono_ns)

    @property
    def _sure_end_ns(self) -> int:
        """The clip reaches at least to here. What is sealed while the event is open lies before its close, whenever that is."""
        if self.report.phase is EventPhase.closed:
            return self.report.clip_end_mono_ns
        return max(self.report.clip_end_mono_ns, self.report.end_mono_ns + self._post_roll_ns)

    def next_row(self, connection: sqlite3.Connection) -> SegmentRow | None:
        """The first sealed segment with images that are not encoded yet."""
        if self.done_ns >= self._sure_end_ns:
            return None
        found = segments_between(connection, self.report.boot_id, self.done_ns, self._sure_end_ns)
        return next((row for row in found if self._reached(row) < min(row.end_mono_ns, self._sure_end_ns)), None)

    def _reached(self, row: SegmentRow) -> int:
        """Up to where streams of that row's lane are encoded."""
        return max(self._done_ns[stream] for stream in row.lane.streams)

    def encode(self, row: SegmentRow) -> None:
        """Encodes what one segment adds; a damaged one costs its own images only. Raises Transient."""
        end_ns = min(row.end_mono_ns, self._sure_end_ns)
        try:
            with SegmentReader(row.path(self._folder)) as reader:
                for image in reader.frames(row.lane.streams, self._reached(row), end_ns):
                    self._encoders[image.stream].add(image)
        except Refused as error:
            self.troubles.append(error.sentence)
        except OSError as error:
            self.troubles.append(f"The segment {row.file} cannot be read: {error.strerror}.")
        self._done_ns |= dict.fromkeys(row.lane.streams, end_ns)

    def is_whole(self, connection: sqlite3.Connection) -> bool:
        """The event is closed and no more of its span will be sealed."""
        if self.report.phase is not EventPhase.closed:
            return False
        if self.done_ns >= self.report.clip_end_mono_ns or self._sealed_past_end(connection):
            return True
        now_ns = self._clock.monotonic_ns()
        if self.report.boot_id != self._clock.boot_id:
            return now_ns >= self._since_ns + LONGEST_WAIT_NS // 2
        return now_ns >= max(self.report.clip_end_mono_ns, 0) + LONGEST_WAIT_NS

    def _sealed_past_end(self, connection: sqlite3.Connection) -> bool:
        query = "SELECT 1 FROM segments WHERE boot_id = ? AND end_mono_ns >= ? AND lane <> 'colour' LIMIT 1"
        return connection.execute(query, (self.report.boot_id, self.report.clip_end_mono_ns)).fetchone() is not None

    def finish(self) -> list[ProxyFile]:
        """The files, whole and durable; a stream without images has none. Raises Transient."""
        made = [encoder.finish(self._folder / PROXIES) for encoder in self._encoders.values()]
        return [proxy for proxy in made if proxy is not None]

    @property
    def skipped(self) -> int:
        """Images left out because they were damaged."""
        return sum(encoder.skipped for encoder in self._encoders.values())

    def abandon(self) -> None:
        """Removes what was begun."""
        for encoder in self._encoders.values():
            encoder.abandon()


def sweep(folder: Path, in_use: set[str], in_work: set[str]) -> int:
    """Removes proxies whose hash no clip needs, and half-made ones of events that nobody works on; returns how many."""
    removed = 0
    for path in sorted((folder / PROXIES).iterdir()):
        unneeded = path.suffix == ".mp4" and path.stem not in in_use
        if unneeded or (path.suffix == ".part" and path.name.rpartition("-")[0] not in in_work):
            path.unlink(missing_ok=True)
            removed += 1
    return removed
