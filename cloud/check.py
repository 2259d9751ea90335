"""Proves from outside what must always hold in the cloud, and names each fault.

I4: no message of a bed is missing. I5: one row of each kind an event. I6: store and rows agree. I9: the audit chains hold.
In: the settings of an installation, running or not. Out: faults as sentences. With `read_data` every stored byte is read.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from tortoise import Tortoise

from cloud.audit import anchors
from cloud.audit import queries as audit_queries
from cloud.audit.rules import FIRST_HASH, link_fault
from cloud.database import UNREACHABLE, database_server, open_tables
from cloud.objects import Objects, object_key
from cloud.principal import Principal
from cloud.schema import must_be_current
from cloud.settings import CloudSettings
from shared.errors import Transient

ORPHAN_AFTER_S = 86_400
STILL_SENDING_NS = 600_000_000_000
"""For ten minutes a bed may be sending an older message again; after that a hole is a fault."""
FAULTS_NAMED = 1_000
SYSTEM = Principal.system("check")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that does not hold."""

    invariant: str
    sentence: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All faults, at most a thousand of each invariant, and a sentence on what was looked at."""

    faults: list[Fault]
    summary: str


Rows = list[dict[str, object]]


async def _rows(query: str, *values: object) -> Rows:
    found: Rows = await Tortoise.get_connection("default").execute_query_dict(query, list(values))
    return found


async def sequence_gaps(_objects: Objects, _read_data: bool) -> AsyncIterator[str]:
    """I4: a bed's messages are numbered from 1 without a hole; a dead letter explains one, and so does a bed still sending."""
    query = (
        "SELECT site, bed, previous, sequence FROM (SELECT site, bed, sequence, at_ns,"
        " lag(sequence, 1, 0) OVER (PARTITION BY site, bed ORDER BY sequence) AS previous FROM"
        " (SELECT site, bed, sequence, min(at_ns) AS at_ns FROM (SELECT site, bed, sequence, committed_at_ns AS at_ns"
        " FROM bed_message UNION ALL SELECT site, bed, sequence, first_at_ns FROM dead_letter WHERE sequence IS NOT NULL)"
        " AS told GROUP BY site, bed, sequence) AS numbers) AS steps"
        " WHERE sequence > previous + 1 AND at_ns < $1 ORDER BY site, bed, sequence"
    )
    for row in await _rows(query, time.time_ns() - STILL_SENDING_NS):
        first, last = int(str(row["previous"])) + 1, int(str(row["sequence"])) - 1
        which = f"message {first}" if first == last else f"messages {first} to {last}"
        yield f"bed {row['site']}.{row['bed']}: {which} never came"


async def one_of_each(_objects: Objects, _read_data: bool) -> AsyncIterator[str]:
    """I5: one event row, one review task, at most one classification a release."""
    missing = "SELECT event_id FROM event WHERE event_id NOT IN (SELECT event_id FROM review_task)"
    lost = "SELECT event_id FROM review_task WHERE event_id NOT IN (SELECT event_id FROM event)"
    unknown = "SELECT DISTINCT event_id FROM bed_message WHERE event_id NOT IN (SELECT event_id FROM event)"
    twins = {
        "event rows": "SELECT event_id FROM event GROUP BY event_id HAVING count(*) > 1",
        "review tasks": "SELECT event_id FROM review_task GROUP BY event_id HAVING count(*) > 1",
        "classifications of one release": "SELECT event_id FROM classification GROUP BY event_id, release"
        " HAVING count(*) > 1",
    }
    for row in await _rows(missing):
        yield f"event {row['event_id']} has no review task"
    for row in await _rows(lost):
        yield f"a review task names event {row['event_id']}, which does not exist"
    for row in await _rows(unknown):
        yield f"a message of event {row['event_id']} was acknowledged, but the event does not exist"
    for words, query in twins.items():
        for row in await _rows(query):
            yield f"event {row['event_id']} has several {words}"


async def objects_and_rows(objects: Objects, read_data: bool) -> AsyncIterator[str]:
    """I6: what is called stored is in the store with its length (and hash), and nothing old lies there without a row."""
    known: set[str] = set()
    for row in await _rows("SELECT site, sha256, size_bytes FROM stored_object ORDER BY id"):
        sha256, size_bytes = str(row["sha256"]), int(str(row["size_bytes"]))
        key = object_key(str(row["site"]), sha256)
        known.add(key)
        size = await objects.size(key)
        if size is None:
            yield f"object {sha256} of {row['site']} is called stored and is not in the store"
        elif size != size_bytes:
            yield f"object {sha256} of {row['site']} has {size} bytes in the store, not {size_bytes}"
        elif read_data and (await objects.hash(key))[0] != sha256:
            yield f"object {sha256} of {row['site']} has other bytes in the store than its name says"
    incomplete = (
        "SELECT DISTINCT clip.event_id FROM clip JOIN clip_object USING (event_id) LEFT JOIN stored_object"
        " ON stored_object.site = clip_object.site AND stored_object.sha256 = clip_object.sha256"
        " WHERE clip.stored_at_ns IS NOT NULL AND stored_object.id IS NULL"
        " AND (clip_object.kind = 'proxy' OR clip.raw_decision = 'send')"
    )
    for row in await _rows(incomplete):
        yield f"the clip of event {row['event_id']} is called stored and lacks objects"
    old_s = time.time() - ORPHAN_AFTER_S
    async for key, changed_s in objects.keys("sites"):
        if "/objects/" in key and key not in known and changed_s < old_s:
            yield f"{key} lies in the store without a row"


async def audit_chains(objects: Objects, _read_data: bool) -> AsyncIterator[str]:
    """I9: each site's chain is unbroken, ends at its head, and holds the head that is kept outside the database."""
    heads = {head.site: head for head in await audit_queries.heads(SYSTEM)}
    sites = {str(row["site"]) for row in await _rows("SELECT DISTINCT site FROM audit_entry")}
    for site in sorted(sites | set(heads)):
        fault = await _chain_fault(site, (heads[site].number, heads[site].hash) if site in heads else (0, FIRST_HASH))
        if fault is not None:
            yield fault
    for site, kept in sorted((await anchors.kept_heads(objects)).items()):
        fault = await anchors.fault_of(site, kept)
        if fault is not None:
            yield fault


async def _chain_fault(site: str, head: tuple[int, str]) -> str | None:
    previous, number = FIRST_HASH, 0
    async for entry, stored in audit_queries.chain(SYSTEM, site):
        fault = link_fault(entry, stored, number + 1, previous)
        if fault is not None:
            return f"audit chain of {site}: {fault}"
        previous, number = stored, entry.number
    if (number, previous) != head:
        return f"audit chain of {site}: it ends at entry {number}, its head says {head[0]}"
    return None


Check = Callable[[Objects, bool], AsyncIterator[str]]
CHECKS: dict[str, Check] = {
    "I4": sequence_gaps,
    "I5": one_of_each,
    "I6": objects_and_rows,
    "I9": audit_chains,
}


async def find_faults(objects: Objects, *, read_data: bool) -> list[Fault]:
    """Runs all checks on the open database."""
    faults: list[Fault] = []
    for invariant, check in CHECKS.items():
        named = 0
        async for sentence in check(objects, read_data):
            named += 1
            if named <= FAULTS_NAMED:
                faults.append(Fault(invariant, sentence))
    return faults


async def check_cloud(settings: CloudSettings, *, read_data: bool) -> CheckReport:
    """Raises Transient when database or store cannot be reached, Misconfigured when the database is of another version."""
    objects = Objects(settings.objects)
    try:
        async with database_server(settings.database) as address, open_tables(address, 2):
            await must_be_current(address)
            faults = await find_faults(objects, read_data=read_data)
            counts = (await _rows(_COUNTS))[0]
    except UNREACHABLE as error:
        raise Transient(f"The database cannot be reached: {error}.") from error
    what = ", ".join(f"{count} {name}" for name, count in counts.items())
    verdict = "all holds" if not faults else f"{len(faults)} faults"
    return CheckReport(faults, f"looked at {what}: {verdict}")


_COUNTS = (
    "SELECT (SELECT count(*) FROM event) AS events, (SELECT count(*) FROM bed_message) AS messages,"
    ' (SELECT count(*) FROM stored_object) AS objects, (SELECT count(*) FROM audit_entry) AS "audit entries"'
)
