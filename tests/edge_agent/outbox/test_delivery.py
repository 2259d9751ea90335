"""Delivery through a real Mosquitto to a cloud that answers, forgets, repeats or lies: kept until its own receipt, no longer."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.database import open_database
from edge_agent.outbox.dead_letters import dead_letters, delivery_alarms
from edge_agent.outbox.delivery import Delivery, Happenings
from edge_agent.outbox.mqtt_client import LinkAddress
from edge_agent.outbox.mqtt_link import MqttLink
from edge_agent.outbox.store import Outbox, ReceiptOutcome
from shared.command import DesiredState
from shared.envelope import seal, unseal
from shared.event import EventReport
from shared.receipt import Receipt, ReceiptKind
from shared.reconciliation import Digest, ResendRequest
from shared.topics import Address, Topic
from tests.brokers import Broker, BrokerMaker, brokers
from tests.edge_agent.hand_clock import UTC_NS, HandClock
from tests.edge_agent.outbox.reports import make_report
from tests.gates import Gate
from tests.waiting import wait_for

EVENT = Address("north", "bed-4", Topic.event)
DIGEST = Address("north", "bed-4", Topic.digest)
RECEIPT = Address("north", "bed-4", Topic.receipt)


class EagerDice(random.Random):
    """Draws the shortest wait."""

    def uniform(self, a: float, b: float) -> float:
        return min(a, 1.0) if a >= 1 else 0.0

    def randrange(self, *_: int) -> int:  # type: ignore[override]
        return 0


class Cloud:
    """Answers every event with a receipt, unless it is `mute`."""

    def __init__(self, broker: Broker) -> None:
        self.mute = False
        self.heard: list[int] = []
        self.digests: list[Digest] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2, "cloud", protocol=paho.MQTTv5)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *_: client.subscribe([(EVENT.text, 1), (DIGEST.text, 1)])
        self.client.on_message = self.hear
        self.ready = threading.Event()
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        assert self.ready.wait(10)

    def hear(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if message.topic == DIGEST.text:
            self.digests.append(unseal(DIGEST, bytes(message.payload), Digest)[1])
            return
        envelope, report = unseal(EVENT, bytes(message.payload), EventReport)
        self.heard.append(envelope.sequence)
        if not self.mute:
            self.say(make_receipt(report, envelope.sequence))

    def say(self, receipt: Receipt) -> None:
        self.client.publish(RECEIPT.text, seal(RECEIPT, receipt, UTC_NS), 1)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def make_receipt(report: EventReport, sequence: int) -> Receipt:
    return Receipt(event_id=report.event_id, sequence=sequence, kind=ReceiptKind.stored, committed_utc_ns=UTC_NS)


class Bed:
    """Outbox, link and delivery of one bed."""

    def __init__(self, connection: sqlite3.Connection, broker: Broker, port: int = 0) -> None:
        self.clock = HandClock()
        self.connection = connection
        self.outbox = Outbox(connection, "north", "bed-4")
        address = LinkAddress("127.0.0.1", port or broker.port, "north", "bed-4")
        self.link = MqttLink(address, "0.1.0", self.outbox.next_session, self.clock, EagerDice())
        self.delivery = Delivery(connection, self.link, address, self.clock, EagerDice())
        self.happened: list[Happenings] = []

    def turn(self) -> bool:
        self.clock.advance(0.005)
        self.happened.append(self.delivery.turn(look=True))
        return True

    def queue(self, count: int) -> list[EventReport]:
        reports = [make_report() for _ in range(count)]
        for report in reports:
            self.outbox.record(report, UTC_NS)
        return reports

    def drained(self) -> bool:
        return self.turn() and self.outbox.waiting() == 0

    @property
    def troubles(self) -> str:
        return " ".join(sentence for each in self.happened for sentence in each.troubles)

    @property
    def outcomes(self) -> list[ReceiptOutcome]:
        return [outcome for each in self.happened for _, outcome in each.receipts]


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[BrokerMaker]:
    with brokers(tmp_path) as make:
        yield make


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path)) as opened:
        yield opened


def test_a_backlog_drains_by_receipts(connection: sqlite3.Connection, make_broker: BrokerMaker) -> None:
    broker = make_broker()
    cloud, bed = Cloud(broker), Bed(connection, broker)
    bed.queue(60)
    wait_for(bed.drained, "the last receipt")
    assert sorted(cloud.heard) == list(range(1, 61))
    assert bed.delivery.waiting == bed.delivery.in_flight == 0
    cloud.close()


def test_a_broker_that_acknowledges_is_no_cloud(connection: sqlite3.Connection, make_broker: BrokerMaker) -> None:
    broker = make_broker()
    bed = Bed(connection, broker)
    bed.queue(3)
    wait_for(lambda: bed.turn() and broker.log.count("Sending PUBACK") >= 4, "the broker's acknowledgements")
    assert bed.outbox.waiting() == 3
    cloud = Cloud(broker)
    bed.clock.advance(13)
    wait_for(bed.drained, "the receipts")
    assert sorted(cloud.heard) == [1, 2, 3]
    cloud.close()


def test_killing_the_broker_with_all_that_it_knew_loses_nothing(
    connection: sqlite3.Connection, make_broker: BrokerMaker
) -> None:
    broker = make_broker()
    cloud, bed = Cloud(broker), Bed(connection, broker)
    cloud.mute = True
    bed.queue(30)
    wait_for(lambda: bed.turn() and len(cloud.heard) >= 20, "the first twenty")
    broker.kill()
    wait_for(lambda: bed.turn() and not bed.link.connected, "the loss")
    cloud.mute = False
    cloud.ready.clear()
    broker.start()
    wait_for(cloud.ready.is_set, "the cloud's return")
    bed.clock.advance(60)
    wait_for(bed.drained, "all receipts")
    assert set(cloud.heard) == set(range(1, 31))
    cloud.close()


def test_receipts_that_are_forged_repeated_or_garbage_change_nothing(
    connection: sqlite3.Connection, make_broker: BrokerMaker
) -> None:
    broker = make_broker()
    cloud, bed = Cloud(broker), Bed(connection, broker)
    cloud.mute = True
    mine, other = bed.queue(2)
    wait_for(lambda: bed.turn() and len(cloud.heard) == 2, "both events")
    cloud.client.publish(RECEIPT.text, b"\xff{", 1)
    cloud.client.publish(RECEIPT.text, b'{"specversion": NaN}', 1)
    cloud.say(make_receipt(other, 1))
    cloud.say(make_receipt(mine, 99))
    wait_for(lambda: bed.turn() and len(bed.outcomes) == 2, "two well-formed receipts")
    assert bed.outcomes == [ReceiptOutcome.mismatched, ReceiptOutcome.unknown]
    assert bed.outbox.sequences_after(0) == [1, 2]
    assert "not JSON" in bed.troubles
    cloud.say(make_receipt(mine, 1))
    cloud.say(make_receipt(mine, 1))
    wait_for(lambda: bed.turn() and len(bed.outcomes) == 4, "two more")
    assert bed.outbox.sequences_after(0) == [2]
    cloud.close()


def test_that_nobody_listens_is_known_at_once_and_ends_with_the_first_receipt(
    connection: sqlite3.Connection, make_broker: BrokerMaker
) -> None:
    broker = make_broker()
    bed = Bed(connection, broker)
    bed.queue(1)
    wait_for(lambda: bed.turn() and "nobody listens" in " ".join(delivery_alarms(connection)), "the alarm")
    assert bed.outbox.waiting() == 1
    cloud = Cloud(broker)
    wait_for(bed.drained, "the receipt")
    assert delivery_alarms(connection) == []
    cloud.close()


def test_a_message_at_which_an_old_broker_hangs_up_is_put_aside_and_the_others_pass(
    connection: sqlite3.Connection, make_broker: BrokerMaker
) -> None:
    broker = make_broker()
    cloud = Cloud(broker)
    poison = "a motor type at which the broker hangs up"
    gate = Gate(
        broker.port, lambda first: bytes.fromhex("2003008400") if b"MQTT\x05" in first else None, poison.encode()
    )
    bed = Bed(connection, broker, gate.port)
    before = bed.queue(3)
    bad = make_report(motor_type=poison)
    bed.outbox.record(bad, UTC_NS)
    after = bed.queue(3)

    def settled() -> bool:
        bed.clock.advance(0.1)
        return bed.drained()

    wait_for(settled, "all others' receipts and the dead letter")
    assert [letter.event_id for letter in dead_letters(connection)] == [str(bad.event_id)]
    assert "ends the connection each time" in dead_letters(connection)[0].reason
    assert {*cloud.heard} == {1, 2, 3, 5, 6, 7}
    assert len(before) == len(after) == 3
    cloud.close()
    gate.close()


def test_a_line_that_swallows_everything_is_given_up_and_made_anew(
    connection: sqlite3.Connection, make_broker: BrokerMaker
) -> None:
    broker = make_broker()
    cloud = Cloud(broker)
    gate = Gate(broker.port, lambda first: None)
    bed = Bed(connection, broker, gate.port)
    wait_for(lambda: bed.turn() and bed.link.connected, "the connection")
    gate.swallow()
    bed.queue(1)
    wait_for(lambda: bed.turn() and bed.delivery.in_flight == 1, "the message on its way to nowhere")
    bed.clock.advance(16)
    wait_for(lambda: bed.turn() and "half open" in bed.link.sentence, "the discovery")
    gate.pass_on()
    wait_for(bed.drained, "the receipt over a new line")
    cloud.close()
    gate.close()


def test_after_the_cloud_forgot_what_it_had_the_bed_brings_it_again(
    connection: sqlite3.Connection, make_broker: BrokerMaker
) -> None:
    broker = make_broker()
    cloud, bed = Cloud(broker), Bed(connection, broker)
    bed.queue(3)
    wait_for(bed.drained, "the receipts")
    bed.clock.advance(61)
    wait_for(lambda: bed.turn() and cloud.digests, "the page")
    page = cloud.digests[0]
    assert [each.state.value for each in page.messages] == ["delivered"] * 3
    cloud.heard.clear()
    answer = ResendRequest(run=page.run, page=0, messages=[1, 3], clips=[])
    address = Address("north", "bed-4", Topic.resend)
    cloud.client.publish(address.text, seal(address, answer, UTC_NS), 1)
    wait_for(lambda: bed.turn() and len(cloud.heard) == 2, "the messages again")
    wait_for(bed.drained, "the receipts again")
    assert sorted(cloud.heard) == [1, 3]
    cloud.close()


def test_what_makes_no_sense_is_kept_for_a_look_and_a_flood_of_it_writes_little(
    connection: sqlite3.Connection, make_broker: BrokerMaker
) -> None:
    broker = make_broker()
    cloud, bed = Cloud(broker), Bed(connection, broker)
    wait_for(lambda: bed.turn() and bed.link.connected, "the connection")
    for number in range(200):
        cloud.client.publish(RECEIPT.text, b"%d" % number, 1)
    wait_for(lambda: bed.turn() and bed.troubles.count("JSON object") >= 200, "all of them")
    kept = connection.execute("SELECT topic, reason, times FROM strange_messages").fetchall()
    assert 1 <= len(kept) < 20
    assert kept[0][0] == RECEIPT.text
    cloud.close()


def test_what_the_broker_would_never_take_becomes_a_dead_letter(
    connection: sqlite3.Connection, make_broker: BrokerMaker
) -> None:
    bed = Bed(connection, make_broker(more="max_packet_size 1100"))
    (report,) = bed.queue(1)
    wait_for(bed.drained, "the dead letter")
    assert [letter.event_id for letter in dead_letters(connection)] == [str(report.event_id)]
    assert "bytes at most" in bed.troubles


def test_the_desired_state_is_heard_whenever_the_bed_connects(
    connection: sqlite3.Connection, make_broker: BrokerMaker
) -> None:
    broker = make_broker()
    cloud, bed = Cloud(broker), Bed(connection, broker)
    wish = DesiredState(version=3, stay_id=None, paused=True, record_unassigned=True, issued_utc_ns=UTC_NS)
    address = Address("north", "bed-4", Topic.desired)
    cloud.client.publish(address.text, seal(address, wish, UTC_NS), 1, retain=True).wait_for_publish(10)
    wait_for(lambda: bed.turn() and any(each.desired for each in bed.happened), "the wish")
    assert [state for each in bed.happened for state in each.desired] == [wish]
    cloud.close()
