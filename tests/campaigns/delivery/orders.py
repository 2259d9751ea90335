"""Trials of the order of promises: each puts one fault between two steps, where a wrong order would lose, double or lie.

Each trial runs with the shipped code in the campaign, and with one mutation in the proof that the campaign can fail.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

from tests.campaigns.delivery.house import House, Wishes
from tests.campaigns.delivery.judge import judge, settle
from tests.campaigns.delivery.kills import tell_deaths
from tests.campaigns.delivery.lines import OPEN, Rule
from tests.campaigns.delivery.mutations import DROP_UNIQUE, OF_PROGRAM
from tests.campaigns.delivery.tally import Tally

Trial = Callable[[Tally, int, str], None]
ONE_BED = ("bed-1",)
SOON_S = 60.0
COMPARED_S = 4.0
"""After a connection the bed compares its history within so long, hurried as it is."""
MUTATED_LIMIT_S = 8.0


def _wishes(mutation: str, **more: object) -> Wishes:
    mutations = {OF_PROGRAM[mutation]: mutation} if mutation else {}
    return Wishes(beds=ONE_BED, mutations=mutations, **more)  # type: ignore[arg-type]


def _judge(house: House, tally: Tally, trial: str, mutation: str) -> None:
    tell_deaths(house, tally)
    limit_s = MUTATED_LIMIT_S if mutation else 90.0
    judge(house, checked=not mutation, limit_s=limit_s).into(tally, trial)


ACKNOWLEDGED = "a message is acknowledged to the broker after its commit"


def acknowledged_after_commit(tally: Tally, seed: int, mutation: str = "") -> None:
    """While the database is away the broker must not hear that the ingester took care of an event."""
    with House(_wishes(mutation, uploads=False), seed) as house:
        bed = house.beds["bed-1"]
        log = house.broker_folder / "mosquitto.log"
        bed.feeder.feed(1)
        house.wait(lambda: bed.left()[0] == 0, "the first receipts", SOON_S)
        house.rest(COMPARED_S)
        house.to_database.rule = Rule(stalled=True)
        before = _acknowledged(log)
        sent = _passed_on(log)
        bed.feeder.feed(1)
        house.wait(lambda: _passed_on(log) > sent, "the event at the ingester", SOON_S)
        house.rest(1.0)
        early = _acknowledged(log) - before
        tally.expect(ACKNOWLEDGED, early == 0, f"{early} messages were acknowledged while the database was away")
        house.to_database.rule = OPEN
        tally.faults["database stalled"] += 1
        house.wait(lambda: bed.left()[0] == 0, "the receipts", SOON_S)
        house.wait(lambda: _acknowledged(log) > before, "the acknowledgement", SOON_S)
        judge(house, checked=not mutation, rested=False).into(tally, ACKNOWLEDGED)


def _acknowledged(log: Path) -> int:
    return len(re.findall(r"Received PUBACK from deepepil-ingester", log.read_text()))


def _passed_on(log: Path) -> int:
    return len(re.findall(r"Sending PUBLISH to deepepil-ingester\S* .*/event'", log.read_text()))


LOST_ANSWER = "the receipt is lost after the commit"


def receipt_lost_after_commit(tally: Tally, seed: int, mutation: str = "") -> None:
    """The ingester dies between commit and receipt, twice: the same messages come again and have no effect."""
    with House(_wishes(mutation), seed) as house:
        if mutation == "unique_dropped":
            house.rows(DROP_UNIQUE)
        ingester = house.arm("ingester", *["after_event_commit_before_receipt=kill@1"] * 2)
        house.beds["bed-1"].feeder.feed(6)
        house.wait(lambda: ingester.peace, "the ingester's deaths", SOON_S)
        _judge(house, tally, LOST_ANSWER, mutation)


BEFORE_COMMIT = "the ingester dies before its commit"


def dies_before_commit(tally: Tally, seed: int, mutation: str = "") -> None:
    """What it had taken in is in no table; the bed must still have it. No connection of the bed is made anew meanwhile."""
    with House(_wishes(mutation), seed) as house:
        bed = house.beds["bed-1"]
        bed.feeder.feed(1)
        settle(house)
        house.rest(COMPARED_S)
        ingester = house.arm("ingester", "before_event_commit=kill@1")
        bed.feeder.feed(4)
        house.wait(lambda: ingester.peace, "the ingester's death", SOON_S)
        _judge(house, tally, BEFORE_COMMIT, mutation)


REFUSED = "the api answers 429 to clips"


def api_refuses(tally: Tally, seed: int, mutation: str = "") -> None:
    """The api takes next to nothing for a while: what is refused is asked again, and never taken for stored."""
    with House(_wishes(mutation, requests_per_s=0.2), seed) as house:
        bed = house.beds["bed-1"]
        bed.feeder.record_one()
        house.wait(lambda: bed.left()[0] == 0, "the first receipts", SOON_S)
        house.rest(COMPARED_S)  # a comparison after it would ask for what was falsely called stored, and heal it
        bed.feeder.feed(5)
        house.wait(lambda: bed.left()[0] == 0, "the receipts", SOON_S)
        house.rest(3.0)
        tally.faults["4xx of the api"] += 1
        settings = house.config.read_text()
        house.config.write_text(settings.replace("requests_per_s = 0.2", "requests_per_s = 1000.0"))
        house.programs["api"].kill(house.nursery, again=True)
        _judge(house, tally, REFUSED, mutation)


HANGS = "the broker acknowledges, the ingester hangs and dies"


def ingester_hangs(tally: Tally, seed: int, mutation: str = "") -> None:
    """The broker says that all is well; what it handed to the hanging ingester goes with its session."""
    with House(_wishes(mutation), seed) as house:
        bed, ingester = house.beds["bed-1"], house.programs["ingester"]
        bed.feeder.feed(1)
        settle(house)
        house.rest(COMPARED_S)
        ingester.signal(signal.SIGSTOP)
        bed.feeder.feed(5)
        house.rest(2.0)
        ingester.kill(house.nursery, again=True)
        tally.faults["ingester hangs (SIGSTOP), then kill -9"] += 1
        _judge(house, tally, HANGS, mutation)


DAMAGED = "bytes change on the cloud's disk before the object is whole"


def damaged_in_the_cloud(tally: Tally, seed: int, mutation: str = "") -> None:
    """The chunks are there and noted; then their bytes change. Only what was read back may be called stored."""
    with House(_wishes(mutation), seed) as house:
        uploader = house.programs["uploader bed-1"]
        uploader.stays_down = True
        house.arm("uploader bed-1", "after_chunk_sent_before_note=kill@1")
        house.beds["bed-1"].feeder.feed(2)
        house.wait(lambda: not uploader.runs, "the uploader's death", SOON_S)
        damaged = 0
        for path in (house.folder / "objects").glob("sites/*/uploads/*/*"):
            body = bytearray(path.read_bytes())
            body[len(body) // 2] ^= 1
            path.write_bytes(body)
            damaged += 1
        tally.faults["chunk damaged in the cloud's folder"] += damaged
        tally.expect(DAMAGED, damaged, "no chunk lay there")
        uploader.start(house.nursery)
        _judge(house, tally, DAMAGED, mutation)


ALL: tuple[Trial, ...] = (
    acknowledged_after_commit, receipt_lost_after_commit, dies_before_commit, api_refuses, ingester_hangs,
    damaged_in_the_cloud,
)  # fmt: skip
