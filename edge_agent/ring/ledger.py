"""The ledger of gaps: every frame that is missing is in exactly one gap, with its cause. Pure: times come in, gaps go out.

A gap is told when it ends, and in instalments while it lasts, so that a crash never hides how long nothing was recorded.
Many small ones in a row are told as one scattered gap (`gap_bundles.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edge_agent.ring.gap_bundles import GapBundles
from shared.clock import NS_PER_S
from shared.frame import Stream
from shared.gap import NOT_WANTED, Gap, GapCause

SILENCE_NS = NS_PER_S
"""When nothing was heard of a stream for this long, what is missing from then on is the source's loss."""
INSTALMENT_NS = 10 * NS_PER_S
LATE_PERIODS = 1.75
"""Periods after which a colour picture counts as missing: its rate seldom divides the frame rate."""
_MOST_FRAMES = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on both clocks, in ns."""

    mono_ns: int
    utc_ns: int

    def plus(self, ns: int) -> Moment:
        return Moment(self.mono_ns + ns, self.utc_ns + ns)

    def at(self, mono_ns: int) -> Moment:
        return self.plus(mono_ns - self.mono_ns)


@dataclass(slots=True)
class _Hole:
    """Frames that are being lost now. `counted` is None while they can only be estimated by time."""

    cause: GapCause
    start: Moment
    counted: int | None


@dataclass(slots=True)
class _Track:
    """One stream's account: recorded or in a told gap up to `until`; `heard` is the last word on it, good or bad."""

    stream: Stream
    period_ns: int
    until: Moment
    heard: Moment
    hole: _Hole | None = None
    estimated: int = 0


class Ledger:
    """Keeps the account of all streams in one boot; `tell` is handed each gap once, in the order of time."""

    def __init__(self, boot_id: str, tell: Callable[[Gap], None]) -> None:
        self._boot_id, self._bundles = boot_id, GapBundles(tell)
        self._tracks: dict[Stream, _Track] = {}

    def take_up(self, stream: Stream, cause: GapCause, until: Moment, now: Moment) -> None:
        """At start: `stream` was accounted for up to `until`; since then it is lost to `cause`."""
        self._tracks[stream] = _Track(stream, NS_PER_S // 30, until, now, _Hole(cause, until, None))

    def open_session(self, periods_ns: Mapping[Stream, int], now: Moment) -> None:
        """A camera opened with these streams: since the last frame they are the source's loss; others are closed."""
        for stream in [stream for stream in self._tracks if stream not in periods_ns]:
            self._end(self._tracks.pop(stream), now)
        for stream, period_ns in periods_ns.items():
            known = self._tracks.get(stream)
            if known is None:
                self._tracks[stream] = _Track(stream, period_ns, now, now)
                continue
            known.period_ns = period_ns
            if known.hole is None:
                self._hole(known, GapCause.source, now, counted=None)

    def good(self, stream: Stream, at: Moment) -> None:
        """A frame of the stream was recorded; ends its gap, if one was open."""
        track = self._tracks.get(stream)
        if track is not None:
            self._end(track, at)
            track.until, track.heard, track.estimated = at.plus(track.period_ns), at, 0

    def end_gap(self, stream: Stream, at: Moment) -> None:
        """A frame of the stream is about to be written: its gap is told first, so that no cut can leave the frame without it.

        What the disk took may go on with this frame; it ends with the first one that was written.
        """
        track = self._tracks.get(stream)
        if track is not None and track.hole is not None and track.hole.cause is not GapCause.disk:
            if track.hole.counted is None:
                track.heard = at  # its length counts all that is missing up to here: nothing of it is late as well
            self._end(track, at)

    def lost(self, stream: Stream, cause: GapCause, at: Moment, frames: int = 1) -> None:
        """`frames` frames of the stream up to `at` were not recorded."""
        track = self._tracks.get(stream)
        if track is None or frames <= 0:
            return
        hole = self._hole(track, cause, at, counted=0)
        if hole.counted is not None:
            hole.counted += frames
        track.heard = at

    def jumped(self, stream: Stream, losses: Mapping[GapCause, int], at: Moment) -> None:
        """The source's counter says how many frames came between the last one heard of and `at`, by cause; none is news too."""
        track = self._tracks.get(stream)
        if track is None:
            return
        self._settle(track, sum(losses.values()))
        for cause, frames in losses.items():
            reached = track.heard.mono_ns + (frames + 1) * track.period_ns
            self.lost(stream, cause, at.at(max(track.heard.mono_ns, min(reached, at.mono_ns))), frames)

    def late(self, stream: Stream, at: Moment, cause: GapCause = GapCause.source) -> None:
        """For a stream without a counter: what its rate says should have come before `at` is missing."""
        track = self._tracks.get(stream)
        if track is None or track.hole is not None:
            return
        periods = (at.mono_ns - track.heard.mono_ns) / track.period_ns
        if periods > LATE_PERIODS:
            self.lost(stream, cause, at, max(1, round(periods) - 1))

    def tick(self, now: Moment) -> None:
        """Opens gaps of the source where nothing is heard, and tells long gaps in instalments."""
        for track in self._tracks.values():
            standing = track.hole is not None and track.hole.cause in NOT_WANTED
            if now.mono_ns - track.heard.mono_ns > SILENCE_NS and not standing:
                self._hole(track, GapCause.source, now, counted=None)
            hole = track.hole
            if hole is not None and now.mono_ns - hole.start.mono_ns >= INSTALMENT_NS:
                self._emit(track, hole, now)
                track.hole = _Hole(hole.cause, now, None if hole.counted is None else 0)
        self._bundles.tick(now.mono_ns)

    def tell_bundles(self) -> None:
        """Tells what waits for neighbours: the segment that it belongs to is about to be sealed."""
        self._bundles.flush()

    def close(self, now: Moment) -> None:
        """Tells all open gaps up to now: the recorder stops."""
        for track in self._tracks.values():
            self._end(track, now)
        self._bundles.flush()

    def _settle(self, track: _Track, frames: int) -> None:
        """A silence that was estimated by time is counted after all; with nothing missing it was no gap."""
        hole = track.hole
        if hole is None or hole.counted is not None or hole.cause is not GapCause.source:
            return
        if frames == 0 and track.estimated == 0:
            track.hole = None
        else:
            hole.counted = -track.estimated

    def _hole(self, track: _Track, cause: GapCause, at: Moment, counted: int | None) -> _Hole:
        """The open hole of that cause; one of another cause ends where the last word on it was, and this one begins."""
        hole = track.hole
        if hole is not None and hole.cause is cause:
            return hole
        if hole is None:
            start = track.until if track.until.mono_ns < at.mono_ns else at.plus(-1)
        else:
            border = min(max(track.heard.mono_ns + track.period_ns, hole.start.mono_ns), at.mono_ns)
            start = at.at(border)
            self._emit(track, hole, start)
        track.hole = _Hole(cause, start, counted)
        return track.hole

    def _end(self, track: _Track, at: Moment) -> None:
        if track.hole is not None:
            self._emit(track, track.hole, at)
            track.hole = None

    def _emit(self, track: _Track, hole: _Hole, end: Moment) -> None:
        end_mono_ns = max(end.mono_ns, hole.start.mono_ns)
        length_ns = end_mono_ns - hole.start.mono_ns
        if hole.cause is GapCause.power:
            length_ns = max(length_ns, end.utc_ns - hole.start.utc_ns)
        frames = round(length_ns / track.period_ns) if hole.counted is None else max(0, hole.counted)
        if hole.counted is None:
            track.estimated += frames
        track.until = Moment(end_mono_ns, end.utc_ns)
        if frames == 0 and length_ns < track.period_ns:
            return
        self._bundles.add(
            Gap(
                stream=track.stream, cause=hole.cause, boot_id=self._boot_id, start_mono_ns=max(0, hole.start.mono_ns),
                end_mono_ns=end_mono_ns, start_utc_ns=max(0, hole.start.utc_ns), end_utc_ns=max(0, end.utc_ns),
                missing_frames=min(_MOST_FRAMES, frames),
            )
        )  # fmt: skip
