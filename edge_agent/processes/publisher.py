"""Sends the outbox over MQTT, takes receipts and the desired state, relays heartbeats: wires delivery to bus and database."""

from __future__ import annotations

import random
from collections import deque

import zmq

from edge_agent.bus import Subscriber
from edge_agent.bus_messages import BusTopic, LinkFact
from edge_agent.desired import save_desired
from edge_agent.outbox.delivery import Delivery, Happenings
from edge_agent.outbox.mqtt_client import LinkAddress
from edge_agent.outbox.mqtt_link import MqttLink
from edge_agent.outbox.store import Outbox, ReceiptOutcome
from edge_agent.outbox.transaction import transaction
from edge_agent.pulls.answering import Pulls
from edge_agent.runner import Context
from shared.clock import NS_PER_S
from shared.command import DesiredState
from shared.contract import Contract
from shared.errors import Refused, Transient
from shared.live_view import LiveOffer
from shared.software import software_version
from shared.topics import Topic

CONNECTED_TURN_MS = 200
CONNECTING_TURN_MS = 50
FACT_PERIOD_NS = NS_PER_S
MESSAGES_A_TURN = 100
WISH_LIMIT = 16


class Publisher:
    """One turn at a time: the bus in, the link out and in, facts on the bus."""

    def __init__(self, context: Context) -> None:
        mqtt, bed = context.settings.mqtt, context.settings.bed
        address = LinkAddress(
            mqtt.host, mqtt.port, bed.site, bed.bed, mqtt.ca_file, mqtt.certificate_file, mqtt.key_file
        )
        self._context = context
        self._connection = context.database()
        outbox = Outbox(self._connection, bed.site, bed.bed)
        self._pulls = Pulls(self._connection, outbox, context.clock, context.settings.storage.max_bytes)
        dice = random.Random()
        self.link = MqttLink(address, software_version(), outbox.next_session, context.clock, dice)
        self._delivery = Delivery(self._connection, self.link, address, context.clock, dice)
        self._inbox = context.subscribe(BusTopic.event, BusTopic.heartbeat, BusTopic.view)
        self._next_fact_ns = 0
        self._receipts = 0
        self._last_trouble = ""
        self._wishes: deque[DesiredState] = deque(maxlen=WISH_LIMIT)

    def turn(self) -> None:
        """Waits for the bus or the broker, then does what there is to do."""
        wait_for_either(self._inbox, self.link)
        happened = self._delivery.turn(look=self._read_bus())
        self._tell(happened)
        self._context.beat(
            waiting=self._delivery.waiting, in_flight=self._delivery.in_flight, receipts=self._receipts,
            connected=self.link.connected, dropped=self.link.dropped,
        )  # fmt: skip

    def _read_bus(self) -> bool:
        """True when the detector queued something."""
        queued = False
        for _ in range(MESSAGES_A_TURN):
            if (found := self._inbox.receive(0)) is None:
                break
            queued |= found[0] is BusTopic.event
            if found[0] is not BusTopic.event:
                self._say(Topic(found[0].value), found[1])
        return queued

    def _say(self, topic: Topic, message: Contract) -> None:
        try:
            self._delivery.say(topic, message)
        except Refused as error:
            self._trouble(error.sentence)

    def _tell(self, happened: Happenings) -> None:
        for receipt, outcome in happened.receipts:
            self._receipts += 1
            self._context.log.info(
                "receipt_arrived", event_id=str(receipt.event_id), sequence=receipt.sequence, kind=receipt.kind.value,
                outcome=outcome.value,
            )  # fmt: skip
            if outcome is ReceiptOutcome.dead:
                self._context.log.error("message_refused", sequence=receipt.sequence, reason=receipt.reason)
        for back in happened.put_back:
            self._context.log.warning("sent_again", messages=len(back.messages), clips=len(back.clips))
        for request in happened.pulls:
            self._pulls.answer(request, self._delivery.say)
        for wish in happened.live:
            self._context.publish(BusTopic.offer if isinstance(wish, LiveOffer) else BusTopic.hangup, wish)
        self._wishes += happened.desired
        self._obey()
        for sentence in happened.troubles:
            self._trouble(sentence)
        self._tell_link(happened.link_changed)

    def _obey(self) -> None:
        """Saves what the cloud wishes, then tells the others; what the database does not take now waits."""
        while self._wishes:
            state = self._wishes[0]
            try:
                with transaction(self._connection):
                    newer = save_desired(self._connection, state)
            except Transient as error:
                self._trouble(error.sentence)
                return
            self._wishes.popleft()
            if newer:
                self._context.publish(BusTopic.desired, state)
                self._context.log.info("desired_state_arrived", version=state.version, paused=state.paused)

    def _tell_link(self, changed: bool) -> None:
        now_ns = self._context.clock.monotonic_ns()
        if changed:
            word = "broker_connected" if self.link.connected else "broker_lost"
            self._context.log.info(word, sentence=self.link.sentence)
        if changed or now_ns >= self._next_fact_ns:
            self._next_fact_ns = now_ns + FACT_PERIOD_NS
            fact = LinkFact(mono_ns=now_ns, connected=self.link.connected, sentence=self.link.sentence[:500])
            self._context.publish(BusTopic.link, fact)

    def _trouble(self, sentence: str) -> None:
        if sentence != self._last_trouble:
            self._last_trouble = sentence
            self._context.log.warning("delivery_troubled", sentence=sentence)


def wait_for_either(inbox: Subscriber, link: MqttLink) -> None:
    """Returns when the bus or the broker has something, or after a short while."""
    poller = zmq.Poller()
    poller.register(inbox.socket, zmq.POLLIN)
    descriptor = link.descriptor
    if descriptor is not None:
        poller.register(descriptor, zmq.POLLIN | (zmq.POLLOUT if link.wants_write else 0))
    poller.poll(CONNECTING_TURN_MS if descriptor is None else CONNECTED_TURN_MS)


def run(context: Context) -> None:
    """Until the stop."""
    publisher = Publisher(context)
    while not context.stop.is_set():
        publisher.turn()
    publisher.link.close()
