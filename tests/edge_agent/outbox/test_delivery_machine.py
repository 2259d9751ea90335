"""Delivery over a line that loses, repeats, delays, declines, lies and hangs up: in the end the cloud has every message, once answered."""

from __future__ import annotations

import random
import tempfile
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.database import open_database
from edge_agent.outbox.delivery import Delivery
from edge_agent.outbox.mqtt_client import Acknowledged, Arrived, Connected, Declined, LinkAddress, Lost, News
from edge_agent.outbox.store import Outbox
from shared.envelope import seal, unseal
from shared.event import EventReport
from shared.receipt import Receipt, ReceiptKind
from shared.reconciliation import Digest, MessageState, ResendRequest
from shared.topics import Address, Topic
from tests.edge_agent.hand_clock import UTC_NS, HandClock
from tests.edge_agent.outbox.reports import make_report

SITE, BED = "north", "bed-4"
FAULTS = ("none", "drop", "swallow", "puback", "nobody", "twice", "late", "hang_up", "nonsense", "forget", "forged")


class Cloud:
    """Keeps what reaches it, by sequence number; `answers` are on their way back."""

    def __init__(self) -> None:
        self.kept: dict[int, EventReport] = {}
        self.answers: list[tuple[Topic, bytes]] = []

    def hear(self, topic: Topic, payload: bytes) -> None:
        if topic is Topic.event:
            envelope, report = unseal(Address(SITE, BED, topic), payload, EventReport)
            self.kept[envelope.sequence] = report
            self.say(envelope.sequence, report, ReceiptKind.stored)
        elif topic is Topic.digest:
            _, page = unseal(Address(SITE, BED, topic), payload, Digest)
            delivered = [each.sequence for each in page.messages if each.state is MessageState.delivered]
            lacking = [sequence for sequence in delivered if sequence not in self.kept]
            answer = ResendRequest(run=page.run, page=page.page, messages=lacking, clips=[])
            self.answers.append((Topic.resend, seal(Address(SITE, BED, Topic.resend), answer, UTC_NS)))

    def say(self, sequence: int, report: EventReport, kind: ReceiptKind) -> None:
        receipt = Receipt(
            event_id=report.event_id, sequence=sequence, revision=report.revision, kind=kind, committed_utc_ns=UTC_NS
        )
        self.answers.append((Topic.receipt, seal(Address(SITE, BED, Topic.receipt), receipt, UTC_NS)))


class Line:
    """A broker and the way to it; each turn has one fault of the list, then none."""

    def __init__(self, cloud: Cloud, faults: list[str]) -> None:
        self.connected = False
        self.limit_bytes = 2**20
        self.twin: str | None = None
        self.faults = faults
        self.cloud = cloud
        self.fault = "none"
        self.sent: list[tuple[Topic, bytes, int | None]] = []

    def turn(self) -> list[News]:
        self.fault = self.faults.pop() if self.faults else "none"
        if not self.connected:
            self.connected = True
            return [Connected(2**20), Acknowledged(None)]
        if self.fault == "hang_up":
            return [self.cut("hung up")]
        news: list[News] = []
        for topic, payload, sequence in self.sent:
            news += self.carry(topic, payload, sequence)
        self.sent.clear()
        if self.fault == "nonsense":
            news.append(Arrived(f"deepepil/v1/{SITE}/{BED}/receipt", b"\x00{"))
            news.append(Arrived("\x00", b""))
        if self.fault == "forget":
            self.cloud.kept.clear()
        if self.fault == "forged":
            self.cloud.say(1, make_report(), ReceiptKind.stored)
        if self.fault != "late":
            for topic, payload in self.cloud.answers * (2 if self.fault == "twice" else 1):
                news.append(Arrived(f"deepepil/v1/{SITE}/{BED}/{topic.value}", payload))
            self.cloud.answers.clear()
        return news

    def carry(self, topic: Topic, payload: bytes, sequence: int | None) -> list[News]:
        if self.fault == "drop":
            return []
        if self.fault == "nobody" and sequence is not None:
            return [Declined(sequence, "No matching subscribers", too_large=False, nobody=True)]
        if self.fault not in {"swallow", "puback"}:
            for _ in range(2 if self.fault == "twice" else 1):
                self.cloud.hear(topic, payload)
        return [] if self.fault == "swallow" else [Acknowledged(sequence)]

    def send(self, topic: Topic, payload: bytes, sequence: int | None = None) -> bool:
        self.sent.append((topic, payload, sequence))
        return True

    def cut(self, sentence: str) -> Lost:
        self.connected = False
        self.sent.clear()
        return Lost(sentence)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(FAULTS), max_size=60), st.lists(st.integers(0, 59), max_size=12), st.integers(0, 2**32))
def test_whatever_the_line_does_everything_arrives_in_the_end(
    faults: list[str], queue_at: list[int], seed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(open_database(Path(folder))) as connection:
        clock, cloud = HandClock(), Cloud()
        line = Line(cloud, [*faults])
        outbox = Outbox(connection, SITE, BED)
        delivery = Delivery(connection, line, LinkAddress("", 0, SITE, BED), clock, random.Random(seed))
        for step in range(60):
            for _ in range(queue_at.count(step)):
                outbox.record(make_report(), UTC_NS)
            delivery.turn()
            assert delivery.in_flight <= 25
            clock.advance(random.Random(seed + step).choice((0.01, 1, 20)))
        for _ in range(4000):
            delivery.turn()
            clock.advance(30)  # a cloud that forgets while the line is up is found out within a day
            if outbox.waiting() == 0 and len(cloud.kept) == len(queue_at):
                break
        assert outbox.waiting() == 0
        assert sorted(cloud.kept) == list(range(1, len(queue_at) + 1))
        assert connection.execute("SELECT count(*) FROM dead_letters").fetchone()[0] == 0


def test_while_nobody_listens_one_message_at_a_time_tries_and_then_all_go() -> None:
    with tempfile.TemporaryDirectory() as folder, closing(open_database(Path(folder))) as connection:
        clock, cloud = HandClock(), Cloud()
        line = Line(cloud, ["nobody"] * 2_000)
        outbox = Outbox(connection, SITE, BED)
        for _ in range(100):
            outbox.record(make_report(), UTC_NS)
        delivery = Delivery(connection, line, LinkAddress("", 0, SITE, BED), clock, random.Random(7))
        tries = []
        for _ in range(1_000):
            delivery.turn()
            tries.append(sum(topic is Topic.event for topic, _, _ in line.sent))
            clock.advance(0.1)
        assert max(tries[2:]) == 1
        assert 8 <= sum(tries[2:]) <= 30  # of a hundred seconds
        line.faults.clear()
        for _ in range(150):
            delivery.turn()
            clock.advance(0.1)
        assert outbox.waiting() == 0
        assert len(cloud.kept) == 100
