"""The link against a real Mosquitto: birth, will, both protocol versions, kills, refusals, and messages of any shape."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.outbox.mqtt_client import Arrived, Connected, Declined, LinkAddress, Lost, News
from edge_agent.outbox.mqtt_link import MqttLink
from shared.clock import SystemClock
from shared.envelope import unseal
from shared.heartbeat import BedState
from shared.topics import Address, Topic
from tests.authority import TestAuthority
from tests.brokers import Broker, BrokerMaker, brokers, free_port
from tests.gates import Gate
from tests.waiting import wait_for

REFUSE_5 = bytes.fromhex("2003008400")
"""A CONNACK of MQTT 5: unsupported protocol version."""
PREFIX = "deepepil/v1/north/bed-4"


class Bed:
    """A link and all that it reported."""

    def __init__(self, address: LinkAddress, dice: random.Random | None = None) -> None:
        self.sessions = 0
        self.news: list[News] = []
        self.link = MqttLink(address, "0.1.0", self.next_session, SystemClock(), dice or EagerDice())

    def next_session(self) -> int:
        self.sessions += 1
        return self.sessions

    def heard(self, kind: type[News]) -> list[News]:
        self.news += self.link.turn()
        return [each for each in self.news if isinstance(each, kind)]

    def connect(self) -> None:
        wait_for(lambda: self.heard(Connected), "the connection")


class EagerDice(random.Random):
    """Draws the shortest wait, so that tests reconnect at once."""

    def uniform(self, a: float, b: float) -> float:
        return 0.0


class Cloud:
    """A plain client beside the bed, in a thread of paho's own."""

    def __init__(self, broker: Broker) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self.subscribed = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, "cloud", protocol=paho.MQTTv5)
        self.client.on_message = lambda _c, _d, message: self.messages.append(
            (message.topic, bytes(message.payload), message.retain)
        )
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        self.client.subscribe("deepepil/v1/#", 1)
        assert self.subscribed.wait(10)

    def states(self) -> list[BedState]:
        address = Address("north", "bed-4", Topic.state)
        return [unseal(address, body, BedState)[1] for topic, body, _ in self.messages if topic == address.text]

    def say(self, topic: str, payload: bytes) -> None:
        self.client.publish(f"{PREFIX}/{topic}", payload, 1).wait_for_publish(10)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[BrokerMaker]:
    with brokers(tmp_path) as make:
        yield make


def address_of(broker: Broker) -> LinkAddress:
    return LinkAddress("127.0.0.1", broker.port, "north", "bed-4")


def test_birth_and_will_carry_the_session_and_stay_with_the_broker(make_broker: BrokerMaker) -> None:
    broker = make_broker()
    cloud, bed = Cloud(broker), Bed(address_of(broker))
    bed.connect()
    wait_for(lambda: bed.heard(Connected) and len(cloud.states()) == 1, "the birth")
    descriptor = bed.link.descriptor
    assert descriptor is not None
    with socket.socket(fileno=descriptor) as cable:
        cable.shutdown(socket.SHUT_RDWR)
        cable.detach()
    wait_for(lambda: bed.heard(Lost) and len(cloud.states()) >= 2, "the will")
    wait_for(lambda: bed.heard(Connected) and len(cloud.states()) >= 3, "the second birth")
    assert [(state.online, state.session) for state in cloud.states()] == [(True, 1), (False, 1), (True, 2)]
    cloud.close()


def test_a_goodbye_on_purpose_is_told_and_leaves_no_will(make_broker: BrokerMaker) -> None:
    broker = make_broker()
    cloud, bed = Cloud(broker), Bed(address_of(broker))
    bed.connect()
    bed.link.close()
    wait_for(lambda: len(cloud.states()) == 2, "birth and goodbye")
    assert [state.online for state in cloud.states()] == [True, False]
    cloud.close()


def test_messages_of_any_shape_pass_through_and_the_link_lives_on(make_broker: BrokerMaker) -> None:
    broker = make_broker()
    cloud, bed = Cloud(broker), Bed(address_of(broker))
    bed.connect()
    wait_for(lambda: bed.heard(Connected) and len(cloud.states()) == 1, "the birth")
    for payload in (b"", b"\xff\x00", b"{" * 10_000, b"x" * 100_000, b"good"):
        cloud.say("receipt", payload)
    wait_for(lambda: any(isinstance(n, Arrived) and n.payload == b"good" for n in bed.heard(Arrived)), "the last one")
    assert bed.link.connected
    assert max(len(n.payload) for n in bed.news if isinstance(n, Arrived)) <= 64 * 1024
    cloud.close()


def test_the_link_comes_back_to_a_broker_that_was_killed_and_forgot_everything(make_broker: BrokerMaker) -> None:
    broker = make_broker()
    bed = Bed(address_of(broker))
    bed.connect()
    broker.kill()
    wait_for(lambda: bed.heard(Lost), "the loss")
    assert not bed.link.send(Topic.event, b"{}", 1)
    broker.start()
    wait_for(lambda: len(bed.heard(Connected)) == 2, "the return")
    cloud = Cloud(broker)
    wait_for(lambda: bed.heard(Connected) and cloud.states(), "the retained birth")
    assert cloud.messages[0][2]
    cloud.say("desired", b"wish")
    wait_for(lambda: bed.heard(Arrived), "a message after the return")
    cloud.close()


@pytest.mark.parametrize("answer", [REFUSE_5, b""], ids=["refusal", "silence"])
def test_a_broker_without_mqtt_5_gets_3_1_1(make_broker: BrokerMaker, answer: bytes) -> None:
    gate = Gate(make_broker().port, lambda first: answer if b"MQTT\x05" in first else None)
    bed = Bed(LinkAddress("127.0.0.1", gate.port, "north", "bed-4"))
    wait_for(lambda: bed.heard(Connected), "a 3.1.1 connection")
    assert len(bed.heard(Lost)) == 1
    gate.close()


def test_over_tls_the_certificate_is_the_bed_and_the_access_list_holds(
    tmp_path: Path, make_broker: BrokerMaker
) -> None:
    authority = TestAuthority(tmp_path)
    (tmp_path / "acl").write_text(
        "pattern readwrite deepepil/v1/north/%u/#\nuser north.bed-4\n"
        "topic read deepepil/v1/north/bed-4/receipt\n"
        "topic read deepepil/v1/north/bed-4/desired\n"
        "topic write deepepil/v1/north/bed-4/state\n"
    )
    (tmp_path / "acl").chmod(0o600)
    broker = make_broker(
        authority=authority,
        server=authority.issue("server", server=True),
        more=f"acl_file {tmp_path / 'acl'}",
    )
    mine = authority.issue("north.bed-4")
    files = (authority.ca_file, mine.certificate_file, mine.key_file)
    bed = Bed(LinkAddress("127.0.0.1", broker.port, "north", "bed-4", *files))
    bed.connect()
    assert bed.link.send(Topic.event, b"{}", 7)
    wait_for(lambda: bed.heard(Declined), "the broker's word that it may not publish events")
    declined = bed.heard(Declined)[0]
    assert isinstance(declined, Declined)
    assert (declined.sequence, declined.too_large) == (7, False)
    assert "Not authorized" in declined.reason


def test_without_a_certificate_the_broker_is_not_reached_and_the_sentence_says_so(
    tmp_path: Path, make_broker: BrokerMaker
) -> None:
    authority = TestAuthority(tmp_path)
    broker = make_broker(authority=authority, server=authority.issue("server", server=True))
    bed = Bed(LinkAddress("127.0.0.1", broker.port, "north", "bed-4"))
    wait_for(lambda: bed.heard(Lost), "the refusal")
    assert bed.link.sentence


def test_a_missing_certificate_file_is_a_sentence(tmp_path: Path, make_broker: BrokerMaker) -> None:
    gone = tmp_path / "gone.pem"
    bed = Bed(LinkAddress("127.0.0.1", make_broker().port, "north", "bed-4", gone, gone, gone))
    wait_for(lambda: bed.heard(Lost), "the refusal")
    assert "cannot be reached" in bed.link.sentence


@pytest.mark.parametrize("version", [5, 4], ids=["mqtt5", "mqtt3.1.1"])
def test_two_agents_under_one_name_are_found_out(make_broker: BrokerMaker, version: int) -> None:
    gate = Gate(make_broker().port, lambda first: REFUSE_5 if version == 4 and b"MQTT\x05" in first else None)
    address = LinkAddress("127.0.0.1", gate.port, "north", "bed-4")
    twins = Bed(address), Bed(address)
    wait_for(lambda: [twin.heard(Lost) for twin in twins] and any(twin.link.twin for twin in twins), "the discovery")
    assert "this bed's name" in str(next(twin.link.twin for twin in twins if twin.link.twin))
    gate.close()


def test_bytes_that_are_not_mqtt_end_the_connection_and_not_the_loop(make_broker: BrokerMaker) -> None:
    gate = Gate(make_broker().port, lambda _first: bytes.fromhex("20020000") + b"\x30\x05\xff\xff\xff\xff\xff" * 3)
    bed = Bed(LinkAddress("127.0.0.1", gate.port, "north", "bed-4"))
    wait_for(lambda: len(bed.heard(Lost)) >= 3, "three connections of nonsense")
    gate.close()


def test_a_dead_address_is_tried_later_every_time() -> None:
    bed = Bed(LinkAddress("127.0.0.1", free_port(), "north", "bed-4"), random.Random(1))
    wait_for(lambda: len(bed.heard(Lost)) == 2, "two failed attempts")
    assert bed.sessions == 2
    assert not bed.link.connected
    assert "refused" in bed.link.sentence
