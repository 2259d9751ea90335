"""One MQTT connection, from connect to loss: what paho reports becomes news in a bounded queue, read by one thread.

The owner calls `turn` when the socket is readable or some time passed; no callback does more than note what happened, so
that no message, however malformed, can stop the loop. A lost connection is never revived: the link makes a new one.
"""

from __future__ import annotations

import select
import struct
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt import MQTTException
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from shared.topics import RULES, Address, Topic

KEEP_ALIVE_S = 20
CONNECT_LIMIT_S = 10.0
NEWS_LIMIT = 1_000
INCOMING_LIMIT_BYTES = 64 * 1024
READS_A_TURN = 64
GOODBYE_TURNS, GOODBYE_TURN_MS = 20, 50
NOBODY_LISTENS = 16
WRONG_VERSION = 132
TAKEN_OVER = 142
TOO_LARGE = 149
_BROKEN_PACKET = (MQTTException, struct.error, ValueError, IndexError, KeyError, TypeError, OSError)
"""What paho raises for a packet that is not MQTT; the connection is of no more use then."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker took the connection; `limit_bytes` is the largest packet that it says it takes."""

    limit_bytes: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is over, or never came to be.

    `wrong_protocol`: another MQTT version may work. `taken_over`: somebody else connected under this bed's name.
    """

    sentence: str
    wrong_protocol: bool = False
    taken_over: bool = False


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message for this bed."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has the message; that is all it says. None: a message without a promise, such as the birth."""

    sequence: int | None


@dataclass(frozen=True, slots=True)
class Declined:
    """The broker acknowledged a message and did not pass it on (MQTT 5). `nobody`: because nobody listens."""

    sequence: int
    reason: str
    too_large: bool
    nobody: bool = False


News = Connected | Lost | Arrived | Acknowledged | Declined


@dataclass(frozen=True, slots=True)
class LinkAddress:
    """Whom to call and as whom. Without certificate files the connection is plain."""

    host: str
    port: int
    site: str
    bed: str
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    def topic(self, topic: Topic) -> Address:
        """The bed's own address of a topic."""
        return Address(self.site, self.bed, topic)


class MqttConnection:
    """One connection with the MQTT version given; used by one thread, but for the blocking connect in one of its own."""

    def __init__(self, address: LinkAddress, protocol: MQTTProtocolVersion, will: bytes) -> None:
        self.protocol = protocol
        self.dropped = 0
        """Incoming messages that were too large or found no room."""
        self._address = address
        self._news: deque[News] = deque()
        self._sequences: dict[int, int] = {}
        self._owed: set[int] = set()
        self._ready = threading.Event()
        self._failure: str | None = None
        self._accepted = False
        self._over = False
        self._client = self._make_client(will)

    def _make_client(self, will: bytes) -> Client:
        name = f"{self._address.site}.{self._address.bed}"
        clean = None if self.protocol is MQTTProtocolVersion.MQTTv5 else True
        client = Client(CallbackAPIVersion.VERSION2, name, clean, protocol=self.protocol, reconnect_on_failure=False)
        client.suppress_exceptions = True
        client.max_queued_messages_set(64)
        client.max_inflight_messages_set(64)
        client.connect_timeout = CONNECT_LIMIT_S
        rule = RULES[Topic.state]
        client.will_set(self._address.topic(Topic.state).text, will, rule.qos, rule.retained)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def start(self) -> None:
        """Begins to connect; a name that does not resolve or a mute host delays nobody."""
        threading.Thread(target=self._connect, name="mqtt-connect", daemon=True).start()

    def _connect(self) -> None:
        try:
            if self._address.ca_file is not None:
                self._client.tls_set(
                    str(self._address.ca_file), str(self._address.certificate_file), str(self._address.key_file)
                )
            properties = None
            if self.protocol is MQTTProtocolVersion.MQTTv5:
                properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
                properties.MaximumPacketSize = INCOMING_LIMIT_BYTES
            host, port = self._address.host, self._address.port
            self._client.connect(host, port, KEEP_ALIVE_S, properties=properties)
        except (OSError, ValueError) as error:
            self._failure = str(error) or type(error).__name__
        finally:
            self._ready.set()

    @property
    def descriptor(self) -> int | None:
        """The socket to poll for reading; None while there is none."""
        socket = self._client.socket() if self._ready.is_set() and not self._over else None
        return socket.fileno() if socket is not None else None

    @property
    def wants_write(self) -> bool:
        """Bytes wait for the socket to take them."""
        return self._ready.is_set() and not self._over and self._client.want_write()

    def turn(self) -> list[News]:
        """Reads and writes what is due and returns what happened; after `Lost` the connection is of no more use."""
        if self._over or not self._ready.is_set():
            return []
        if self._failure is not None:
            self._lose(f"The broker cannot be reached: {self._failure}.")
        for _ in range(READS_A_TURN):
            if self._over or not self._step():
                break
        news = list(self._news)
        self._news.clear()
        return news

    def _step(self) -> bool:
        """One paho turn; True when more may be waiting: under TLS a poll does not see what was decrypted already."""
        before = len(self._news)
        try:
            code = self._exchange()
        except _BROKEN_PACKET as error:
            self._lose(f"What the broker sent is not MQTT: {type(error).__name__}.")
            return False
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._lose(f"The connection to the broker broke: {code.name}.")
        pending = getattr(self._client.socket(), "pending", None)
        return len(self._news) > before or (pending is not None and pending() > 0)

    def _exchange(self, wait_ms: int = 0) -> MQTTErrorCode:
        """Reads what came, writes what waits, keeps the line alive. By poll: select cannot take a descriptor above 1023."""
        descriptor = self.descriptor
        if descriptor is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        pending = getattr(self._client.socket(), "pending", None)
        code = MQTTErrorCode.MQTT_ERR_SUCCESS
        if (pending is not None and pending() > 0) or poller.poll(wait_ms):
            code = self._client.loop_read()
        if code == MQTTErrorCode.MQTT_ERR_SUCCESS and self._client.want_write():
            code = self._client.loop_write()
        return self._client.loop_misc() if code == MQTTErrorCode.MQTT_ERR_SUCCESS else code

    def _lose(self, sentence: str, *, wrong_protocol: bool | None = None, taken_over: bool = False) -> None:
        if self._over:
            return
        self._over = True
        cut_early = not self._accepted and self._failure is None
        self._news.append(Lost(sentence, cut_early if wrong_protocol is None else wrong_protocol, taken_over))

    def cut(self) -> None:
        """Hangs up without a goodbye: the broker then publishes the will."""
        self._over = True
        socket = self._client.socket() if self._ready.is_set() else None
        if socket is not None:
            socket.close()

    def subscribe(self) -> None:
        """Asks for everything that is meant for this bed."""
        wanted = [(self._address.topic(topic).text, rule.qos) for topic, rule in RULES.items() if not rule.from_bed]
        self._client.subscribe(wanted)

    def send(self, topic: Topic, payload: bytes, sequence: int | None = None) -> bool:
        """Hands one message to the broker; False when it cannot go now."""
        rule = RULES[topic]
        if self._over or not self._accepted or (rule.qos == 0 and self._client.want_write()):
            return False  # what has no promise never waits in one queue with what has
        info = self._client.publish(self._address.topic(topic).text, payload, rule.qos, rule.retained)
        if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS and rule.qos > 0:
            self._owed.add(info.mid)
        if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS and sequence is not None:
            self._sequences[info.mid] = sequence
        return info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def close(self) -> None:
        """Says goodbye if it can; the broker then keeps the will to itself.

        What was published last is waited for, a second at most: a socket closed with unread bytes takes back what it sent.
        """
        if self._ready.is_set() and not self._over:
            with suppress(*_BROKEN_PACKET):
                for _ in range(GOODBYE_TURNS):
                    if not self._owed or self._exchange(GOODBYE_TURN_MS) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                        break
                self._client.disconnect()
            self._over = True

    def _on_connect(self, _client: Client, _data: Any, _flags: Any, reason: Any, properties: Properties | None) -> None:
        if reason.is_failure:
            self._lose(f"The broker refused the connection: {reason}.", wrong_protocol=reason.value == WRONG_VERSION)
            return
        self._accepted = True
        self._note(Connected(int(getattr(properties, "MaximumPacketSize", 0) or 2**28)))

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        taken_over = reason.value == TAKEN_OVER
        self._lose(f"The connection to the broker ended: {reason}.", taken_over=taken_over)

    def _on_subscribe(self, _client: Client, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._lose("The broker refused the subscription to receipts and desired state; its access list is wrong.")

    def _on_publish(self, _client: Client, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        self._owed.discard(mid)
        sequence = self._sequences.pop(mid, None)
        nobody = reason.value == NOBODY_LISTENS
        if sequence is not None and (reason.is_failure or nobody):
            self._note(Declined(sequence, str(reason), too_large=reason.value == TOO_LARGE, nobody=nobody))
        else:
            self._note(Acknowledged(sequence))

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self.dropped += 1
            return
        if len(message.payload) > INCOMING_LIMIT_BYTES:
            self.dropped += 1
        else:
            self._note(Arrived(topic, bytes(message.payload)))

    def _note(self, news: News) -> None:
        if len(self._news) < NEWS_LIMIT:
            self._news.append(news)
        else:
            self.dropped += 1
