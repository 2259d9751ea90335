"""The ingester's link to the broker: paho in its own thread, MQTT 5 then 3.1.1, acknowledging only what was taken care of.

In: messages and orders to publish, from one event loop. Out: `Delivery` in a bounded queue. No session is kept at the broker:
what it forgets, the beds send again.
"""

from __future__ import annotations

import asyncio
import contextvars
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from cloud.ingest.rules import Incoming
from cloud.settings import MqttSection
from shared.errors import Misconfigured
from shared.topics import RULES, Topic, from_beds

KEEP_ALIVE_S = 20
CONNECT_LIMIT_S = 10.0
LONGEST_RETRY_S = 10
RECEIVE_MAXIMUM = 500
QUEUE_LIMIT = 2_000
HEALTH_LIMIT = QUEUE_LIMIT - 2 * RECEIVE_MAXIMUM
"""Heartbeats leave room in the queue for all that the broker may send unacknowledged."""
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

    def __init__(self, section: MqttSection, on_connected: Callable[[], None]) -> None:
        self.deliveries: asyncio.Queue[Delivery] = asyncio.Queue(QUEUE_LIMIT)
        self.dropped = 0
        """Deliveries that found the queue full: unacknowledged ones come again, heartbeats do not."""
        self.connected = False
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
        if delivery.qos > 0 and delivery.connection == self._number and self.connected:
            self._client.ack(delivery.mid, delivery.qos)

    def publish(self, topic: str, payload: bytes, *, qos: int) -> bool:
        """Hands a message to the broker; False when it cannot go now."""
        return self.connected and self._client.publish(topic, payload, qos).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

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

    def _connected(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._in_loop(
                self._note_lost, f"The broker refused the connection: {reason}.", reason.value == WRONG_VERSION
            )
            return
        share = f"$share/{self._section.share_group}/" if self._section.share_group else ""
        # retained messages are not given to shared subscriptions, so every ingester hears the births and wills
        wanted = [
            (f"{'' if topic is Topic.state else share}{from_beds(topic)}", rule.qos)
            for topic, rule in RULES.items()
            if rule.from_bed
        ]
        client.subscribe(wanted)

    def _subscribed(self, _client: Client, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        refused = next((str(reason) for reason in reasons if reason.is_failure), None)
        if refused is not None:
            self._in_loop(self._note_lost, f"The broker refused the subscription to the beds: {refused}.", False)
        else:
            self._in_loop(self._note_connected)

    def _note_connected(self) -> None:
        self._number += 1
        self.connected = True
        _log.info("ingester_connected", host=self._section.host, port=self._section.port, protocol=int(self._protocol))
        self._on_connected()

    def _disconnected(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._in_loop(self._note_lost, f"The connection to the broker ended: {reason}.", False)

    def _failed(self, _client: Client, _data: Any) -> None:
        self._in_loop(self._note_lost, "The broker cannot be reached.", False)

    def _note_lost(self, sentence: str, wrong_version: bool) -> None:
        if self._closing:
            return
        self.connected = False
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
        self._in_loop(self._offer, Incoming(topic, bytes(message.payload)), message.mid, message.qos)

    def _offer(self, incoming: Incoming, mid: int, qos: int) -> None:
        if self.deliveries.full() or (qos == 0 and self.deliveries.qsize() >= HEALTH_LIMIT):
            self.dropped += 1
            return
        # retained births may come before the answer to the subscription: they count for the connection being made
        number = self._number if self.connected else self._number + 1
        self.deliveries.put_nowait(Delivery(incoming, number, mid, qos))

    def _published(self, _client: Client, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        self._in_loop(self._confirm, mid, not reason.is_failure)

    def _confirm(self, mid: int, taken: bool) -> None:
        confirmed = self._confirmations.get(mid)
        if confirmed is not None and not confirmed.done():
            confirmed.set_result(taken)
