"""Takes frames from the pool while somebody watches, and encodes each wanted stream once, for all who watch it.

A thread of its own that begins with the first viewer and ends with the last: without viewers no frame is read and the bus is not
even listened to. It never makes capture or recorder wait: it reads the pool as they do, and what it was too slow for is left out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from edge_agent.bus import Subscriber
from edge_agent.bus_messages import FrameHandle
from edge_agent.frame_pool import FramePoolReader
from edge_agent.live.encoder import LiveEncoder, Shot
from shared.clock import NS_PER_S
from shared.frame import Stream

TURN_MS = 100
PATIENCE = 0.9
"""Share of the period after which a frame is due: cameras are not exact."""
Give = Callable[[Shot], None]


class Studio:
    """One a bed. `watch` may be called from one thread; shots are given in the studio's own."""

    def __init__(
        self, folder: Path, listen: Callable[[], Subscriber], frames_per_s: float, absent: Callable[[Stream], None]
    ) -> None:
        self.fault: Exception | None = None
        """What ended the thread, for its owner to raise."""
        self.encoded = 0
        """Pictures encoded since the start, of all streams."""
        self._folder = folder
        self._listen = listen
        """Makes a subscriber to the frames, for the thread that calls it."""
        self._rate = frames_per_s
        self._absent = absent
        """Told, in the studio's thread, that the camera gives no such stream."""
        self._lock = threading.Lock()
        self._wanted: dict[Stream, list[Give]] = {}
        self._fresh: set[Stream] = set()
        self._thread: threading.Thread | None = None

    def watch(self, stream: Stream, give: Give) -> Callable[[], None]:
        """From the next whole picture on, every shot of the stream goes to `give`. Returns what ends it."""
        with self._lock:
            self._wanted.setdefault(stream, []).append(give)
            self._fresh.add(stream)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live-studio", daemon=True)
                self._thread.start()
        return lambda: self._leave(stream, give)

    def _leave(self, stream: Stream, give: Give) -> None:
        with self._lock:
            watching = self._wanted.get(stream, [])
            if give in watching:
                watching.remove(give)
            if not watching:
                self._wanted.pop(stream, None)

    @property
    def at_work(self) -> bool:
        """Whether frames are read now."""
        return self._thread is not None

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001  the edge of the thread: the process raises it and starts again
            self.fault = error

    def _work(self) -> None:
        inbox = self._listen()
        pool = FramePoolReader(self._folder)
        shoot = _Shooting(pool, self._rate, self._absent)
        try:
            while (order := self._order()) is not None:
                wanted, fresh = order
                for stream, shot in shoot.turn(_arrived(inbox), wanted, fresh):
                    self.encoded += 1
                    with self._lock:
                        gives = list(self._wanted.get(stream, ()))
                        self._fresh -= {stream} if shot.key else set()
                    for give in gives:
                        give(shot)
        finally:
            inbox.close()

    def _order(self) -> tuple[frozenset[Stream], frozenset[Stream]] | None:
        """What is wanted, and of which streams a whole picture; None: nobody watches, the thread ends."""
        with self._lock:
            if not self._wanted:
                self._thread = None
                return None
            return frozenset(self._wanted), frozenset(self._fresh)


class _Shooting:
    """Which frames are due, and their encoders."""

    def __init__(self, pool: FramePoolReader, frames_per_s: float, absent: Callable[[Stream], None]) -> None:
        self._pool = pool
        self._rate = frames_per_s
        self._period_ns = round(PATIENCE * NS_PER_S / frames_per_s)
        self._absent = absent
        self._encoders: dict[Stream, LiveEncoder] = {}
        self._due_ns: dict[Stream, int] = {}

    def turn(
        self, handles: list[FrameHandle], wanted: frozenset[Stream], fresh: frozenset[Stream]
    ) -> list[tuple[Stream, Shot]]:
        """The shots of the newest due frame of each wanted stream."""
        for stream in set(self._encoders) - wanted:
            del self._encoders[stream]
        found = []
        for stream in wanted:
            handle = next((each for each in reversed(handles) if _holds(each, stream)), None)
            if handle is None:
                self._look_for(stream, handles)
            elif handle.mono_ns >= self._due_ns.get(stream, 0):
                shot = self._shoot(stream, handle, key=stream in fresh)
                if shot is not None:
                    found.append((stream, shot))
        return found

    def _shoot(self, stream: Stream, handle: FrameHandle, *, key: bool) -> Shot | None:
        frame = self._pool.read(handle)
        if frame is None:
            return None
        self._due_ns[stream] = handle.mono_ns + self._period_ns
        encoder = self._encoders.setdefault(stream, LiveEncoder(stream, self._rate))
        return encoder.encode(frame, key=key)

    def _look_for(self, stream: Stream, handles: list[FrameHandle]) -> None:
        info = self._pool.info(handles[-1].pool) if handles else None
        if info is not None and stream not in info.streams:
            self._absent(stream)


def _holds(handle: FrameHandle, stream: Stream) -> bool:
    sizes = {Stream.depth: handle.depth_width, Stream.ir: handle.ir_width, Stream.colour: handle.colour_bytes}
    return bool(sizes[stream])


def _arrived(inbox: Subscriber) -> list[FrameHandle]:
    """All handles that wait, after a short wait for the first."""
    handles: list[FrameHandle] = []
    found = inbox.receive(TURN_MS)
    while found is not None:
        handles.append(found[1])
        found = inbox.receive(0)
    return handles
