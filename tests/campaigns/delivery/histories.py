"""Trials of who says what: replays, doubles, other orders, forged beds; a database that comes back from yesterday; many beds at once."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from uuid import UUID

import asyncpg
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from cloud.database import DatabaseAddress
from shared.envelope import seal
from shared.event import EventReport
from shared.topics import Address, Topic
from tests.campaigns.delivery.feeding import SITE
from tests.campaigns.delivery.house import DATABASE, CampaignBed, House, Wishes
from tests.campaigns.delivery.judge import judge, settle
from tests.campaigns.delivery.kills import tell_deaths
from tests.campaigns.delivery.tally import Tally

FORGED = "replays, doubles, other orders, forged beds"
RESTORED = "database restored from yesterday's copy"
SOON_S = 60.0
TIMES = 3


def forged_and_replayed(tally: Tally, seed: int) -> None:
    """All that a bed ever said comes three times more in any order; another bed says it too, on its own topic and on this one's."""
    tally.seeds[FORGED] = seed
    with House(Wishes(), seed) as house:
        first, second = house.beds["bed-1"], house.beds["bed-2"]
        house.programs["ingester"].kill(house.nursery)
        house.feed(6)
        said = [
            (row[0], bytes(row[1])) for row in first.feeder.connection.execute("SELECT sequence, body FROM messages")
        ]
        house.programs["ingester"].start(house.nursery)
        settle(house)
        before = _events(house)
        replays = [body for _, body in said] * TIMES
        house.dice.shuffle(replays)
        _publish(house, first, "bed-1", replays)
        forged = [_forged(row[0], number + 1) for number, row in enumerate(_reports(first))]
        _publish(house, second, "bed-2", forged)
        _publish(house, second, "bed-1", replays)
        tally.faults["message replayed"] += len(replays)
        tally.faults["message on another bed's event"] += len(forged)
        tally.faults["message on another bed's topic"] += len(replays)
        house.wait(lambda: len(house.rows("SELECT 1 FROM dead_letter")) >= len(forged), "the dead letters", SOON_S)
        house.rest(1.0)
        tally.expect(FORGED, _events(house) == before, "a replay or a forgery changed an event")
        audited = house.rows("SELECT 1 FROM audit_entry WHERE deed = 'message_refused' AND subject = 'bed-2'")
        tally.expect(FORGED, audited, "no audit entry tells of the forged messages")
        tell_deaths(house, tally)
        judge(house).into(tally, FORGED)


def _events(house: House) -> list[tuple[UUID, str, int, int, int]]:
    query = "SELECT event_id, bed, revision, sequence, updated_at_ns FROM event ORDER BY 1"
    return [tuple(row) for row in house.rows(query)]


def _reports(bed: CampaignBed) -> list[tuple[str]]:
    return [(row[0],) for row in bed.feeder.connection.execute("SELECT report FROM events ORDER BY event_id")]


def _forged(report: str, sequence: int) -> bytes:
    """The first bed's event in the second bed's own envelope, one revision newer."""
    body = EventReport.model_validate_json(report)
    newer = body.model_copy(update={"revision": body.revision + 1, "motor_type": "forged"})
    return seal(Address(SITE, "bed-2", Topic.event), newer, time.time_ns(), sequence=sequence)


def _publish(house: House, bed: CampaignBed, topic_of: str, bodies: list[bytes]) -> None:
    """By the bed's certificate, under another client id, as anybody with its key could."""
    client = paho.Client(CallbackAPIVersion.VERSION2, f"forger-{topic_of}", protocol=paho.MQTTv5)
    context = ssl.create_default_context(cafile=str(bed.files.authority))
    context.load_cert_chain(bed.files.certificate, bed.files.key)
    client.tls_set_context(context)
    ready = threading.Event()
    client.on_connect = lambda *_: ready.set()
    client.connect("127.0.0.1", house.broker_port)
    client.loop_start()
    if not ready.wait(20):
        raise AssertionError("the forger was not let in")
    topic = Address(SITE, topic_of, Topic.event).text
    for body in bodies:
        client.publish(topic, body, 1).wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


def restored(tally: Tally, seed: int) -> None:
    """The cloud forgets a day: what the beds still hold comes again by itself, once; nothing that is called stored is missing."""
    tally.seeds[RESTORED] = seed
    with House(Wishes(), seed) as house:
        house.feed(3)
        settle(house)
        _without_cloud(house, [f"CREATE DATABASE yesterday TEMPLATE {DATABASE}"])
        house.feed(4)
        settle(house)
        _without_cloud(house, [f"DROP DATABASE {DATABASE}", f"ALTER DATABASE yesterday RENAME TO {DATABASE}"])
        tally.faults["database restored from yesterday's copy"] += 1
        house.restart(*(f"publisher {name}" for name in house.beds))
        told = {event_id for bed in house.beds.values() for event_id in bed.witness.told()}

        def complete() -> bool:
            for bed in house.beds.values():
                bed.feeder.mend()
            there = {row["event_id"] for row in house.rows("SELECT event_id FROM clip WHERE stored_at_ns IS NOT NULL")}
            return told <= there

        house.wait(complete, "every event and clip again", SOON_S)
        tell_deaths(house, tally)
        judge(house).into(tally, RESTORED)


def _without_cloud(house: House, statements: list[str]) -> None:
    """With api and ingester away, as for any backup of this kind."""
    for name in ("api", "ingester"):
        house.programs[name].kill(house.nursery)

    async def run() -> None:
        address = DatabaseAddress("127.0.0.1", house.database.port, "postgres", "", "postgres")
        connection = await asyncpg.connect(address.url, timeout=10)
        try:
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
            await connection.execute(query.replace("$1", f"'{DATABASE}'"))
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())
    for name in ("api", "ingester"):
        house.programs[name].start(house.nursery)
