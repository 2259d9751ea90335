"""The ingester's loops on a real Mosquitto and a real PostgreSQL: receipts, desired states, brokers that forget."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from tortoise.transactions import in_transaction

from cloud.clips.tables import Event
from cloud.database import DatabaseAddress
from cloud.devices.service import set_desired
from cloud.ingest.broker_link import BrokerLink
from cloud.ingest.intake import DesiredPublisher, Intake
from cloud.ingest.service import Reply, Taker
from cloud.ingest.tables import DeadLetter
from cloud.principal import Principal
from cloud.settings import MqttSection
from shared.command import DesiredState
from shared.envelope import seal, unseal
from shared.event import EventReport
from shared.receipt import Receipt
from shared.topics import Address, Topic
from tests.brokers import Broker, BrokerMaker, brokers
from tests.cloud.facts import UTC_NS, report
from tests.cloud.ingest.scripted_broker import ScriptedBroker
from tests.gates import Gate

EVENT = Address("north", "bed-1", Topic.event)
RECEIPT = Address("north", "bed-1", Topic.receipt)
DESIRED = Address("north", "bed-1", Topic.desired)
NURSE = Principal("nurse", "person", frozenset(), frozenset({"north"}))


async def until(condition: Callable[[], object], what: str) -> None:
    """Returns once the condition holds; fails after 30 s."""

    async def poll() -> None:
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.01)

    try:
        await asyncio.wait_for(poll(), 30)
    except TimeoutError:
        pytest.fail(f"waited in vain for {what}")


class Bed:
    """A bed's client: publishes, and keeps what came for it."""

    def __init__(self, port: int) -> None:
        self.receipts: list[Receipt] = []
        self.desired: list[DesiredState] = []
        self.client = Client(CallbackAPIVersion.VERSION2)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = self._subscribe
        self.client.on_message = self._keep
        self.client.connect_async("127.0.0.1", port)
        self.client.loop_start()

    def _subscribe(self, client: Client, *_: Any) -> None:
        client.subscribe([(RECEIPT.text, 1), (DESIRED.text, 1)])

    def _keep(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        if message.topic == RECEIPT.text:
            self.receipts.append(unseal(RECEIPT, message.payload, Receipt)[1])
        else:
            self.desired.append(unseal(DESIRED, message.payload, DesiredState)[1])

    def tell(self, body: EventReport, sequence: int) -> None:
        self.client.publish(EVENT.text, seal(EVENT, body, UTC_NS, sequence=sequence), 1)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Ingester:
    """Link and loops as the process joins them."""

    def __init__(self, port: int, **section: Any) -> None:
        told = asyncio.Event()
        self.link = BrokerLink(MqttSection(host="127.0.0.1", port=port, **section), told.set)
        self.publisher = DesiredPublisher(self.link, told)
        self.intake = Intake(self.link, Taker(600), random.Random(1))


@asynccontextmanager
async def ingesting(port: int, **section: Any) -> AsyncIterator[Ingester]:
    ingester = Ingester(port, **section)
    ingester.link.start()
    loops = [asyncio.create_task(ingester.intake.run()), asyncio.create_task(ingester.publisher.run())]
    try:
        await until(lambda: ingester.link.connected, "the ingester's connection")
        yield ingester
    finally:
        for loop in loops:
            loop.cancel()
        for loop in loops:
            with suppress(asyncio.CancelledError):
                await loop
        await ingester.link.close()


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[BrokerMaker]:
    with brokers(tmp_path) as make:
        yield make


@pytest.fixture
def broker(make_broker: BrokerMaker) -> Broker:
    return make_broker()


@pytest.fixture
def bed(broker: Broker) -> Iterator[Bed]:
    bed = Bed(broker.port)
    yield bed
    bed.close()


@pytest.mark.parametrize("share_group", ["", "ingesters"])
async def test_a_bed_gets_its_receipt_after_the_commit(
    database: DatabaseAddress, broker: Broker, bed: Bed, share_group: str
) -> None:
    async with ingesting(broker.port, share_group=share_group):
        await until(bed.client.is_connected, "the bed's connection")
        body = report()
        bed.tell(body, 7)
        await until(lambda: bed.receipts, "the receipt")
        assert [(receipt.event_id, receipt.sequence, receipt.kind.value) for receipt in bed.receipts] == [
            (body.event_id, 7, "stored")
        ]
        assert await Event.filter(event_id=body.event_id).exists()


async def test_a_poison_message_does_not_stop_the_loop(database: DatabaseAddress, broker: Broker, bed: Bed) -> None:
    async with ingesting(broker.port):
        await until(bed.client.is_connected, "the bed's connection")
        for payload in (b"", b"\xff" * 100, b"{}", b"[" * 50_000):
            bed.client.publish(EVENT.text, payload, 1)
        bed.tell(report(), 1)
        await until(lambda: bed.receipts, "the receipt after the poison")
        async with asyncio.timeout(10):
            while await DeadLetter.all().count() < 4:
                await asyncio.sleep(0.02)
    assert await DeadLetter.all().count() == 4


async def test_messages_wait_for_a_database_that_is_away(
    database: DatabaseAddress, broker: Broker, bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = Taker.take_all, iter([ConnectionRefusedError("away"), asyncpg.CannotConnectNowError("starting")])

    async def flaky(*args: Any) -> list[Reply | None]:
        for failure in failures:
            raise failure
        return await real(*args)

    monkeypatch.setattr(Taker, "take_all", flaky)
    async with ingesting(broker.port):
        await until(bed.client.is_connected, "the bed's connection")
        bed.tell(report(), 1)
        await until(lambda: bed.receipts, "the receipt after the database came back")
        assert bed.receipts[0].kind.value == "stored"


async def test_a_changed_wish_reaches_the_bed_and_a_forgetting_broker_is_told_again(
    database: DatabaseAddress, broker: Broker, bed: Bed
) -> None:
    async with ingesting(broker.port) as ingester:
        await until(bed.client.is_connected, "the bed's connection")
        async with in_transaction() as connection:
            wish = await set_desired(connection, NURSE, "north", "bed-1", paused=True)
        await until(lambda: bed.desired, "the desired state")
        assert bed.desired[-1] == wish
        broker.kill()
        await until(lambda: not ingester.link.connected, "the loss to be noticed")
        bed.desired.clear()
        broker.start()
        await until(lambda: bed.desired, "the desired state after the broker forgot it")
        assert bed.desired[-1] == wish


async def test_a_broker_of_the_older_protocol_serves_as_well(
    database: DatabaseAddress, broker: Broker, bed: Bed
) -> None:
    def refuse_version_5(first: bytes) -> bytes | None:
        level = first[first.index(b"MQTT") + 4]
        return bytes([0x20, 3, 0, 0x84, 0]) if level == 5 else None

    gate = Gate(broker.port, refuse_version_5)
    try:
        async with ingesting(gate.port):
            await until(bed.client.is_connected, "the bed's connection")
            bed.tell(report(), 1)
            await until(lambda: bed.receipts, "the receipt by MQTT 3.1.1")
    finally:
        gate.close()


async def test_what_comes_before_the_answer_to_the_subscription_is_acknowledged_too(database: DatabaseAddress) -> None:
    broker = ScriptedBroker(EVENT.text, seal(EVENT, report(), UTC_NS, sequence=1))
    broker.start()
    try:
        async with ingesting(broker.port):  # connected means that the broker heard the acknowledgement
            assert broker.acknowledged.is_set()
    finally:
        broker.close()
