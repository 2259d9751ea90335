"""A viewer as a browser is one: an aiortc peer that offers to receive one picture, with a data channel for the facts."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcrtpreceiver import RTCRtpReceiver

from shared.frame import Stream
from shared.ids import uuid7
from shared.live_view import LiveOffer

FAR_UTC_NS = 2**62


class Viewer:
    """`frames` are the decoded pictures so far, `facts` what came by the data channel."""

    def __init__(self, stream: Stream = Stream.ir, name: str = "a.clinician") -> None:
        self.view_id = uuid7(1)
        self.stream, self.name = stream, name
        self.frames: list[Any] = []
        self.facts: list[dict[str, Any]] = []
        self.over = asyncio.Event()
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peer.on("track", self._watch)
        self._channel = self._peer.createDataChannel("facts")
        self._channel.on("message", lambda text: self.facts.append(json.loads(text)))
        self._task: asyncio.Task[None] | None = None

    async def offer(self) -> LiveOffer:
        """The offer as the cloud passes it on."""
        transceiver = self._peer.addTransceiver("video", direction="recvonly")
        known = RTCRtpReceiver.getCapabilities("video")
        assert known is not None
        transceiver.setCodecPreferences([each for each in known.codecs if each.mimeType == "video/H264"])
        await self._peer.setLocalDescription(await self._peer.createOffer())
        sdp = self._peer.localDescription.sdp
        return LiveOffer(view_id=self.view_id, viewer=self.name, stream=self.stream, sdp=sdp, expires_utc_ns=FAR_UTC_NS)

    async def take(self, answer: str) -> None:
        await self._peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def _watch(self, track: MediaStreamTrack) -> None:
        self._task = asyncio.create_task(self._receive(track))

    async def _receive(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                self.frames.append(await track.recv())
        except MediaStreamError:
            self.over.set()

    async def close(self) -> None:
        await self._peer.close()
        if self._task is not None:
            await self._task
