"""The loops of an ingester: take deliveries to their end, and bring to the broker what the cloud wants of the beds.

Order in each delivery: commit, receipt, acknowledge. While the database is away a delivery is held and tried again; its bed
hears nothing and keeps the event.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from cloud.database import UNREACHABLE
from cloud.devices import queries as device_queries
from cloud.devices import service as devices
from cloud.devices.tables import DesiredRow
from cloud.ingest import rules
from cloud.ingest.broker_link import BrokerLink, Delivery
from cloud.ingest.rules import Incoming
from cloud.ingest.service import Reply, is_permanent
from cloud.principal import Principal
from shared.command import DesiredState
from shared.envelope import seal
from shared.failpoints import hit
from shared.receipt import Receipt
from shared.topics import Address, Topic

TAKERS = 4
BATCH = 64
HEARTBEATS_A_TURN = 25
HEALTH_PERIOD_S = 0.25
HEALTH_PAUSE_S = 5.0
HEALTH_SHARE = 0.25
"""Of the time, for heartbeats: what takes longer is followed by a longer pause, 5 s at most, and the newest of each bed counts."""
SHED_PERIOD_S = 60.0
SHED_BEDS_TOLD = 100
DESIRED_PERIOD_S = 1.0
_log = structlog.get_logger(__name__)


class Store(Protocol):
    """What the intake needs of the database side; `cloud.ingest.service.Taker` is one."""

    async def take_all(self, batch: Sequence[Incoming]) -> list[Reply | None]:
        """Takes messages in and returns what to answer each."""

    async def refuse(self, address: Address | None, incoming: Incoming, reason: str) -> Reply | None:
        """Puts one message aside."""

    async def note_shed(self, counts: dict[str, int]) -> None:
        """Writes down what was put off."""


class Intake:
    """Takes deliveries from a link into a store. `taken` counts what came to its end."""

    def __init__(self, link: BrokerLink, store: Store, dice: random.Random) -> None:
        self.taken = 0
        self._link = link
        self._store = store
        self._dice = dice
        self._unreachable = False

    async def run(self) -> None:
        """Until cancelled. Several takers work side by side; the order of a bed's reports is kept by their revisions."""
        async with asyncio.TaskGroup() as takers:
            for _ in range(TAKERS):
                takers.create_task(self._take_all())
            takers.create_task(self._take_health())
            takers.create_task(self._tell_shed())

    async def _take_all(self) -> None:
        while True:
            batch = await self._link.deliveries.take(BATCH)
            await self.take(batch)
            self.taken += len(batch)

    async def take(self, batch: Sequence[Delivery]) -> None:
        """Commit, answer, acknowledge, in this order, for all of the batch; while the database is away it waits."""
        failures = 0
        while True:
            try:
                replies = await self._store.take_all([delivery.incoming for delivery in batch])
                break
            except Exception as error:  # noqa: BLE001  the edge of the process: no message stops the loop
                if isinstance(error, UNREACHABLE) and not is_permanent(error):
                    self._note_unreachable(error)
                    await asyncio.sleep(rules.wait_s(failures, self._dice))
                    failures += 1
                elif len(batch) > 1:
                    await self._take_each(batch)
                    return
                else:
                    topic = rules.storable(batch[0].incoming.topic, 200)
                    _log.error("message_failed", topic=topic, exc_info=error)
                    await self._put_aside(batch[0], error)
                    replies = [None]
                    break
        self._unreachable = False
        hit("after_event_commit_before_receipt")
        for reply in replies:
            if reply is not None:
                self._answer(reply)
        hit("after_receipt_before_ack")
        for delivery in batch:
            self._link.acknowledge(delivery)

    async def _take_each(self, batch: Sequence[Delivery]) -> None:
        """One of them is bad: alone, it harms nobody else."""
        for delivery in batch:
            await self.take([delivery])

    async def _take_health(self) -> None:
        """Heartbeats in bulk; one that finds the database away is not worth waiting for: the next one is fresher."""
        took_s = 0.0
        while True:
            await asyncio.sleep(min(HEALTH_PAUSE_S, max(HEALTH_PERIOD_S, took_s / HEALTH_SHARE - took_s)))
            start_s = time.monotonic()
            waiting = self._link.take_heartbeats()
            for start in range(0, len(waiting), HEARTBEATS_A_TURN):
                try:
                    await self._store.take_all(waiting[start : start + HEARTBEATS_A_TURN])
                except UNREACHABLE as error:
                    self._note_unreachable(error)
                except Exception as error:  # noqa: BLE001  the edge of the process
                    _log.error("heartbeats_failed", exc_info=error)
            took_s = time.monotonic() - start_s

    async def _tell_shed(self) -> None:
        while True:
            await asyncio.sleep(SHED_PERIOD_S)
            counts = self._link.quotas.take_shed()
            if counts:
                _log.warning("messages_put_off", beds=len(counts), messages=sum(counts.values()))
                worst = sorted(counts, key=lambda name: -counts[name])[:SHED_BEDS_TOLD]
                with suppress(*UNREACHABLE):
                    await self._store.note_shed({name: counts[name] for name in worst})

    def _note_unreachable(self, error: BaseException) -> None:
        if not self._unreachable:
            self._unreachable = True
            _log.warning("database_unreachable", reason=f"{type(error).__name__}: {error}"[:300])

    async def _put_aside(self, delivery: Delivery, error: Exception) -> None:
        """Makes the failure visible; without a receipt the bed keeps the event and sends it again later."""
        reason = f"The cloud failed on this message: {type(error).__name__}."
        try:
            await self._store.refuse(None, delivery.incoming, reason)
        except Exception as again:  # noqa: BLE001  the same edge: the log has it already
            _log.error("dead_letter_failed", exc_info=again)

    def _answer(self, reply: Reply) -> None:
        address, body = reply
        sent = self._link.publish(address.text, seal(address, body, time.time_ns()), qos=1)
        if sent and isinstance(body, Receipt):
            _log.debug("receipt_sent", event_id=str(body.event_id), bed=address.bed, sequence=body.sequence)
        elif sent:
            _log.info("page_answered", site=address.site, bed=address.bed)


class DesiredPublisher:
    """Brings desired states to the broker, retained: those that changed each second, all of them after a connection."""

    def __init__(self, link: BrokerLink, connected: asyncio.Event) -> None:
        self._link = link
        self._connected = connected
        """Set by each new connection: the broker may have forgotten everything."""
        self._everything = False
        self._principal = Principal.system("ingester")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if self._connected.is_set():
                self._connected.clear()
                self._everything = True
            try:
                await self.publish_due()
            except UNREACHABLE as error:
                _log.warning("database_unreachable", reason=f"{type(error).__name__}: {error}"[:300])
            with suppress(TimeoutError):
                await asyncio.wait_for(self._connected.wait(), DESIRED_PERIOD_S)

    async def publish_due(self) -> None:
        """One round; what the broker does not take stays due."""
        everything, self._everything = self._everything, False
        read = device_queries.all_desired if everything else device_queries.unpublished
        for row in await read(self._principal):
            if not await self._publish(row):
                self._everything = self._everything or everything
                return

    async def _publish(self, row: DesiredRow) -> bool:
        if row.version == 0:
            return True
        address = Address(row.site, row.bed, Topic.desired)
        state = DesiredState.model_validate(row.body)
        if not await self._link.publish_retained(address.text, seal(address, state, time.time_ns())):
            return False
        await devices.mark_published(row)
        _log.info("desired_published", site=row.site, bed=row.bed, version=row.version)
        return True
