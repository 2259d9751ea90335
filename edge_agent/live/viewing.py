"""One viewer's connection: takes the cleaned offer, answers, carries the shots, says why it ended. Over WebRTC, by aiortc.

The shots come encoded: aiortc only packs them. A data channel, where the offer has one, carries facts as JSON: twice a second the
time and the age of the newest picture, and at last why it ended.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import av
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from edge_agent.live.encoder import Shot
from shared.clock import NS_PER_MS, Clock
from shared.errors import Refused
from shared.live_view import ViewCause

SHOTS_WAITING = 45
"""Three seconds; a viewer whose line is slower loses pictures up to the next whole one."""
FACTS_PERIOD_S = 0.5
FACTS_WAITING_BYTES = 16 * 1024
GOODBYE_S = 0.3
"""So long the last fact has to leave; no picture goes any more by then."""


class _ShotTrack(MediaStreamTrack):
    """Shots as aiortc takes them, from the first whole picture on."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self.newest: Shot | None = None
        self._shots: asyncio.Queue[Shot] = asyncio.Queue(SHOTS_WAITING)
        self._broken = True

    def put(self, shot: Shot) -> None:
        """Queues a shot; when the viewer is too slow all is left out up to the next whole picture."""
        if self._broken and not shot.key:
            return
        self._broken = self._shots.full()
        if not self._broken:
            self._shots.put_nowait(shot)

    async def recv(self) -> av.Packet[Any]:
        """The next packet. Raises MediaStreamError when the track was stopped."""
        if self.readyState != "live":
            raise MediaStreamError
        shot = await self._shots.get()
        self.newest = shot
        return shot.packet


class Viewing:
    """From the offer to the end. `on_joined` once at most; `on_lost` when the viewer went or the line broke."""

    def __init__(
        self, servers: RTCConfiguration, clock: Clock, on_joined: Callable[[], None], on_lost: Callable[[ViewCause], None]
    ) -> None:  # fmt: skip
        self._clock = clock
        self._on_joined = on_joined
        self._on_lost = on_lost
        self._track = _ShotTrack()
        self._channel: RTCDataChannel | None = None
        self._telling: asyncio.Task[None] | None = None
        self._peer = RTCPeerConnection(servers)
        self._peer.addTrack(self._track)
        self._peer.on("connectionstatechange", self._changed)
        self._peer.on("datachannel", self._opened)

    async def answer(self, offer: str) -> str:
        """The answer with all its addresses. Raises Refused for an offer that WebRTC does not take."""
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            await self._peer.setLocalDescription(await self._peer.createAnswer())
        except Exception as error:  # aiortc raises whatever its parser met in a stranger's text
            raise Refused(f"The offer cannot be answered: {type(error).__name__}.") from error
        sdp: str = self._peer.localDescription.sdp
        if "H264/90000" not in sdp:
            raise Refused("Bed and browser have no kind of H.264 in common.")
        return sdp

    def give(self, shot: Shot) -> None:
        """The next shot; call it in the loop's thread."""
        self._track.put(shot)

    async def close(self, cause: ViewCause, sentence: str) -> None:
        """Ends the pictures at once, then tells the viewer why, then the connection."""
        self._track.stop()
        if self._telling is not None:
            self._telling.cancel()
        for sender in self._peer.getSenders():
            await sender.stop()
        self._tell({"end": cause.value, "sentence": sentence})
        with suppress(TimeoutError):
            await asyncio.wait_for(self._told(), GOODBYE_S)
        await self._peer.close()

    async def _told(self) -> None:
        while self._channel is not None and self._channel.readyState == "open" and self._channel.bufferedAmount:
            await asyncio.sleep(0.01)

    def _changed(self) -> None:
        state = self._peer.connectionState
        if state == "connected":
            self._on_joined()
        elif state == "failed":
            self._on_lost(ViewCause.line_lost)
        elif state == "closed":
            self._on_lost(ViewCause.left)

    def _opened(self, channel: RTCDataChannel) -> None:
        if self._channel is None:
            self._channel = channel
            self._telling = asyncio.create_task(self._tell_facts())

    async def _tell_facts(self) -> None:
        while True:
            shot = self._track.newest
            if shot is None:
                self._tell({"waiting": 1})
            else:
                age_ms = (self._clock.monotonic_ns() - shot.mono_ns) // NS_PER_MS
                self._tell({"utc_ms": shot.utc_ns // NS_PER_MS, "age_ms": age_ms})
            await asyncio.sleep(FACTS_PERIOD_S)

    def _tell(self, fact: dict[str, int | str]) -> None:
        channel = self._channel
        if channel is None or channel.readyState != "open" or channel.bufferedAmount > FACTS_WAITING_BYTES:
            return
        channel.send(json.dumps(fact))
