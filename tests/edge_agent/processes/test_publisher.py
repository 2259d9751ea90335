"""The publisher's process on a real broker: events out, receipts in, wishes to database and bus, heartbeats relayed."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.bus import Publisher, Subscriber
from edge_agent.bus_messages import BusTopic
from edge_agent.database import open_database
from edge_agent.desired import load_desired
from edge_agent.outbox.store import Outbox
from edge_agent.processes import publisher
from shared.command import DesiredState
from shared.envelope import seal, unseal
from shared.event import EventReport
from shared.heartbeat import BedState, Heartbeat
from shared.live_view import ViewReport
from shared.receipt import Receipt, ReceiptKind
from shared.topics import Address, Topic
from tests.brokers import Broker, brokers
from tests.edge_agent.hand_clock import BOOT, UTC_NS
from tests.edge_agent.outbox.reports import make_report
from tests.edge_agent.processes.running import make_settings, running
from tests.golden.make_messages import GOLDEN
from tests.waiting import wait_for


def address(topic: Topic) -> Address:
    return Address("north", "bed-4", topic)


class Cloud:
    """Hears all, and answers events with receipts."""

    def __init__(self, broker: Broker) -> None:
        self.heard: dict[Topic, list[Any]] = {topic: [] for topic in Topic}
        self.client = paho.Client(CallbackAPIVersion.VERSION2, "cloud", protocol=paho.MQTTv5)
        self.client.on_message = self.hear
        ready = threading.Event()
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        self.client.subscribe("deepepil/v1/#", 1)
        assert ready.wait(10)

    def hear(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        topic = Topic(message.topic.rpartition("/")[2])
        kinds: dict[Topic, Any] = {
            Topic.event: EventReport,
            Topic.heartbeat: Heartbeat,
            Topic.state: BedState,
            Topic.view: ViewReport,
        }
        if topic in kinds:
            envelope, body = unseal(address(topic), bytes(message.payload), kinds[topic])
            self.heard[topic].append(body)
            if isinstance(body, EventReport):
                receipt = Receipt(
                    event_id=body.event_id, sequence=envelope.sequence, kind=ReceiptKind.stored, committed_utc_ns=UTC_NS
                )
                self.client.publish(address(Topic.receipt).text, seal(address(Topic.receipt), receipt, UTC_NS), 1)

    def wish(self, state: DesiredState) -> None:
        sealed = seal(address(Topic.desired), state, UTC_NS)
        self.client.publish(address(Topic.desired).text, sealed, 1, retain=True).wait_for_publish(10)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def make_heartbeat() -> Heartbeat:
    return Heartbeat(
        boot_id=BOOT, mono_ns=1, utc_ns=UTC_NS, version="0", release=None, stay_id=None, paused=False, camera="open",
        coverage_1h={}, last_frame_age_s=0, last_score=None, ring_bytes=0, ring_hours=0, promise_hours=0,
        disk_free_bytes=0, outbox_waiting=0, clips_waiting=0, pinned_bytes=0, dropped_frames=0, alarms=[], processes=[],
    )  # fmt: skip


def test_everything_between_bus_database_and_broker(tmp_path: Path) -> None:
    with brokers(tmp_path) as make_broker:
        broker = make_broker()
        settings = make_settings(tmp_path / "bed", mqtt_port=broker.port)
        folder = settings.storage.folder
        cloud = Cloud(broker)
        wish = DesiredState(version=4, stay_id=None, paused=True, record_unassigned=False, issued_utc_ns=1)
        cloud.wish(wish)
        with closing(open_database(folder)) as connection:
            outbox = Outbox(connection, "north", "bed-4")
            reports = [make_report(), make_report()]
            outbox.record(reports[0], UTC_NS)
            inbox = Subscriber(folder, (BusTopic.desired, BusTopic.link))
            beats = Publisher(folder, "heartbeat")
            heard: list[tuple[BusTopic, Any]] = []

            def listen() -> bool:
                while (found := inbox.receive(0)) is not None:
                    heard.append(found)
                return True

            with running(publisher, settings):
                wait_for(lambda: outbox.waiting() == 0, "the receipt of the first event")
                outbox.record(reports[1], UTC_NS)
                wait_for(lambda: outbox.waiting() == 0, "the receipt of the second event")
                wait_for(lambda: load_desired(connection) == wish, "the wish in the database")
                wait_for(
                    lambda: listen() and any(t is BusTopic.link and m.connected for t, m in heard), "the link's word"
                )
                cloud.wish(wish.model_copy(update={"version": 5}))
                wait_for(
                    lambda: listen() and any(t is BusTopic.desired and m.version == 5 for t, m in heard),
                    "the wish on the bus",
                )

                def beat() -> bool:
                    beats.publish(BusTopic.heartbeat, make_heartbeat())
                    return bool(cloud.heard[Topic.heartbeat])

                wait_for(beat, "a heartbeat")
            wait_for(lambda: len(cloud.heard[Topic.state]) == 2, "birth and goodbye")
            assert [state.online for state in cloud.heard[Topic.state]] == [True, False]
            assert {report.event_id for report in cloud.heard[Topic.event]} == {report.event_id for report in reports}
            inbox.close()
            beats.close()
        cloud.close()


def test_offers_come_to_the_bus_and_reports_on_views_to_the_broker(tmp_path: Path) -> None:
    with brokers(tmp_path) as make_broker:
        broker = make_broker()
        settings = make_settings(tmp_path / "bed", mqtt_port=broker.port)
        cloud = Cloud(broker)
        offer, hangup, report = (GOLDEN[name] for name in ("offer", "hangup", "view"))
        inbox = Subscriber(settings.storage.folder, (BusTopic.offer, BusTopic.hangup))
        live = Publisher(settings.storage.folder, "live")
        heard: list[tuple[BusTopic, Any]] = []

        def ask_and_listen() -> bool:
            for topic, message in ((Topic.offer, offer), (Topic.hangup, hangup)):
                cloud.client.publish(address(topic).text, seal(address(topic), message, UTC_NS), 1)
            live.publish(BusTopic.view, report)
            while (found := inbox.receive(20)) is not None:
                heard.append(found)
            return (
                (BusTopic.offer, offer) in heard
                and (BusTopic.hangup, hangup) in heard
                and report in cloud.heard[Topic.view]
            )

        with running(publisher, settings):
            wait_for(ask_and_listen, "an offer, a hang-up and a report")
        inbox.close()
        live.close()
        cloud.close()
