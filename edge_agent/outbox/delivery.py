"""The publisher without its process: outbox, order of sending and link joined. Out: receipts taken, wishes heard, troubles.

A PUBACK changes nothing here: a message leaves the outbox by the cloud's receipt alone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from edge_agent.outbox.mqtt_client import Arrived, Declined, LinkAddress, Lost, News
from edge_agent.outbox.mqtt_link import MqttLink
from edge_agent.outbox.sending import Sending
from edge_agent.outbox.store import Outbox, ReceiptOutcome
from shared.clock import NS_PER_S, Clock
from shared.command import DesiredState
from shared.contract import Contract
from shared.envelope import seal, unseal
from shared.errors import DeepEpilError, Refused
from shared.receipt import Receipt
from shared.topics import Topic, parse_topic

LOOK_PERIOD_NS = NS_PER_S
"""How often the outbox is looked at when nobody says that something is new."""


@dataclass(slots=True)
class Happenings:
    """What one turn brought."""

    receipts: list[tuple[Receipt, ReceiptOutcome]] = field(default_factory=list)
    desired: list[DesiredState] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    link_changed: bool = False


class Delivery:
    """One bed's delivery; use from one thread."""

    def __init__(self, outbox: Outbox, link: MqttLink, address: LinkAddress, clock: Clock, dice: random.Random) -> None:
        self._outbox = outbox
        self._link = link
        self._address = address
        self._clock = clock
        self._sending = Sending(dice)
        self._next_look_ns = 0

    @property
    def waiting(self) -> int:
        """Messages without a receipt."""
        return self._sending.waiting

    @property
    def in_flight(self) -> int:
        """Messages sent a short while ago, without a receipt yet."""
        return self._sending.in_flight

    def say(self, topic: Topic, body: Contract) -> bool:
        """Sends a message without a promise, if the link is up. Raises Refused when it is too large."""
        return self._link.send(topic, seal(self._address.topic(topic), body, self._clock.utc_ns()))

    def turn(self, *, look: bool = False) -> Happenings:
        """Reads, sends, and says what happened. `look`: something new was queued. Never raises for what came in."""
        told = Happenings()
        was_connected = self._link.connected
        try:
            for news in self._link.turn():
                self._hear(news, told)
            self._look(look)
            self._send(told)
        except DeepEpilError as error:
            told.troubles.append(error.sentence)
        told.link_changed = told.link_changed or was_connected != self._link.connected
        return told

    def _look(self, look: bool) -> None:
        now_ns = self._clock.monotonic_ns()
        if look or now_ns >= self._next_look_ns:
            self._next_look_ns = now_ns + LOOK_PERIOD_NS
            self._sending.add(self._outbox.sequences_after(self._sending.newest))

    def _send(self, told: Happenings) -> None:
        if not self._link.connected:
            return
        for sequence in self._sending.take(self._clock.monotonic_ns()):
            body = self._outbox.body(sequence)
            if body is None:
                self._sending.drop(sequence)
            elif len(body) > self._link.limit_bytes:
                self._bury(
                    sequence, f"The broker takes {self._link.limit_bytes} bytes at most; it has {len(body)}.", told
                )
            else:
                self._link.send(Topic.event, body, sequence)

    def _bury(self, sequence: int, reason: str, told: Happenings) -> None:
        self._outbox.bury(sequence, reason, self._clock.utc_ns())
        self._sending.drop(sequence)
        told.troubles.append(f"Message {sequence} became a dead letter: {reason}")

    def _hear(self, news: News, told: Happenings) -> None:
        if isinstance(news, Lost):
            told.link_changed = True
            self._sending.link_lost(self._clock.monotonic_ns())
        elif isinstance(news, Declined):
            if news.too_large:
                self._bury(news.sequence, f"The broker does not take it: {news.reason}.", told)
            else:
                told.troubles.append(f"The broker did not pass on message {news.sequence}: {news.reason}.")
        elif isinstance(news, Arrived):
            self._read(news, told)

    def _read(self, news: Arrived, told: Happenings) -> None:
        """Anything at all may come: what is not ours or not well formed is a trouble, never more."""
        try:
            address = parse_topic(news.topic)
            if (address.site, address.bed) != (self._address.site, self._address.bed):
                raise Refused(f"A message for {address.site}/{address.bed} came to this bed.")
            if address.topic is Topic.receipt:
                self._take_receipt(unseal(address, news.payload, Receipt)[1], told)
            elif address.topic is Topic.desired:
                told.desired.append(unseal(address, news.payload, DesiredState)[1])
        except DeepEpilError as error:
            told.troubles.append(error.sentence)

    def _take_receipt(self, receipt: Receipt, told: Happenings) -> None:
        outcome = self._outbox.receive(receipt, self._clock.utc_ns())
        if outcome is not ReceiptOutcome.mismatched:
            self._sending.drop(receipt.sequence)
        told.receipts.append((receipt, outcome))
