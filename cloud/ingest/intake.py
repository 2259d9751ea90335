"""The loops of an ingester: take deliveries to their end, and bring to the broker what the cloud wants of the beds.

Order in each delivery: commit, receipt, acknowledge. While the database is away a delivery is held and tried again; its bed
hears nothing and keeps the event.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress

import structlog

from cloud.database import UNREACHABLE
from cloud.devices import queries as device_queries
from cloud.devices import service as devices
from cloud.devices.tables import DesiredRow
from cloud.ingest import rules, service
from cloud.ingest.broker_link import BrokerLink, Delivery
from cloud.principal import Principal
from shared.command import DesiredState
from shared.envelope import seal
from shared.topics import Address, Topic

TAKERS = 8
DESIRED_PERIOD_S = 1.0
_log = structlog.get_logger(__name__)


class Intake:
    """Takes deliveries from a link. `taken` counts what came to its end."""

    def __init__(self, link: BrokerLink, clip_overdue_s: int, dice: random.Random) -> None:
        self.taken = 0
        self._link = link
        self._clip_overdue_s = clip_overdue_s
        self._dice = dice
        self._unreachable = False

    async def run(self) -> None:
        """Until cancelled. Several takers work side by side; the order of a bed's reports is kept by their revisions."""
        async with asyncio.TaskGroup() as takers:
            for _ in range(TAKERS):
                takers.create_task(self._take_all())

    async def _take_all(self) -> None:
        while True:
            await self._take(await self._link.deliveries.get())
            self.taken += 1

    async def _take(self, delivery: Delivery) -> None:
        failures = 0
        while True:
            try:
                reply = await service.take(delivery.incoming, self._clip_overdue_s)
                break
            except UNREACHABLE as error:
                if delivery.qos == 0:
                    return  # a heartbeat is not worth waiting for: the next one is fresher
                self._note_unreachable(error)
                await asyncio.sleep(rules.wait_s(failures, self._dice))
                failures += 1
            except Exception as error:  # noqa: BLE001  the edge of the process: no message stops the loop
                _log.error("message_failed", topic=rules.storable(delivery.incoming.topic, 200), exc_info=error)
                await self._put_aside(delivery, error)
                reply = None
                break
        self._unreachable = False
        if reply is not None:
            self._answer(reply)
        self._link.acknowledge(delivery)

    def _note_unreachable(self, error: BaseException) -> None:
        if not self._unreachable:
            self._unreachable = True
            _log.warning("database_unreachable", reason=f"{type(error).__name__}: {error}"[:300])

    async def _put_aside(self, delivery: Delivery, error: Exception) -> None:
        """Makes the failure visible; without a receipt the bed keeps the event and sends it again later."""
        reason = f"The cloud failed on this message: {type(error).__name__}."
        try:
            await service.refuse(None, delivery.incoming, reason)
        except Exception as again:  # noqa: BLE001  the same edge: the log has it already
            _log.error("dead_letter_failed", exc_info=again)

    def _answer(self, reply: service.Reply) -> None:
        address, receipt = reply
        sent = self._link.publish(address.text, seal(address, receipt, time.time_ns()), qos=1)
        if sent:
            _log.info(
                "receipt_sent",
                event_id=str(receipt.event_id),
                bed=address.bed,
                sequence=receipt.sequence,
                kind=receipt.kind.value,
            )


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
