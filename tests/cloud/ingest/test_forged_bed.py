"""A bed that speaks as another: the broker's access list, by certificate, and the ingester, by topic and payload, both refuse."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cloud.audit.tables import AuditEntry
from cloud.clips.tables import Event
from cloud.database import DatabaseAddress
from cloud.demo.broker import access_list
from cloud.ingest.tables import DeadLetter
from shared.envelope import seal
from shared.event import EventReport
from shared.topics import Address, Topic
from tests.authority import TestAuthority
from tests.brokers import Broker, brokers
from tests.cloud.facts import UTC_NS, report
from tests.cloud.ingest.test_broker_link import ingesting, until


class Speaker:
    """A client with one bed's certificate; `answers` are the reasons of the broker's PUBACKs."""

    def __init__(self, authority: TestAuthority, broker: Broker, name: str) -> None:
        self.answers: list[str] = []
        files = authority.issue(name)
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.tls_set(str(authority.ca_file), str(files.certificate_file), str(files.key_file))
        self.client.on_publish = lambda _c, _d, _m, reason, _p: self.answers.append(str(reason))
        ready = threading.Event()
        self.client.on_connect = lambda *_: ready.set()
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        assert ready.wait(20)

    def tell(self, body: EventReport, topic_bed: str, payload_bed: str) -> None:
        address = Address("north", topic_bed, Topic.event)
        sealed = seal(Address("north", payload_bed, Topic.event), body, UTC_NS, sequence=1)
        self.client.publish(address.text, sealed, 1)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def authority(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path)


@pytest.fixture
def broker(tmp_path: Path, authority: TestAuthority) -> Iterator[Broker]:
    acl = tmp_path / "acl"
    acl.write_text(access_list(["north.bed-1", "north.bed-2"], "cloud"))
    acl.chmod(0o600)
    with brokers(tmp_path) as make:
        yield make(authority=authority, server=authority.issue("server", server=True), more=f"acl_file {acl}")


async def kept(body: EventReport) -> bool:
    return await Event.filter(event_id=body.event_id).exists()


async def put_aside() -> bool:
    return await DeadLetter.all().exists()


async def test_neither_topic_nor_payload_of_another_bed_has_an_effect(
    database: DatabaseAddress, authority: TestAuthority, broker: Broker
) -> None:
    cloud = authority.issue("cloud")
    files = {
        "ca_file": authority.ca_file,
        "certificate_file": cloud.certificate_file,
        "key_file": cloud.key_file,
    }
    async with ingesting(broker.port, **files):
        bed = Speaker(authority, broker, "north.bed-2")
        own = report()
        bed.tell(report(), topic_bed="bed-1", payload_bed="bed-1")
        bed.tell(report(), topic_bed="bed-2", payload_bed="bed-1")
        bed.tell(own, topic_bed="bed-2", payload_bed="bed-2")
        await until(lambda: kept(own), "the bed's own event")
        await until(put_aside, "the dead letter")
        await until(lambda: len(bed.answers) == 3, "the broker's answers")
        bed.close()
    assert sorted(bed.answers) == ["Not authorized", "Success", "Success"]
    assert await Event.all().count() == 1
    assert [letter.bed for letter in await DeadLetter.all()] == ["bed-2"]
    assert await AuditEntry.filter(deed="message_refused").count() == 1
