"""The ingester's link to the broker: paho in its own thread, MQTT 5 then 3.1.1, acknowledging only what was taken care of.

In: messages and orders to publish, from one event loop. Out: `Delivery` in a bounded queue that is fair among beds, and the newest
heartbeat of each. No session is kept at the broker: what it forgets, the beds send again. What a bed sends beyond its share or its
quota is acknowledged and put off: without a receipt the bed keeps it and sends it again later.
"""

from __future__ import annotations

import asyncio
import contextvars
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from cloud.ingest.fair_queue import FairQueue, Quotas
from cloud.ingest.rules import Incoming, bed_of
from cloud.settings import MqttSection
from shared.errors import Misconfigured
from shared.topics import RULES, Topic, from_beds

KEEP_ALIVE_S = 20
CONNECT_LIMIT_S = 10.0
LONGEST_RETRY_S = 10
RECEIVE_MAXIMUM = 500
QUEUE_LIMIT = 2_000
SHARE_OF_A_BED = 32
"""A bed has 25 messages under way at most; one with more waiting here is not one of ours or runs wild."""
BEDS_LIMIT = 20_000
EVENTS_A_MINUTE = 12_000.0
HEARTBEAT = f"/{Topic.heartbeat.value}"
CONFIRM_LIMIT_S = 10.0
WRONG_VERSION = 132
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message and what is needed to acknowledge it on the connection on which it came."""

    incoming: Incoming
    connection: int
    mid: int
    qos: int


class BrokerLink:
    """Made and used in one event loop. `deliveries` is what came; `on_connected` is called after each subscription."""

    def __init__(
        self, section: MqttSection, on_connected: Callable[[], None], events_per_minute: float = EVENTS_A_MINUTE
    ) -> None:
        self.deliveries: FairQueue[Delivery] = FairQueue(QUEUE_LIMIT, SHARE_OF_A_BED)
        self.quotas = Quotas(events_per_minute, time.monotonic_ns)
        self._heartbeats: dict[str, bytes] = {}
        self.connected = False
        """The broker accepted the connection and the subscription to the beds."""
        self._accepted = False
        self._section = section
        self._on_connected = on_connected
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()  # paho's thread knows nothing of our log's fields
        self._protocol = MQTTProtocolVersion.MQTTv5
        self._number = 0
        self._confirmations: dict[int, asyncio.Future[bool]] = {}
        self._client = self._make_client()
        self._closing = False

    def _make_client(self) -> Client:
        name = f"deepepil-ingester-{secrets.token_hex(6)}"
        clean = None if self._protocol is MQTTProtocolVersion.MQTTv5 else True
        client = Client(CallbackAPIVersion.VERSION2, name, clean, protocol=self._protocol, manual_ack=True)
        client.suppress_exceptions = True
        client.connect_timeout = CONNECT_LIMIT_S
        client.max_queued_messages_set(10_000)
        client.max_inflight_messages_set(RECEIVE_MAXIMUM)
        client.reconnect_delay_set(1, LONGEST_RETRY_S)
        files = self._section
        if files.ca_file is not None:
            try:
                client.tls_set(str(files.ca_file), str(files.certificate_file), str(files.key_file))
            except (OSError, ValueError) as error:
                raise Misconfigured(f"mqtt: the certificate files cannot be used: {error}.") from error
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_connect_fail = self._failed
        client.on_subscribe = self._subscribed
        client.on_message = self._arrived
        client.on_publish = self._published
        return client

    def start(self) -> None:
        """Connects, and connects again for as long as it takes."""
        properties = None
        if self._protocol is MQTTProtocolVersion.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.ReceiveMaximum = RECEIVE_MAXIMUM
        self._client.connect_async(self._section.host, self._section.port, KEEP_ALIVE_S, properties=properties)
        self._client.loop_start()

    async def close(self) -> None:
        """Says goodbye and ends the thread."""
        self._closing = True
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def acknowledge(self, delivery: Delivery) -> None:
        """Tells the broker that the message was taken care of; of a connection that is gone nothing needs to be said."""
        if delivery.qos > 0 and delivery.connection == self._number and self._accepted:
            self._client.ack(delivery.mid, delivery.qos)

    def publish(self, topic: str, payload: bytes, *, qos: int) -> bool:
        """Hands a message to the broker; False when it cannot go now."""
        return self._accepted and self._client.publish(topic, payload, qos).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    async def publish_retained(self, topic: str, payload: bytes) -> bool:
        """Publishes and waits for the broker's word. False when it refused, or said nothing within 10 s."""
        if not self.connected:
            return False
        confirmed: asyncio.Future[bool] = self._loop.create_future()
        info = self._client.publish(topic, payload, 1, retain=True)
        self._confirmations[info.mid] = confirmed
        try:
            return await asyncio.wait_for(confirmed, CONFIRM_LIMIT_S)
        except TimeoutError:
            return False
        finally:
            self._confirmations.pop(info.mid, None)

    def _in_loop(self, call: Callable[..., None], *args: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *args, context=self._context)

    def _connected(self, client: Client, _data: Any, _flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            sentence = f"The broker refused the connection: {reason}."
            self._in_loop(self._note_lost, client, sentence, reason.value == WRONG_VERSION)
            return
        self._in_loop(self._note_accepted, client)
        share = self._share(properties)
        # retained messages are not given to shared subscriptions, so every ingester hears the births and wills
        wanted = [
            (f"{'' if topic is Topic.state else share}{from_beds(topic)}", rule.qos)
            for topic, rule in RULES.items()
            if rule.from_bed
        ]
        client.subscribe(wanted)

    def _share(self, properties: Any) -> str:
        """What precedes a shared subscription. To a broker that does not share, it would be a topic on which nobody speaks."""
        told = getattr(properties, "SharedSubscriptionAvailable", None)
        shares = self._protocol is MQTTProtocolVersion.MQTTv5 and told != 0
        return f"$share/{self._section.share_group}/" if self._section.share_group and shares else ""

    def _subscribed(self, client: Client, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        refused = next((str(reason) for reason in reasons if reason.is_failure), None)
        if refused is not None:
            self._in_loop(
                self._note_lost, client, f"The broker refused the subscription to the beds: {refused}.", False
            )
        else:
            self._in_loop(self._note_connected, client)

    def _note_accepted(self, client: Client) -> None:
        """Messages may come from here on, before the answer to the subscription: they are answered and acknowledged too."""
        if client is self._client:
            self._number += 1
            self._accepted = True

    def _note_connected(self, client: Client) -> None:
        if client is not self._client or not self._accepted:
            return
        self.connected = True
        _log.info("ingester_connected", host=self._section.host, port=self._section.port, protocol=int(self._protocol))
        self._on_connected()

    def _disconnected(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._in_loop(self._note_lost, client, f"The connection to the broker ended: {reason}.", False)

    def _failed(self, client: Client, _data: Any) -> None:
        self._in_loop(self._note_lost, client, "The broker cannot be reached.", False)

    def _note_lost(self, client: Client, sentence: str, wrong_version: bool) -> None:
        if self._closing or client is not self._client:  # a client that was given up says goodbye late
            return
        self.connected = self._accepted = False
        for confirmed in self._confirmations.values():
            if not confirmed.done():
                confirmed.set_result(False)
        _log.warning("broker_lost", reason=sentence)
        if wrong_version and self._protocol is MQTTProtocolVersion.MQTTv5:
            self._protocol = MQTTProtocolVersion.MQTTv311
            old, self._client = self._client, self._make_client()
            old.disconnect()
            self._loop.run_in_executor(None, old.loop_stop)
            self.start()

    def _arrived(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        if not topic.endswith(HEARTBEAT) and not self.quotas.allow(bed_of(topic)):
            self._client.ack(message.mid, message.qos)  # here in paho's thread: a flood costs the event loop nothing
            return
        self._in_loop(self._offer, Incoming(topic, bytes(message.payload)), message.mid, message.qos)

    def _offer(self, incoming: Incoming, mid: int, qos: int) -> None:
        delivery = Delivery(incoming, self._number, mid, qos)
        bed = bed_of(incoming.topic)
        if incoming.topic.endswith(HEARTBEAT):
            if incoming.topic in self._heartbeats or len(self._heartbeats) < BEDS_LIMIT:
                self._heartbeats[incoming.topic] = incoming.payload
            self.acknowledge(delivery)
        elif not self.deliveries.put(bed, delivery):
            self.quotas.note_shed(bed)
            self.acknowledge(delivery)

    def take_heartbeats(self) -> list[Incoming]:
        """The newest heartbeat of each bed that sent one since the last call."""
        taken, self._heartbeats = self._heartbeats, {}
        return [Incoming(topic, payload) for topic, payload in taken.items()]

    def _published(self, _client: Client, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        self._in_loop(self._confirm, mid, not reason.is_failure)

    def _confirm(self, mid: int, taken: bool) -> None:
        confirmed = self._confirmations.get(mid)
        if confirmed is not None and not confirmed.done():
            confirmed.set_result(taken)
