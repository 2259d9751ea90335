"""The fault campaign of delivery, all trials in a row: `make campaign-delivery`; `--short` is what the tests run.

Exit code 0 when every goal holds, 1 with a sentence for each complaint, 78 when this machine cannot make such faults.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from shared.errors import Misconfigured
from shared.results import Figure, print_results, write_results
from tests.campaigns.delivery import (
    brokers,
    disks,
    histories,
    kills,
    networks,
    orders,
    power,
    proofs,
    stores,
    swarm,
    workers,
)
from tests.campaigns.delivery.house_files import obstacle, tidy_left_overs
from tests.campaigns.delivery.mutations import MUTATIONS
from tests.campaigns.delivery.sim_mutations import MUTATIONS as SIMULATED_MUTATIONS
from tests.campaigns.delivery.simulation import SimulationFigures, simulate
from tests.campaigns.delivery.tally import Tally

COMMAND = "make campaign-delivery"
PROGRESS_S = 15.0
TrialOf = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Size:
    """How much of each trial. `partition_s` 0: the rows of faults are left out."""

    hits: tuple[int, ...]
    random_kills: int
    orders: bool
    power_cuts: int
    partition_s: float
    database_kills: int
    swarm_beds: int
    mutations: tuple[str, ...]
    seeds: int


LONG = Size(
    hits=(1, 2, 3, 5), random_kills=60, orders=True, power_cuts=6, partition_s=60.0, database_kills=10, swarm_beds=100,
    mutations=tuple(MUTATIONS), seeds=10_000,
)  # fmt: skip
SHORT = Size(
    hits=(1,), random_kills=0, orders=False, power_cuts=0, partition_s=0.0, database_kills=0, swarm_beds=0,
    mutations=("receipt_before_commit",), seeds=0,
)  # fmt: skip


def trials(tally: Tally, size: Size, seed: int) -> list[tuple[str, TrialOf]]:
    """All trials of that size, in order."""
    found: list[tuple[str, TrialOf]] = [("kills at points", partial(kills.at_points, tally, size.hits, seed))]
    if size.random_kills:
        found.append(("kills at random", partial(kills.at_random, tally, size.random_kills, seed + 1)))
    if size.orders:
        found += [(f"order: {each.__name__}", partial(each, tally, seed + 2)) for each in orders.ALL]
    if size.power_cuts:
        found.append(("power cuts", partial(power.power_cuts, tally, seed + 3, cuts=size.power_cuts)))
    if size.partition_s:
        found += [
            ("broker faults", partial(brokers.broker_faults, tally, seed + 4)),
            ("network faults", partial(networks.network_faults, tally, seed + 5, size.partition_s)),
            ("database faults", partial(networks.database_faults, tally, seed + 6, size.database_kills)),
            ("store faults", partial(stores.store_faults, tally, seed + 12)),
            ("workers", partial(workers.worker_faults, tally, seed + 13)),
            ("replays and forgeries", partial(histories.forged_and_replayed, tally, seed + 7)),
            ("restored database", partial(histories.restored, tally, seed + 8)),
            ("full disk at the bed", partial(disks.full_at_bed, tally, seed + 9)),
            ("full disk in the cloud", partial(disks.full_in_cloud, tally, seed + 10)),
            ("many beds", partial(swarm.storm, tally, seed + 11, size.swarm_beds, 2)),
        ]
    if size.mutations:
        found.append(("mutations", partial(proofs.prove, tally, size.mutations, seed + 90)))
    return found


def run(size: Size, seed: int, tally: Tally, only: str = "") -> None:
    """All trials; one that breaks off is a complaint, and the next goes on."""
    for name, trial in trials(tally, size, seed):
        if only and only not in name:
            continue
        began_s = time.monotonic()
        try:
            trial()
        except (RuntimeError, AssertionError, Misconfigured, OSError) as error:
            tally.complain(name, f"seed {seed}: the trial broke off: {error}")
        tally.say(f"{name}: done in {time.monotonic() - began_s:.0f} s")


def play(tally: Tally, seeds: int) -> SimulationFigures:
    """The simulation of so many seeds, on two processes; a broken promise is a complaint."""
    if not seeds:
        return SimulationFigures()
    names = tuple(SIMULATED_MUTATIONS)
    told_at_s = 0.0

    def progress(sentence: str) -> None:
        nonlocal told_at_s
        if time.monotonic() > told_at_s + PROGRESS_S:
            told_at_s = time.monotonic()
            tally.say(f"simulation: {sentence}")

    found = simulate(range(1, seeds + 1), 2, progress, mutations=names)
    for seed, check, sentence in found.violations[:20]:
        tally.complain(f"simulation, seed {seed}", f"{check}: {sentence}")
    tally.expect("simulation", found.mutations == found.mutations_caught, "a mutation was not caught")
    for name, check in found.caught_by.items():
        tally.notes[f"simulated mutation {name}"] = f"caught by: {check[:160]}"
    tally.seeds["simulation: seeds from 1 on"] = found.seeds
    return found


def figures_of(tally: Tally, played: SimulationFigures) -> dict[str, Figure]:
    """The names of the issue first, then the rest. What is simulated is in the sums, and told apart below."""
    counts = tally.counts
    known, hit = len(kills.KNOWN), len(kills.KNOWN & tally.killed_at.keys())
    simulated = {name: int(figure.value) for name, figure in played.table().items() if isinstance(figure.value, int)}
    faults = sum(tally.faults.values())

    def none(name: str, unit: str) -> Figure:
        value = counts[name] + simulated[name]
        return Figure(value, unit, "0", value == 0)

    mutations = counts["mutations"] + played.mutations
    caught = counts["mutations_caught"] + played.mutations_caught
    figures = {
        "events": Figure(counts["events"] + played.events, "events"),
        "events_lost": none("events_lost", "events"),
        "events_doubled": none("events_doubled", "events"),
        "false_stored": none("false_stored", "clips, objects"),
        "seeds": Figure(played.seeds, "seeds", f">= {LONG.seeds}", played.seeds >= LONG.seeds),
        "fault_points_known": Figure(known, "points"),
        "fault_points_hit": Figure(hit, "points", f"{known} of {known}", hit == known),
        "mutations": Figure(mutations, "mutations"),
        "mutations_caught": Figure(caught, "mutations", "all", caught == mutations),
        "real_events": Figure(counts["events"], "events"),
        "real_reports": Figure(counts["reports"], "reports"),
        "real_segments": Figure(counts["segments"], "segments"),
        "real_clips_stored": Figure(counts["clips"], "clips"),
        "real_faults": Figure(faults, "faults"),
        "real_kills_at_points": Figure(sum(tally.killed_at.values()), "kills"),
        "simulated_events": Figure(played.events, "events"),
        "simulated_faults": Figure(played.faults, "faults"),
        "simulated_days": Figure(round(played.virtual_days, 1), "days"),
        "complaints": Figure(len(tally.complaints), "complaints", "0", not tally.complaints),
    }
    for name, number in (("real_event", counts["events"]), ("real_fault", faults), ("seed", played.seeds)):
        if number:
            figures[f"{name}_failure_bound"] = Figure(f"{3 / number:.3%}", "95 % bound, 3/n")
    return figures


def show(tally: Tally, figures: dict[str, Figure]) -> None:
    """The one table."""
    for title, counted in (("trial", tally.trials), ("fault", tally.faults)):
        print(f"\n{title:<64} number")
        for name, number in sorted(counted.items()):
            print(f"{name:<64} {number:>6}")
    for name, note in tally.notes.items():
        print(f"{name}: {note}")
    print(f"seeds: {tally.seeds}\n")
    print_results(figures)
    for end in tally.unexpected_ends:
        print(f"note: {end}")
    for complaint in tally.complaints:
        print(f"COMPLAINT {complaint}")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a short form, as the tests run it")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--seeds", type=int, help="how many runs of the simulation; 0: real processes alone")
    parser.add_argument("--only", default="", help="trials whose name holds this text; no figures are kept")
    parser.add_argument("--out", type=Path, help="write the counts here as JSON")
    wishes = parser.parse_args()
    sentence = obstacle()
    if sentence is not None:
        print(sentence, file=sys.stderr)
        return Misconfigured.exit_code
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    tidy_left_overs()
    tally = Tally()
    size = SHORT if wishes.short else LONG
    seeds = size.seeds if wishes.seeds is None else wishes.seeds
    run(size, wishes.seed, tally, wishes.only)
    played = SimulationFigures() if wishes.only else play(tally, seeds)
    figures = figures_of(tally, played)
    show(tally, figures)
    if wishes.out:
        kept = {"killed_at": sorted(tally.killed_at), "trials": tally.trials, "counts": tally.counts,
                "faults": tally.faults, "complaints": tally.complaints}  # fmt: skip
        wishes.out.write_text(json.dumps(kept))
    if not wishes.only and not wishes.short:
        write_results("campaign-delivery", COMMAND, figures)
    return 1 if tally.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
