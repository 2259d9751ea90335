"""The publisher without its process: outbox, order of sending and link joined. Out: receipts taken, wishes heard, troubles.

A PUBACK changes nothing here: a message leaves the outbox by the cloud's receipt alone.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from edge_agent.outbox.audience import Audience
from edge_agent.outbox.dead_letters import set_alarm
from edge_agent.outbox.history import History, PutBack
from edge_agent.outbox.isolation import Isolation
from edge_agent.outbox.mqtt_client import Acknowledged, Arrived, Connected, Declined, LinkAddress, Lost, News
from edge_agent.outbox.reconciling import Reconciling
from edge_agent.outbox.sending import Sending
from edge_agent.outbox.store import Outbox, ReceiptOutcome
from edge_agent.outbox.strange import StrangeMessages
from edge_agent.outbox.transaction import transaction
from shared.clock import NS_PER_S, Clock
from shared.command import DesiredState
from shared.contract import Contract
from shared.envelope import seal, unseal
from shared.errors import DeepEpilError, Refused
from shared.failpoints import hit
from shared.live_view import LiveHangup, LiveOffer
from shared.pull import PullRequest
from shared.receipt import Receipt
from shared.reconciliation import ResendRequest
from shared.topics import Topic, parse_topic

LOOK_PERIOD_NS = NS_PER_S
"""How often the outbox is looked at when nobody says that something is new."""
NOT_ALONE_NS = NS_PER_S // 5
STRIKE_WAIT_NS = 10 * NS_PER_S
DECLINED_WAIT_S = (5.0, 30.0)
MUTE_AFTER_S = (300.0, 600.0)
"""Acknowledged by the broker, and no word of the cloud for so long: the subscription may be lost, a new connection makes it anew."""


class Link(Protocol):
    """What delivery needs of a connection to the broker; `MqttLink` is one."""

    connected: bool
    limit_bytes: int

    @property
    def twin(self) -> str | None:
        """A sentence when another agent uses this bed's name."""

    def turn(self) -> list[News]:
        """Connects when it is time, reads and writes, and returns what happened."""

    def send(self, topic: Topic, payload: bytes, sequence: int | None = None) -> bool:
        """Hands one message over; False when it cannot go now."""

    def cut(self, sentence: str) -> Lost:
        """Ends a connection that is of no use."""


@dataclass(slots=True)
class Happenings:
    """What one turn brought."""

    receipts: list[tuple[Receipt, ReceiptOutcome]] = field(default_factory=list)
    desired: list[DesiredState] = field(default_factory=list)
    put_back: list[PutBack] = field(default_factory=list)
    pulls: list[PullRequest] = field(default_factory=list)
    live: list[LiveOffer | LiveHangup] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    link_changed: bool = False


@contextmanager
def troubles_told(told: Happenings) -> Iterator[None]:
    """A fault that was foreseen, such as a full disk, costs what it struck and nothing else."""
    try:
        yield
    except DeepEpilError as error:
        told.troubles.append(error.sentence)


class Delivery:
    """One bed's delivery; use from one thread. All that is random comes from `dice`, all time from `clock`."""

    def __init__(
        self, connection: sqlite3.Connection, link: Link, address: LinkAddress, clock: Clock, dice: random.Random
    ) -> None:
        self._connection = connection
        self._outbox = Outbox(connection, address.site, address.bed)
        self._history = History(connection, self._outbox)
        self._strange = StrangeMessages(connection, clock)
        self._link = link
        self._address = address
        self._clock = clock
        self._dice = dice
        self._sending = Sending(dice)
        self._isolation = Isolation()
        self._audience = Audience(dice)
        self._reconciling = Reconciling(dice)
        self._next_look_ns = 0
        self._mute_at_ns: int | None = None
        self._alarms: dict[str, str | None] = {}

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
        with troubles_told(told):
            for news in self._link.turn():
                with troubles_told(told):
                    self._hear(news, told)
        with troubles_told(told):
            self._look(look)
            self._watch(told)
            self._send(told)
            self._reconcile()
        told.link_changed = told.link_changed or was_connected != self._link.connected
        return told

    def _look(self, look: bool) -> None:
        now_ns = self._clock.monotonic_ns()
        if look:
            self._sending.add(self._outbox.sequences_after(self._sending.newest))
        if now_ns >= self._next_look_ns:
            self._next_look_ns = now_ns + LOOK_PERIOD_NS
            self._outbox.queue_parked(self._clock.utc_ns())
            self._sending.add(self._outbox.sequences_after(self._sending.newest))
            if self._outbox.waiting() != self._sending.waiting:
                self._sending.keep_only(self._outbox.sequences_after(0))
            self._alarm("identity", self._link.twin)
            mute = self._reconciling.unanswered >= 2
            self._alarm(
                "reconciliation", "The cloud does not answer when the bed compares its messages." if mute else None
            )

    def _alarm(self, name: str, sentence: str | None) -> None:
        if self._alarms.get(name, "") != sentence:
            with transaction(self._connection):
                set_alarm(self._connection, name, sentence, self._clock.utc_ns())
            self._alarms[name] = sentence

    def _watch(self, told: Happenings) -> None:
        """Ends a connection that takes and never answers."""
        now_ns = self._clock.monotonic_ns()
        if not self._link.connected:
            return
        if self._isolation.is_silent(now_ns):
            self._hear(self._link.cut("The broker acknowledges nothing; the line seems to be half open."), told)
        elif self._mute_at_ns is not None and now_ns >= self._mute_at_ns:
            self._hear(self._link.cut("The broker acknowledges, the cloud does not answer: a new connection."), told)

    def _send(self, told: Happenings) -> None:
        if not self._link.connected:
            return
        now_ns = self._clock.monotonic_ns()
        for sequence in self._sending.take(now_ns, self._audience.most(now_ns, self._isolation.unanswered)):
            body = self._outbox.body(sequence)
            if body is None:
                self._drop(sequence)
            elif len(body) > self._link.limit_bytes:
                self._bury(
                    sequence, f"The broker takes {self._link.limit_bytes} bytes at most; it has {len(body)}.", told
                )
            elif not self._isolation.may_send(sequence):
                wait_ns = NOT_ALONE_NS + self._isolation.strikes(sequence) * STRIKE_WAIT_NS
                self._sending.later(sequence, now_ns + wait_ns)
            elif self._link.send(Topic.event, body, sequence):
                hit("after_publish_before_mark")
                self._isolation.sent(sequence, now_ns)
                if self._mute_at_ns is None:
                    self._mute_at_ns = now_ns + round(self._dice.uniform(*MUTE_AFTER_S) * NS_PER_S)

    def _reconcile(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if not self._link.connected:
            return
        due = self._reconciling.due(now_ns, self._clock.utc_ns())
        if due is not None:
            page = self._history.page(*due)
            self._reconciling.sent(page)
            self.say(Topic.digest, page)

    def _drop(self, sequence: int) -> None:
        self._sending.drop(sequence)
        self._isolation.forget(sequence)

    def _bury(self, sequence: int, reason: str, told: Happenings) -> None:
        self._outbox.bury(sequence, reason, self._clock.utc_ns())
        self._drop(sequence)
        told.troubles.append(f"Message {sequence} became a dead letter: {reason}")

    def _hear(self, news: News, told: Happenings) -> None:
        now_ns = self._clock.monotonic_ns()
        if isinstance(news, Connected):
            self._audience.somebody()
            self._sending.link_up()
            self._reconciling.link_up(now_ns)
        elif isinstance(news, Lost):
            self._lose(told, now_ns)
        elif isinstance(news, Acknowledged):
            if news.sequence is not None:
                hit("after_puback_before_receipt")
                self._audience.somebody()
            self._isolation.acknowledged(news.sequence)
        elif isinstance(news, Declined):
            self._decline(news, told, now_ns)
        else:
            self._read(news, told)

    def _lose(self, told: Happenings, now_ns: int) -> None:
        told.link_changed = True
        self._mute_at_ns = None
        self._sending.link_lost(now_ns)
        condemned = self._isolation.lost(now_ns)
        if condemned is not None:
            self._bury(condemned, "The broker ends the connection each time this message comes.", told)

    def _decline(self, news: Declined, told: Happenings, now_ns: int) -> None:
        self._isolation.acknowledged(news.sequence)
        if news.too_large:
            self._bury(news.sequence, f"The broker does not take it: {news.reason}.", told)
            return
        if news.nobody:
            self._sending.later(news.sequence, self._audience.nobody(now_ns))
        else:
            self._sending.later(news.sequence, now_ns + round(self._dice.uniform(*DECLINED_WAIT_S) * NS_PER_S))
        told.troubles.append(f"The broker did not pass on message {news.sequence}: {news.reason}.")
        why = "nobody listens there" if news.nobody else news.reason
        self._alarm("broker", f"The broker passes the bed's events to no one: {why}.")

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
            elif address.topic is Topic.resend:
                self._put_back(unseal(address, news.payload, ResendRequest)[1], told)
            elif address.topic is Topic.pull:
                told.pulls.append(unseal(address, news.payload, PullRequest)[1])
            elif address.topic is Topic.offer:
                told.live.append(unseal(address, news.payload, LiveOffer)[1])
            elif address.topic is Topic.hangup:
                told.live.append(unseal(address, news.payload, LiveHangup)[1])
        except Refused as error:
            told.troubles.append(error.sentence)
            self._strange.keep(news.topic, news.payload, error.sentence)

    def _take_receipt(self, receipt: Receipt, told: Happenings) -> None:
        self._mute_at_ns = None
        outcome = self._outbox.receive(receipt, self._clock.utc_ns())
        if outcome is ReceiptOutcome.outdated:
            self._sending.later(receipt.sequence, self._clock.monotonic_ns())
        elif outcome is not ReceiptOutcome.mismatched:
            self._drop(receipt.sequence)
        if outcome is ReceiptOutcome.removed:
            self._alarm("broker", None)
        told.receipts.append((receipt, outcome))

    def _put_back(self, request: ResendRequest, told: Happenings) -> None:
        back = self._history.put_back(request, self._clock.utc_ns())
        self._reconciling.answered(request, self._clock.monotonic_ns())
        self._sending.add(back.messages)
        if back.messages or back.clips:
            told.put_back.append(back)
