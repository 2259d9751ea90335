"""The deterministic simulation of delivery: one seed is one run of beds, network, broker and cloud in virtual time.

It drives the shipped classes: Outbox, Delivery, Sending, Isolation, Reconciling, History, ClipStore, Uploader, UploadPlan and
CloudClient at the beds, each on a real SQLite file; Intake, Taker, FairQueue, the clip service and the bed application in the
cloud, on a real PostgreSQL without flushes. Played are the camera's side, paho, the sockets, and time. There is no stand-in
in memory for PostgreSQL: a run was measured at 0.56 s of processor time with the real one, a fifth of it the server's,
so ten thousand seeds take three quarters of an hour of two idle cores, and no second set of queries has to be proven equal.

    python -m tests.campaigns.delivery.simulation --seeds 10000 [--first 1] [--seed N] [--short] [--mutations]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import asyncpg

from cloud.database import DatabaseAddress, EmbeddedServer, ensure_database
from cloud.schema import migrate_database
from shared.results import Figure, print_results
from tests.campaigns.delivery.sim_checks import DOUBLED, FALSE_STORED, LOST
from tests.campaigns.delivery.sim_crashes import POINTS
from tests.campaigns.delivery.sim_mutations import MUTATIONS
from tests.campaigns.delivery.sim_share import RunReport, Share, run_share
from tests.databases import debian_postgres, debian_programs

SHARE = 10
TEMPLATE = "simulation_template"
MUTANT_SEEDS = 40
SHORT_SEEDS = 20
TRACES_SHOWN = 5
MEMORY = Path("/dev/shm")  # noqa: S108
"""For the beds' disks: what a power cut takes is played by sim_disk."""
Progress = Callable[[str], None]
UNFLUSHED = (
    "fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off", "wal_level=minimal", "max_wal_senders=0",
)  # fmt: skip


@dataclass(slots=True)
class SimulationFigures:
    """What all runs together did. `violations` name the seed, the check and what it saw."""

    seeds: int = 0
    events: int = 0
    faults: int = 0
    least_events: int = 0
    least_faults: int = 0
    virtual_days: float = 0.0
    dead_letters: int = 0
    digests: dict[int, str] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    violations: list[tuple[int, str, str]] = field(default_factory=list)
    traces: dict[int, list[str]] = field(default_factory=dict)
    mutations: int = 0
    mutations_caught: int = 0
    caught_by: dict[str, str] = field(default_factory=dict)
    wall_s: float = 0.0

    def add(self, report: RunReport) -> None:
        """One more run."""
        self.least_events = min(self.least_events, report.events) if self.seeds else report.events
        self.least_faults = min(self.least_faults, report.faults) if self.seeds else report.faults
        self.seeds += 1
        self.events += report.events
        self.faults += report.faults
        self.dead_letters += report.dead_letters
        self.digests[report.seed] = report.digest
        self.virtual_days += report.virtual_s / 86_400
        self.kinds.update(report.kinds)
        self.points.update(report.points)
        self.violations += [(report.seed, check, sentence) for check, sentence in report.violations]
        if report.trace:
            self.traces[report.seed] = report.trace

    def count(self, check: str) -> int:
        """How often this check saw its promise broken."""
        return sum(name == check for _, name, _ in self.violations)

    def table(self) -> dict[str, Figure]:
        """For `shared.results`; the names are those of campaign-delivery.json."""

        def none(value: int, unit: str) -> Figure:
            return Figure(value, unit, "0", value == 0)

        return {
            "seeds": Figure(self.seeds, "seeds"),
            "events": Figure(self.events, "events"),
            "events_lost": none(self.count(LOST), "events"),
            "events_doubled": none(self.count(DOUBLED), "events"),
            "false_stored": none(self.count(FALSE_STORED), "clips"),
            "violations": none(len(self.violations), "violations"),
            "faults": Figure(self.faults, "faults"),
            "least_faults_a_seed": Figure(self.least_faults, "faults"),
            "least_events_a_seed": Figure(self.least_events, "events"),
            "crash_points_hit": Figure(len(self.points), "points", f"of {len(POINTS)}"),
            "dead_letters_shown": Figure(self.dead_letters, "letters"),
            "virtual_days": Figure(round(self.virtual_days, 1), "days"),
            "mutations": Figure(self.mutations, "mutations"),
            "mutations_caught": Figure(
                self.mutations_caught, "mutations", "all", self.mutations_caught == self.mutations
            ),
            "wall_s": Figure(round(self.wall_s), "s"),
        }


@contextmanager
def database_server() -> Iterator[DatabaseAddress]:
    """A PostgreSQL for the time of the block: Debian's, else the embedded one. Nothing in it survives a power cut."""
    programs = debian_programs()
    if programs is not None:
        with debian_postgres(programs, UNFLUSHED) as address:
            yield address
        return
    folder = Path(tempfile.mkdtemp(prefix="deepepil-simulation-", dir="/tmp"))
    server = EmbeddedServer(folder / "data")
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def _database(server: DatabaseAddress, name: str) -> DatabaseAddress:
    """A database of its own for one worker: a copy of one with all tables."""
    connection = await asyncpg.connect(server.url)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", TEMPLATE):
            await migrate_database(await ensure_database(server, TEMPLATE))
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE {TEMPLATE}')
    finally:
        await connection.close()
    return await ensure_database(server, name)


def _start(places: multiprocessing.Queue[tuple[DatabaseAddress, Path]], mutation: str) -> None:
    run_share.open(*places.get(), mutation)


@contextmanager
def _workers(server: DatabaseAddress, count: int, mutation: str = "") -> Iterator[ProcessPoolExecutor]:
    """Fresh processes, each with a database and a folder of its own."""
    spawn = multiprocessing.get_context("spawn")
    places: multiprocessing.Queue[tuple[DatabaseAddress, Path]] = spawn.Queue()
    with tempfile.TemporaryDirectory(prefix="deepepil-simulation-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        for number in range(count):
            address = asyncio.run(_database(server, f"simulation_{os.getpid()}_{mutation or 'plain'}_{number}"))
            places.put((address, Path(folder) / str(number)))
        with ProcessPoolExecutor(count, mp_context=spawn, initializer=_start, initargs=(places, mutation)) as pool:
            yield pool


def simulate(
    seeds: range, workers: int = 2, progress: Progress = print, *, server: DatabaseAddress | None = None,
    mutations: tuple[str, ...] = (), until_s: float | None = None, whole: bool = False,
) -> SimulationFigures:  # fmt: skip
    """Runs these seeds, then each mutation until it is caught, on `workers` processes. Past `until_s` no share is begun."""
    if server is None:
        with database_server() as started:
            return simulate(seeds, workers, progress, server=started, mutations=mutations, until_s=until_s, whole=whole)
    began_s, found = time.monotonic(), SimulationFigures()
    if len(seeds):
        with _workers(server, workers) as pool:
            shares = [
                Share(tuple(seeds[at : at + SHARE]), _end_of(began_s, until_s), whole=whole)
                for at in range(0, len(seeds), SHARE)
            ]
            for reports in pool.map(run_share, shares):
                for report in reports:
                    found.add(report)
                if reports:
                    _tell(progress, found, reports)
    for name in mutations:
        _try_mutation(server, name, found, progress)
    found.wall_s = time.monotonic() - began_s
    return found


def _end_of(began_s: float, until_s: float | None) -> float | None:
    return None if until_s is None else began_s + until_s


def _tell(progress: Progress, found: SimulationFigures, reports: list[RunReport]) -> None:
    progress(
        f"seeds {reports[0].seed} to {reports[-1].seed}: {sum(each.events for each in reports)} events,"
        f" {sum(each.faults for each in reports)} faults; {found.seeds} seeds so far, {len(found.violations)} violations"
    )
    for report in reports:
        for check, sentence in report.violations:
            progress(f"VIOLATION of seed {report.seed}, {check}: {sentence}")


def _try_mutation(server: DatabaseAddress, name: str, found: SimulationFigures, progress: Progress) -> None:
    """Seeds with the mutated code until the check that is named for it complains."""
    wanted = MUTATIONS[name].check
    found.mutations += 1
    with _workers(server, 1, name) as pool:
        for at in range(1, MUTANT_SEEDS, 5):
            reports = pool.submit(run_share, Share(tuple(range(at, at + 5)), None, stop_at=wanted)).result()
            if any(check == wanted for report in reports for check, _ in report.violations):
                found.mutations_caught += 1
                found.caught_by[name] = f"{wanted}, seed {reports[-1].seed}"
                break
    progress(f"mutation {name}: {found.caught_by.get(name, 'NOT CAUGHT by ' + wanted)}")


def _stop(*_: object) -> None:
    """What runs is thrown away, what was started is tidied up."""
    for child in multiprocessing.active_children():
        child.kill()
    sys.exit(143)


def main() -> int:
    """The command; exit code 1 when a promise did not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int, help="this one alone, with its whole trace")
    parser.add_argument("--short", action="store_true", help=f"{SHORT_SEEDS} seeds")
    parser.add_argument("--mutations", action="store_true", help="try the mutations too")
    parser.add_argument("--only-mutation", choices=sorted(MUTATIONS), help="this one alone, no other seeds")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, help="begin no more shares after so long")
    wishes = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    count = SHORT_SEEDS if wishes.short else wishes.seeds
    seeds = range(wishes.first, wishes.first + count)
    mutations: tuple[str, ...] = tuple(MUTATIONS) if wishes.mutations else ()
    if wishes.only_mutation:
        seeds, mutations = range(0), (wishes.only_mutation,)
    if wishes.seed is not None:
        seeds = range(wishes.seed, wishes.seed + 1)
    until_s = None if wishes.minutes is None else wishes.minutes * 60
    found = simulate(
        seeds, min(wishes.workers, max(1, len(seeds))), partial(print, flush=True), mutations=mutations, until_s=until_s,
        whole=wishes.seed is not None,
    )  # fmt: skip
    for seed, trace in list(found.traces.items())[:TRACES_SHOWN]:
        print(f"\nseed {seed}, replay it with --seed {seed}:\n" + "\n".join(trace))
    print()
    for name, number in [*sorted(found.kinds.items()), *sorted(found.points.items())]:
        print(f"{name:<48} {number:>8}")
    print()
    print_results(found.table())
    return 1 if found.violations or found.mutations_caught != found.mutations else 0


if __name__ == "__main__":
    sys.exit(main())
