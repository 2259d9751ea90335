"""Proves from outside what must always hold in the cloud, and names each fault.

I4: no message of a bed is missing. I5: one row of each kind an event. I6: store and rows agree. I9: the audit chains hold.
I10: what is due is done. I11: what is bounded stays so. In: the settings of an installation, running or not. Out: faults as
sentences. With `read_data` every stored byte is read. Memory does not grow with the installation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from cloud.audit import anchors
from cloud.audit import queries as audit_queries
from cloud.audit.rules import FIRST_HASH, link_fault
from cloud.check_beds import bed_histories, sequence_gaps
from cloud.check_objects import lingering_uploads, objects_without_row, open_clips, stored_objects
from cloud.check_progress import work_goes_on, workers_run
from cloud.check_rows import Look, rows
from cloud.database import UNREACHABLE, database_server, open_tables
from cloud.principal import Principal
from cloud.schema import must_be_current
from cloud.settings import DatabaseSection
from shared.errors import Transient

FAULTS_NAMED = 1_000
_LACKS = "SELECT DISTINCT event_id FROM {0} WHERE NOT EXISTS (SELECT 1 FROM {1} WHERE {1}.event_id = {0}.event_id) LIMIT 1000"
SYSTEM = Principal.system("check")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that does not hold."""

    invariant: str
    sentence: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The faults, at most a thousand of each check, how many there are in all, and a sentence on what was looked at."""

    faults: list[Fault]
    fault_count: int
    summary: str


async def one_of_each(_look: Look) -> AsyncIterator[str]:
    """I5: one event row, one review task, at most one classification a release."""
    missing = _LACKS.format("event", "review_task")
    lost = _LACKS.format("review_task", "event")
    unknown = _LACKS.format("bed_message", "event")
    twins = {
        "event rows": "SELECT event_id FROM event GROUP BY event_id HAVING count(*) > 1 LIMIT 1000",
        "review tasks": "SELECT event_id FROM review_task GROUP BY event_id HAVING count(*) > 1 LIMIT 1000",
        "classifications of one release": "SELECT event_id FROM classification GROUP BY event_id, release"
        " HAVING count(*) > 1 LIMIT 1000",
    }
    for row in await rows(missing):
        yield f"event {row['event_id']} has no review task"
    for row in await rows(lost):
        yield f"a review task names event {row['event_id']}, which does not exist"
    for row in await rows(unknown):
        yield f"a message of event {row['event_id']} was acknowledged, but the event does not exist"
    for words, query in twins.items():
        for row in await rows(query):
            yield f"event {row['event_id']} has several {words}"


async def audit_chains(look: Look) -> AsyncIterator[str]:
    """I9: each site's chain is unbroken, ends at its head, and holds the head that is kept outside the database."""
    heads = {head.site: head for head in await audit_queries.heads(SYSTEM)}
    sites = {str(row["site"]) for row in await rows("SELECT DISTINCT site FROM audit_entry")}
    for site in sorted(sites | set(heads)):
        fault = await _chain_fault(site, (heads[site].number, heads[site].hash) if site in heads else (0, FIRST_HASH))
        if fault is not None:
            yield fault
    for site, kept in sorted((await anchors.kept_heads(look.objects)).items()):
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


Check = Callable[[Look], AsyncIterator[str]]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("I4", sequence_gaps),
    ("I4", bed_histories),
    ("I5", one_of_each),
    ("I6", stored_objects),
    ("I6", objects_without_row),
    ("I9", audit_chains),
    ("I10", work_goes_on),
    ("I11", lingering_uploads),
    ("I11", open_clips),
)


async def find_faults(look: Look) -> tuple[list[Fault], int]:
    """Runs all checks on the open database: the faults that are named, and how many there are."""
    faults: list[Fault] = []
    count = 0
    for invariant, check in CHECKS:
        named = 0
        async for sentence in check(look):
            named += 1
            if named <= FAULTS_NAMED:
                faults.append(Fault(invariant, sentence))
        count += named
    return faults, count


async def check_cloud(database: DatabaseSection, look: Look) -> CheckReport:
    """Raises Transient when database or store cannot be reached, Misconfigured when the database is of another version."""
    try:
        async with database_server(database) as address, open_tables(address, 2):
            await must_be_current(address)
            faults, count = await find_faults(look)
            counts = (await rows(_COUNTS))[0]
            running = await workers_run()
    except UNREACHABLE as error:
        raise Transient(f"The database cannot be reached: {error}.") from error
    what = ", ".join(f"{number} {name}" for name, number in counts.items())
    depth = "every byte was read" if look.read_data else "bytes were not read (--read-data does)"
    progress = "" if running else "; no worker runs, so I10 was not looked at"
    verdict = f"{count} faults" if count else "all holds"
    return CheckReport(faults, count, f"looked at {what}; {depth}{progress}: {verdict}")


_COUNTS = (
    "SELECT (SELECT count(*) FROM event) AS events, (SELECT count(*) FROM bed_message) AS messages,"
    ' (SELECT count(*) FROM stored_object) AS objects, (SELECT count(*) FROM audit_entry) AS "audit entries",'
    " (SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed') AS \"parked jobs\""
)
