"""The bed's link to the broker over many connections: birth and will, MQTT 5 then 3.1.1, reconnects that never march in step.

In: the time, messages to send. Out: what happened, as `News`. It promises nothing: the outbox does.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from paho.mqtt.enums import MQTTProtocolVersion

from edge_agent.outbox.backoff import Backoff
from edge_agent.outbox.mqtt_client import Connected, LinkAddress, Lost, MqttConnection, News
from shared.clock import NS_PER_S, Clock
from shared.envelope import seal
from shared.heartbeat import BedState
from shared.topics import Topic

RECONNECT = Backoff(first_s=2.0, longest_s=30.0, least_share=0.05)
"""Spread widely: when a broker comes back, its beds do not march in step."""
AFTER_TAKEOVER = Backoff(first_s=30.0, longest_s=300.0)
QUICK_NS = 5 * NS_PER_S
QUICK_LOSSES = 6
"""So many connections in a row that were accepted and ended by the broker within seconds look like a twin (MQTT 3.1.1)."""
STABLE_NS = 10 * NS_PER_S
"""A connection that lasted this long ends the row of failures; a shorter one counts as a failure more."""
_PACKET_OVERHEAD_BYTES = 512


class MqttLink:
    """Use from one thread. `connected` and `sentence` tell how it stands."""

    def __init__(
        self, address: LinkAddress, version: str, next_session: Callable[[], int], clock: Clock, dice: random.Random
    ) -> None:
        self.connected = False
        self.sentence = "Not connected yet."
        self.limit_bytes = 2**28
        """The largest message that the broker of this connection takes."""
        self._address = address
        self._version = version
        self._next_session = next_session
        self._clock = clock
        self._dice = dice
        self._protocol = MQTTProtocolVersion.MQTTv5
        self._connection: MqttConnection | None = None
        self._session = 0
        self._failures = 0
        self._since_ns = 0
        self._next_try_ns = 0
        self._dropped = 0
        self._quick_losses = 0
        self._takeovers = 0

    @property
    def twin(self) -> str | None:
        """A sentence when another agent seems to use this bed's name; None when not."""
        if self._takeovers:
            return "Another agent connected under this bed's name: is one folder or certificate used twice?"
        if self._quick_losses >= QUICK_LOSSES:
            return "The broker ends each connection within seconds: perhaps another agent uses this bed's name."
        return None

    @property
    def descriptor(self) -> int | None:
        """The socket to poll for reading; None while there is none."""
        return self._connection.descriptor if self._connection is not None else None

    @property
    def wants_write(self) -> bool:
        """Poll the socket for writing too."""
        return self._connection is not None and self._connection.wants_write

    @property
    def dropped(self) -> int:
        """Incoming messages that were too large or found no room, over all connections."""
        return self._dropped + (self._connection.dropped if self._connection is not None else 0)

    def turn(self) -> list[News]:
        """Connects when it is time, reads and writes, and returns what happened. Raises Transient from `next_session`."""
        if self._connection is None:
            if self._clock.monotonic_ns() >= self._next_try_ns:
                self._connect()
            return []
        news = self._connection.turn()
        for each in news:
            if isinstance(each, Connected):
                self._greet(each)
            elif isinstance(each, Lost):
                self._lose(each)
        return news

    def _connect(self) -> None:
        self._session = self._next_session()
        self._connection = MqttConnection(self._address, self._protocol, self._state(online=False))
        self._connection.start()

    def _state(self, *, online: bool) -> bytes:
        state = BedState(online=online, session=self._session, version=self._version)
        return seal(self._address.topic(Topic.state), state, self._clock.utc_ns())

    def _greet(self, accepted: Connected) -> None:
        if self._connection is None:
            return
        self.connected = True
        self.sentence = ""
        self.limit_bytes = accepted.limit_bytes - _PACKET_OVERHEAD_BYTES
        self._since_ns = self._clock.monotonic_ns()
        self._connection.subscribe()
        self._connection.send(Topic.state, self._state(online=True))

    def _lose(self, lost: Lost) -> None:
        now_ns = self._clock.monotonic_ns()
        stable = self.connected and now_ns - self._since_ns >= STABLE_NS
        self._failures = 1 if stable else self._failures + 1
        self._count_takeovers(lost, stable=stable, lasted_ns=now_ns - self._since_ns)
        rule = AFTER_TAKEOVER if self._takeovers else RECONNECT
        self._next_try_ns = now_ns + rule.wait_ns(self._failures, self._dice)
        self._dropped = self.dropped
        self._connection = None
        self.connected = False
        self.sentence = lost.sentence
        if lost.wrong_protocol:
            newest = MQTTProtocolVersion.MQTTv5
            self._protocol = MQTTProtocolVersion.MQTTv311 if self._protocol is newest else newest

    def _count_takeovers(self, lost: Lost, *, stable: bool, lasted_ns: int) -> None:
        """A connection that lasted, and ended in another way, tells that the bed is alone under its name."""
        if lost.taken_over:
            self._takeovers += 1
        elif stable:
            self._takeovers = 0
        quick = self.connected and lasted_ns < QUICK_NS
        self._quick_losses = self._quick_losses + 1 if quick else 0

    def cut(self, sentence: str) -> Lost:
        """Ends a connection that is of no use, such as a half-open one; the next comes in its time."""
        lost = Lost(sentence)
        if self._connection is not None:
            self._connection.cut()
            self._lose(lost)
        return lost

    def send(self, topic: Topic, payload: bytes, sequence: int | None = None) -> bool:
        """Hands one message to the broker; False when it cannot go now. What that means is the outbox's business."""
        return self._connection is not None and self.connected and self._connection.send(topic, payload, sequence)

    def close(self) -> None:
        """Tells the cloud that the bed goes off on purpose, then ends the connection."""
        if self._connection is not None:
            self.send(Topic.state, self._state(online=False))
            self._connection.close()
            self._connection = None
            self.connected = False
