"""The way between beds and ingester in virtual time: lines that lose, repeat, delay and hang up, and a broker that forgets."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.outbox.mqtt_client import Acknowledged, Arrived, Connected, Declined, Lost, News
from shared.topics import Address, Topic
from tests.campaigns.delivery.sim_time import VirtualTime

LIMIT_BYTES = 2**20
KEPT_FOR_REPLAY = 40


@dataclass(slots=True)
class Weather:
    """How bad the network is just now; all at zero is a fine day."""

    loss: float = 0.0
    back_loss: float = 0.0
    twice: float = 0.0
    slow_s: float = 0.0
    swallow: bool = False
    cut: bool = False
    """Nothing passes, and no connection is made."""


@dataclass(slots=True)
class Mood:
    """What the broker does wrong just now."""

    down: bool = False
    forgets: float = 0.0
    """Share of messages that it acknowledges and drops."""
    queue_limit: int = 1_000_000
    declines: bool = False


class Line:
    """One bed's connection; it is the `Link` that the shipped Delivery drives. Each new connection has a new number."""

    def __init__(self, time: VirtualTime, dice: random.Random, broker: Broker, site: str, bed: str) -> None:
        self.connected = False
        self.limit_bytes = LIMIT_BYTES
        self.twin: str | None = None
        self.weather = Weather()
        self.wake: Callable[[], None] = lambda: None
        self.sent = 0
        self.bed = bed
        self._site = site
        self._time, self._dice, self._broker = time, dice, broker
        self._number = 0
        self._news: list[News] = []
        self._calling = False

    def turn(self) -> list[News]:
        news, self._news = self._news, []
        return news

    def send(self, topic: Topic, payload: bytes, sequence: int | None = None) -> bool:
        if not self.connected:
            return False
        self.sent += 1
        if self.weather.swallow or self._dice.random() < self.weather.loss:
            self._time.note(f"{self.bed} → lost on the way: {topic.value} {sequence}")
            return True
        number, text = self._number, Address(self._site, self.bed, topic).text
        for _ in range(2 if self._dice.random() < self.weather.twice else 1):
            self._time.after(self._delay_s(), lambda: self._broker.take(self, number, text, payload, sequence))
        return True

    def cut(self, sentence: str) -> Lost:
        self._lose(sentence, tell=False)
        return Lost(sentence)

    def call(self) -> None:
        """Tries to connect, now and later, until it is connected."""
        if not self._calling and not self.connected:
            self._calling = True
            self._time.after(self._dice.uniform(0.1, 30.0), self._connect)

    def _connect(self) -> None:
        self._calling = False
        if self.connected:
            return
        if self.weather.cut or self.weather.swallow or self._broker.mood.down:
            return  # whoever ends that calls again
        self.connected = True
        self._number += 1
        self._tell([Connected(LIMIT_BYTES), Acknowledged(None)])

    def hang_up(self) -> None:
        """The connection ends, whatever was on its way."""
        if self.connected:
            self._lose("hung up", tell=True)

    def _lose(self, sentence: str, *, tell: bool) -> None:
        self.connected = False
        self._number += 1
        self._news.clear()
        if tell:
            self._tell([Lost(sentence)])
        self.call()

    def drop(self) -> None:
        """The publisher is gone, and its connection with it; nobody is told."""
        self.connected = False
        self._number += 1
        self._news.clear()

    def answer(self, number: int, news: News) -> None:
        """What the broker says of a message, some time later, if it comes through on this connection."""
        if not self.weather.swallow and self._dice.random() >= self.weather.back_loss:
            self._time.after(self._delay_s(), lambda: self._hear(number, news))

    def deliver(self, topic: str, payload: bytes) -> None:
        """A message for the bed; a bed that is away never gets it."""
        if self.connected:
            for _ in range(2 if self._dice.random() < self.weather.twice else 1):
                self.answer(self._number, Arrived(topic, payload))

    def _hear(self, number: int, news: News) -> None:
        if self.connected and number == self._number:
            self._tell([news])

    def _tell(self, news: list[News]) -> None:
        self._news += news
        self.wake()

    def _delay_s(self) -> float:
        return self._dice.uniform(0.005, 0.2) + self._dice.random() ** 3 * self.weather.slow_s


@dataclass(slots=True)
class Waiting:
    """A message at the broker, for the ingester."""

    topic: str
    payload: bytes


@dataclass(slots=True)
class Broker:
    """Keeps nothing on a disk. `subscribed`: the ingester listens; without it a message is acknowledged and gone."""

    time: VirtualTime
    dice: random.Random
    mood: Mood = field(default_factory=Mood)
    subscribed: bool = True
    queue: list[Waiting] = field(default_factory=list)
    lines: dict[str, Line] = field(default_factory=dict)
    old: deque[Waiting] = field(default_factory=lambda: deque(maxlen=KEPT_FOR_REPLAY))
    wake: Callable[[], None] = lambda: None

    def take(self, line: Line, number: int, topic: str, payload: bytes, sequence: int | None) -> None:
        """A message of a bed came in."""
        if self.mood.down:
            return
        if self.mood.declines and sequence is not None:
            line.answer(number, Declined(sequence, "No matching subscribers", too_large=False, nobody=True))
            return
        line.answer(number, Acknowledged(sequence))
        full = len(self.queue) >= self.mood.queue_limit
        if not self.subscribed or full or self.dice.random() < self.mood.forgets:
            self.time.note(f"{line.bed} → acknowledged and dropped by the broker: message {sequence}")
            return
        self.put(topic, payload)

    def put(self, topic: str, payload: bytes) -> None:
        """For the ingester, by whatever way it came."""
        waiting = Waiting(topic, payload)
        self.old.append(waiting)
        self.queue.append(waiting)
        self.wake()

    def publish(self, topic: str, payload: bytes) -> bool:
        """A message of the cloud for a bed."""
        if self.mood.down:
            return False
        line = self.lines.get(topic.split("/")[3])
        if line is not None:
            line.deliver(topic, payload)
        return True

    def wipe(self) -> None:
        """Killed, its data deleted."""
        self.queue.clear()
        for line in self.lines.values():
            line.hang_up()
