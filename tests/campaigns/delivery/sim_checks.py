"""What must hold of a run: I3 to I7 of the design, asked of the beds' databases, the cloud's database and the stored bytes."""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING
from uuid import UUID

from cloud.objects import object_key
from edge_agent.transfer.plan import ClipEnd
from shared.event import EventPhase
from tests.campaigns.delivery.sim_bed import Bed

if TYPE_CHECKING:
    from tests.campaigns.delivery.sim_world import World

LOST = "no event lost"
DOUBLED = "nothing doubled"
GAP = "no unexplained gap"
ORDER = "order kept"
FALSE_STORED = "stored is true"
CLIPS = "every clip arrives"


def must_be_stored(world: World, bed: str, event_id: UUID, end: ClipEnd) -> None:
    """The bed was just told that a clip is stored: the row says so, and the bytes are those of the manifest."""
    rows = world.shop.host.rows("SELECT manifest, raw_decision, stored_at_ns FROM clip WHERE event_id = $1", event_id)
    if not rows or rows[0]["stored_at_ns"] is None:
        world.complain(FALSE_STORED, f"{bed} was told that the clip of {event_id} is {end.value}; the cloud has it not")
        return
    wrong = wrong_objects(world, json.loads(rows[0]["manifest"]), raw=rows[0]["raw_decision"] == "send")
    if wrong:
        world.complain(FALSE_STORED, f"objects of the clip of {event_id} are not what the manifest says: {wrong}")


def wrong_objects(world: World, manifest: dict[str, list[dict[str, object]]], *, raw: bool) -> list[str]:
    """Objects that are not in the store with the bytes that the manifest names."""
    wrong = []
    for each in [*manifest["proxies"], *(manifest["segments"] if raw else [])]:
        name = str(each["sha256"])
        path = world.cloud.folder / object_key(world.site, name)
        if not path.exists() or sha256(path.read_bytes()).hexdigest() != name:
            wrong.append(name[:12])
    return wrong


def check(world: World) -> None:
    """Everything, once the world is quiet."""
    host, site = world.shop.host, world.site
    events = host.rows("SELECT event_id, bed, revision, phase FROM event WHERE site = $1", site)
    tasks = Counter(row["event_id"] for row in host.rows("SELECT event_id FROM review_task WHERE site = $1", site))
    ledger = host.rows("SELECT bed, sequence, event_id, revision FROM bed_message WHERE site = $1", site)
    jobs = host.rows("SELECT task_name, args ->> 'event_id' AS event_id FROM procrastinate_jobs")
    counted = Counter((row["task_name"], row["event_id"]) for row in jobs)
    kept = {UUID(str(row["event_id"])): row for row in events}
    _doubled(world, ledger, tasks, counted)
    for bed in world.beds:
        bed.check_pins()
        _events_of(world, bed, kept, tasks, counted)
        _sequences_of(world, bed, ledger)
        _order_of(world, bed, ledger)
        _clips_of(world, bed, counted)


def _doubled(world: World, ledger: list, tasks: Counter, jobs: Counter) -> None:
    messages = Counter((row["bed"], row["sequence"], row["event_id"], row["revision"]) for row in ledger)
    for what, counts in (("message", messages), ("review task", tasks), ("job", jobs)):
        for name, count in counts.items():
            if count > 1:
                world.complain(DOUBLED, f"{count} times the {what} {name}")


def _events_of(world: World, bed: Bed, kept: dict, tasks: Counter, jobs: Counter) -> None:
    dead = {UUID(row[0]) for row in bed.connection.execute("SELECT event_id FROM dead_letters WHERE kind = 'message'")}
    durable = {
        UUID(row["event_id"]): row for row in bed.connection.execute("SELECT event_id, revision, phase FROM events")
    }
    for event_id in sorted(bed.promised.keys() | durable.keys()):
        if event_id not in durable:
            world.complain(LOST, f"{bed.name}: event {event_id} was durable and is not in the bed's database any more")
            continue
        row = kept.get(event_id)
        if row is None:
            if event_id not in dead:
                world.complain(LOST, f"{bed.name}: event {event_id} never came to the cloud")
            continue
        if row["revision"] != durable[event_id]["revision"] and event_id not in dead:
            world.complain(LOST, f"{bed.name}: event {event_id} is at revision {row['revision']} in the cloud")
        named = (tasks[row["event_id"]], jobs["watch_clip", str(event_id)])
        if named != (1, 1):
            world.complain(LOST, f"{bed.name}: event {event_id} has {named[0]} review tasks and {named[1]} jobs")


def _sequences_of(world: World, bed: Bed, ledger: list) -> None:
    """A dead letter in the cloud explains nothing here: a forged message makes one too."""
    known = {row["sequence"] for row in ledger if row["bed"] == bed.name}
    known |= {row[0] for row in bed.connection.execute("SELECT sequence FROM dead_letters WHERE sequence NOT NULL")}
    row = bed.connection.execute("SELECT value FROM counters WHERE name = 'message_sequence'").fetchone()
    holes = sorted(set(range(1, (row[0] if row else 0) + 1)) - known)
    if holes:
        world.complain(GAP, f"{bed.name}: nobody can explain the messages {holes[:10]}")


def _order_of(world: World, bed: Bed, ledger: list) -> None:
    """Events came to be in the order of their first numbers, and a closed event stays closed."""
    dead = {row[0] for row in bed.connection.execute("SELECT event_id FROM dead_letters")}
    first: dict[str, int] = {}
    for row in ledger:
        if row["bed"] == bed.name:
            first[str(row["event_id"])] = min(row["sequence"], first.get(str(row["event_id"]), row["sequence"]))
    made = [row[0] for row in bed.connection.execute("SELECT event_id FROM events ORDER BY rowid") if row[0] in first]
    told = [(event_id, first[event_id]) for event_id in made if event_id not in dead]
    for (event_id, number), (other, later) in pairwise(told):
        if later < number:
            world.complain(
                ORDER, f"{bed.name}: event {other} came after {event_id}, its number {later} before {number}"
            )
    query = "SELECT event_id, phase FROM event WHERE site = $1 AND bed = $2"
    cloud = {UUID(str(row["event_id"])): row["phase"] for row in world.shop.host.rows(query, world.site, bed.name)}
    for row in bed.connection.execute("SELECT event_id FROM events WHERE phase = 'closed'"):
        if cloud.get(UUID(row[0]), EventPhase.closed) != EventPhase.closed:
            world.complain(
                ORDER, f"{bed.name}: event {row[0]} is closed at the bed and {cloud[UUID(row[0])]} in the cloud"
            )


def _clips_of(world: World, bed: Bed, jobs: Counter) -> None:
    query = "SELECT event_id, stage, phase FROM clips JOIN events USING (event_id)"
    for row in bed.connection.execute(query):
        event_id = UUID(row["event_id"])
        if event_id not in bed.with_clip or row["stage"] == "dead" or row["phase"] != EventPhase.closed:
            continue
        if row["stage"] != "stored":
            world.complain(CLIPS, f"{bed.name}: the clip of {event_id} is {row['stage']}")
            continue
        must_be_stored(world, bed.name, event_id, ClipEnd.stored)
        if jobs["classify_event", str(event_id)] != 1:
            count = jobs["classify_event", str(event_id)]
            world.complain(CLIPS, f"{bed.name}: the clip of {event_id} has {count} classifications queued")
