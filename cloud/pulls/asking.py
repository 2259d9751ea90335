"""Sends waiting wishes to the beds that are connected, each second; runs in every ingester beside the publisher of desired states."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

import structlog

from cloud.database import UNREACHABLE
from cloud.pulls import service
from shared.envelope import seal

PERIOD_S = 1.0
_log = structlog.get_logger(__name__)


class Link(Protocol):
    """What this needs of the link to the broker."""

    connected: bool

    def publish(self, topic: str, payload: bytes, *, qos: int) -> bool:
        """Hands a message to the broker; False when it cannot go now."""


class PullSender:
    """One in each ingester; the database keeps two from sending the same wish."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.turn(time.time_ns())
            except UNREACHABLE as error:
                _log.warning("database_unreachable", reason=f"{type(error).__name__}: {error}"[:300])
            await asyncio.sleep(PERIOD_S)

    async def turn(self, now_ns: int) -> int:
        """One round; returns how many were sent."""
        expired = await service.expire(now_ns)
        if expired:
            _log.warning("pulls_expired", count=expired)
        if not self._link.connected:
            return 0
        sent = 0
        for address, request in await service.claim_due(now_ns):
            if self._link.publish(address.text, seal(address, request, now_ns), qos=1):
                sent += 1
                _log.info("pull_sent", pull_id=str(request.pull_id), site=address.site, bed=address.bed)
            else:
                await service.send_again(request.pull_id)
        return sent
