"""The audit drill: `make drill-audit`. A real database with a real log, tampered with by somebody who may write every row.

Each tampering is done to the whole log, looked for as `deepepil-cloud audit verify` looks, and undone. It counts as named when
the sentence names the row, or the rows between two signed heads where all hashes were made anew.

Exit code 0 when the whole log has no fault and every tampering is named, else 1.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tortoise import Tortoise
from tortoise.queryset import QuerySet

from cloud import audit
from cloud.audit import queries
from cloud.audit.rules import Entry, entry_hash
from cloud.audit.signed_heads import HeadsFile, make_key, read_heads
from cloud.audit.tables import AuditEntry, AuditHead
from cloud.audit.verify import SignedHead
from cloud.audit.whole_check import all_faults
from cloud.database import DatabaseAddress, EmbeddedServer, ensure_database, in_transaction, open_tables
from cloud.principal import Principal
from cloud.schema import migrate_database
from shared.results import Figure, print_results, write_results
from tests.databases import debian_postgres, debian_programs

COMMAND = "make drill-audit"
SITES = ("north", "south")
LENGTH = 120
SIGNED_EVERY = 20
ROW = 47
SYSTEM = Principal.system("drill")
ANA = Principal.person("ana", {(site, "clinician") for site in SITES})


async def sql(statement: str) -> None:
    """As the owner of the tables."""
    await Tortoise.get_connection("default").execute_script(statement)


async def write_log(file: HeadsFile) -> None:
    """120 deeds in each of two sites, the heads signed after every 20."""
    for first in range(0, LENGTH, SIGNED_EVERY):
        deeds = [
            audit.Deed(ANA, "frames_read", f"event {number % 20}", {"first": number * 900, "stream": "depth"})
            for number in range(first, first + SIGNED_EVERY)
        ]
        for site in SITES:
            async with in_transaction() as connection:
                await audit.record_all(connection, site, deeds)
        heads = await queries.heads(SYSTEM)
        file.append([SignedHead(one.site, one.number, one.hash, time.time_ns()) for one in heads])


async def rows_of(site: str) -> list[Entry]:
    """The site's entries in order."""
    return [entry async for entry, _ in queries.chain(SYSTEM, site)]


async def write_anew(site: str, entries: list[Entry], first: int) -> None:
    """Gives the site these entries, all links and hashes from `first` on made anew, and the head to match."""
    kept = await AuditEntry.filter(site=site, number__lt=first).order_by("-number").first()
    assert kept is not None
    previous, number = kept.hash, kept.number
    await AuditEntry.filter(site=site, number__gte=first).delete()
    rows = []
    for entry in entries:
        if entry.number < first:
            continue
        number += 1
        again = replace(entry, number=number, previous_hash=previous)
        previous = entry_hash(again)
        rows.append(AuditEntry(**{name: getattr(again, name) for name in Entry.__slots__}, hash=previous))
    await AuditEntry.bulk_create(rows)
    await AuditHead.filter(site=site).update(number=number, hash=previous)


def north(number: int) -> QuerySet[AuditEntry]:
    """One row of the tampered site."""
    return AuditEntry.filter(site="north", number=number)


async def altered() -> None:
    await north(ROW).update(who="nobody")


async def altered_with_its_hash() -> None:
    entry = replace((await rows_of("north"))[ROW - 1], who="nobody")
    await north(ROW).update(who="nobody", hash=entry_hash(entry))


async def two_altered() -> None:
    for number in (ROW, ROW + 40):
        await north(number).update(at_ns=1)


async def deleted() -> None:
    await north(ROW).delete()


async def several_deleted() -> None:
    await AuditEntry.filter(site="north", number__range=(ROW, ROW + 9)).delete()


async def deleted_and_closed_up() -> None:
    entries = await rows_of("north")
    await write_anew("north", [one for one in entries if one.number != ROW], ROW)


async def tail_cut() -> None:
    await AuditEntry.filter(site="north", number__gt=LENGTH - 10).delete()


async def tail_cut_with_its_head() -> None:
    last = await AuditEntry.get(site="north", number=LENGTH - 10)
    await tail_cut()
    await AuditHead.filter(site="north").update(number=last.number, hash=last.hash)


async def written_anew() -> None:
    entries = await rows_of("north")
    entries[ROW - 1] = replace(entries[ROW - 1], who="nobody")
    await write_anew("north", entries, ROW)


async def put_in_and_written_anew() -> None:
    entries = await rows_of("north")
    await write_anew("north", [*entries[:ROW], replace(entries[ROW], subject="event 99"), *entries[ROW:]], ROW + 1)


async def swapped() -> None:
    for number, other in ((ROW, -1), (ROW + 1, ROW), (-1, ROW + 1)):
        await north(number).update(number=other)


async def whole_site_gone() -> None:
    await sql("DELETE FROM audit_entry WHERE site = 'north'; DELETE FROM audit_head WHERE site = 'north'")


async def head_gone() -> None:
    await sql("DELETE FROM audit_head WHERE site = 'north'")


@dataclass(frozen=True, slots=True)
class Tampering:
    """One way to lie, and what the sentence that names it must say."""

    name: str
    deed: Callable[[], Awaitable[None]]
    names: str


TAMPERINGS = (
    Tampering("a row altered", altered, f"entry {ROW} was changed"),
    Tampering("a row altered with its hash", altered_with_its_hash, f"entry {ROW + 1} does not follow entry {ROW}"),
    Tampering("two rows altered", two_altered, f"entry {ROW + 40} was changed"),
    Tampering("a row deleted", deleted, f"entry {ROW} is missing"),
    Tampering("ten rows deleted", several_deleted, f"entries {ROW} to {ROW + 9} are missing"),
    Tampering("a row deleted, chain made anew", deleted_and_closed_up, "entries 41 to 60 is not what was signed"),
    Tampering("the tail cut", tail_cut, f"ends at entry {LENGTH - 10}, its head says {LENGTH}"),
    Tampering("the tail cut, head set back", tail_cut_with_its_head, f"entries {LENGTH - 9} to {LENGTH} were cut off"),
    Tampering("the chain recomputed", written_anew, "entries 41 to 60 is not what was signed"),
    Tampering("a row put in, chain made anew", put_in_and_written_anew, "entries 41 to 60 is not what was signed"),
    Tampering("two rows swapped", swapped, f"entry {ROW} was changed"),
    Tampering("a whole site gone", whole_site_gone, f"entries 1 to {LENGTH} were cut off"),
    Tampering("the head gone", head_gone, "it has no head"),
)


async def found_faults(heads: Path, public_key: Path) -> list[str]:
    """As the command finds them."""
    kept, faults = read_heads(heads, public_key)
    return [*faults, *[fault async for fault in all_faults(kept)]]


async def drill(folder: Path) -> tuple[dict[str, Figure], list[str]]:
    """On an open, empty database. Returns the figures and what was not named."""
    public = folder / "public.pem"
    public.write_text(make_key(folder / "key.pem"))
    file = HeadsFile.open(folder / "heads.jsonl", folder / "key.pem")
    await write_log(file)
    began_s = time.monotonic()
    complaints = [f"the whole log has a fault: {fault}" for fault in await found_faults(file.path, public)]
    rate = LENGTH * len(SITES) / (time.monotonic() - began_s)
    await sql("CREATE TABLE kept_entry AS TABLE audit_entry; CREATE TABLE kept_head AS TABLE audit_head")
    named = 0
    for tampering in TAMPERINGS:
        await tampering.deed()
        faults = await found_faults(file.path, public)
        hit = any(re.search(tampering.names, fault) for fault in faults)
        named += hit
        print(
            f"{'named ' if hit else 'MISSED'}  {tampering.name:<32} {faults[0] if faults else 'nothing was found'}",
            flush=True,
        )
        if not hit:
            complaints.append(f"{tampering.name}: not named")
        await sql(
            "TRUNCATE audit_entry, audit_head; INSERT INTO audit_entry SELECT * FROM kept_entry;"
            "INSERT INTO audit_head SELECT * FROM kept_head"
        )
    await sql("DROP TABLE kept_entry, kept_head")
    complaints += [f"the log does not stand as before: {fault}" for fault in await found_faults(file.path, public)]
    figures = {
        "tamperings": Figure(len(TAMPERINGS), "ways"),
        "tamperings_named": Figure(named, "ways", f"= {len(TAMPERINGS)}", named == len(TAMPERINGS)),
        "entries": Figure(LENGTH * len(SITES), "entries"),
        "verified_per_s": Figure(round(rate), "entries / s"),
    }
    return figures, complaints


@contextmanager
def a_server(folder: Path) -> Iterator[DatabaseAddress]:
    programs = debian_programs()
    if programs is not None:
        with debian_postgres(programs) as address:
            yield address
        return
    server = EmbeddedServer(folder / "data")
    try:
        yield server.start()
    finally:
        server.stop()


async def run(server: DatabaseAddress, folder: Path) -> tuple[dict[str, Figure], list[str]]:
    """On a database of its own."""
    address = await ensure_database(server, "drill")
    await migrate_database(address)
    async with open_tables(address, 2):
        return await drill(folder)


def main() -> int:
    """Runs the drill and writes its figures."""
    with tempfile.TemporaryDirectory(prefix="deepepil-drill-", dir="/tmp") as name, a_server(Path(name)) as server:
        figures, complaints = asyncio.run(run(server, Path(name)))
    print_results(figures)
    write_results("drill-audit", COMMAND, figures)
    for complaint in complaints:
        print(f"COMPLAINT: {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
