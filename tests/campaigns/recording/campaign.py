"""The fault campaign of the recording, all trials in a row: `make campaign-recording`; `--short` is what the tests run.

Exit code 0 when every goal holds, 1 with a sentence for each complaint, 78 when this machine cannot make such faults.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shared.codec.presence import warm_up
from shared.errors import Misconfigured
from shared.failpoints import STORAGE_POINTS
from shared.results import Figure, print_results, write_results
from tests.campaigns.recording import agents, clocks, damage, flushes, kills, pins, power, proofs, spaces, states
from tests.campaigns.recording.disks import Bench, Kind, obstacle
from tests.campaigns.recording.mutations import MUTATIONS
from tests.campaigns.recording.tally import GOAL_TAIL_S, Tally, percentile

COMMAND = "make campaign-recording"
GOAL_CUTS = 300
GOAL_STATES = 2000
GOAL_RESTART_S = 10.0
KINDS: tuple[Kind, ...] = ("ext4", "xfs")
SHARES = {damage.FLIPS: "bit_flips", damage.CUTS: "segment_cuts", damage.BLOCKS: "zeroed_blocks"}


@dataclass(frozen=True, slots=True)
class Size:
    """How much of each trial."""

    cuts_a_kind: int
    gap_lengths: tuple[int, ...]
    hits: tuple[int, ...]
    hits_cut: tuple[int, ...]
    kills: int
    calls: tuple[int, ...]
    errors: tuple[str, ...]
    thin: int
    damage_share: float
    pages: int
    states: int
    agents: bool
    spaces: bool
    mutations: tuple[str, ...]


LONG = Size(
    cuts_a_kind=150, gap_lengths=(53, 55, 57, 59), hits=(1, 2, 3, 5, 8), hits_cut=(1, 3), kills=100,
    calls=(1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 21, 26), errors=flushes.ERRORS, thin=6, damage_share=1.0, pages=40,
    states=2400, agents=True, spaces=True, mutations=tuple(MUTATIONS),
)  # fmt: skip
SHORT = Size(
    cuts_a_kind=3, gap_lengths=(57,), hits=(1,), hits_cut=(), kills=2, calls=(6, 10), errors=("EIO",), thin=0, damage_share=0.015, pages=1,
    states=24, agents=False, spaces=False, mutations=("fsync_lies", "no_folder_fsync"),
)  # fmt: skip


def trials(bench: Bench, tally: Tally, size: Size, seed: int) -> list[tuple[str, Callable[[], None]]]:
    """All trials of that size, in order."""
    found: list[tuple[str, Callable[[], None]]] = []
    for number, kind in enumerate(KINDS):
        of_kind = seed + 100_000 * number
        given = (bench, tally, kind)
        found += [
            (f"power cuts on {kind}", partial(power.random_cuts, *given, size.cuts_a_kind, of_kind)),
            (f"cuts after a gap, {kind}", partial(power.cut_after_a_gap, *given, size.gap_lengths, of_kind + 50_000)),
            (f"cuts at points, {kind}", partial(power.cuts_at_points, *given, size.hits_cut, of_kind + 60_000)),
        ]
    found += [
        ("kills at points", lambda: kills.kills_at_points(bench, tally, size.hits, seed + 1, own_program=size.agents)),
        ("kills at random", lambda: kills.kills_at_random(bench, tally, size.kills, seed + 2)),
        ("failing calls", lambda: flushes.calls_that_fail(bench, tally, size.calls, seed + 3, errors=size.errors,
            calls=flushes.CALLS if size.agents else ("fdatasync", "fsync"))),
        ("thin disk", lambda: flushes.thin_disk(bench, tally, size.thin, seed + 4)),
        ("pins", lambda: pins.pins_hold(bench, tally, seed + 5)),
        ("damage", lambda: damage.segments(bench, tally, size.damage_share, seed + 6)),
        ("pages", lambda: damage.database(bench, tally, size.pages, seed + 7)),
        ("clocks", lambda: clocks.steps(bench, tally, seed + 8)),
        ("crash states", lambda: states.enumerate_states(bench, tally, size.states, seed + 9)),
    ]  # fmt: skip
    if size.spaces:
        found += [
            ("disk full", lambda: spaces.disk_full(bench, tally, seed + 10)),
            ("inodes full", lambda: spaces.inodes_full(bench, tally, seed + 11)),
            ("read-only", lambda: spaces.read_only(bench, tally, seed + 12)),
            ("sectors", lambda: spaces.unreadable_sectors(bench, tally, seed + 13)),
        ]
    if size.agents:
        found += [
            ("two agents", lambda: agents.two_agents(bench, tally)),
            ("killed recorder", lambda: agents.killed_recorder(bench, tally, 8)),
            ("frozen recorder", lambda: agents.frozen_recorder(bench, tally, 8.0)),
            ("slow disk", lambda: agents.slow_disk(bench, tally, 20.0)),
            ("faked clock", lambda: agents.faked_clock(bench, tally)),
        ]
    found.append(("mutations", lambda: proofs.prove(bench, tally, size.mutations, seed + 14)))
    return found


def run(size: Size, seed: int, tally: Tally, only: str = "") -> None:
    """All trials; one that breaks off is a complaint, and the next goes on."""
    warm_up()
    with Bench() as bench:
        for name, trial in trials(bench, tally, size, seed):
            if only and only not in name:
                continue
            began_s = time.monotonic()
            try:
                trial()
            except (RuntimeError, AssertionError, Misconfigured) as error:
                tally.complain(name, f"seed {seed}", f"the trial broke off: {error}")
            tally.say(f"{name}: done in {time.monotonic() - began_s:.1f} s")


def figures_of(tally: Tally) -> dict[str, Figure]:
    """The names of the issue first, then the rest."""
    counts = tally.counts
    cuts = sum(number for name, number in tally.trials.items() if name.startswith("power cut"))
    killed = sum(number for name, number in tally.trials.items() if name.startswith("kill -9"))
    made = tally.trials[states.TRIAL]
    known, hit = len(STORAGE_POINTS), len(tally.points & STORAGE_POINTS.keys())
    tail_s = percentile(tally.tails_s, 0.99)
    restart_s = percentile(tally.restarts_s, 0.99)
    undetected = counts[f"{damage.FLIPS}: undetected"]
    mutations, caught = counts["mutations"], counts["mutations_caught"]

    def none(value: int, unit: str) -> Figure:
        return Figure(value, unit, "0", value == 0)

    figures = {
        "fault_points_known": Figure(known, "points"),
        "fault_points_hit": Figure(hit, "points", f"{known} of {known}", hit == known),
        "power_cuts": Figure(cuts, "cuts", f">= {GOAL_CUTS}", cuts >= GOAL_CUTS),
        "confirmed_lost": none(counts["confirmed_lost"], "segments"),
        "false_confirmations": none(counts["false_confirmations"], "segments"),
        "tail_lost_p99_s": Figure(round(tail_s, 2), "s of video", f"<= {GOAL_TAIL_S:.0f}", tail_s <= GOAL_TAIL_S),
        "bit_flips_tried": Figure(tally.trials[damage.FLIPS], "flips"),
        "bit_flips_undetected": none(undetected, "flips"),
        "mutations": Figure(mutations, "mutations"),
        "mutations_caught": Figure(caught, "mutations", "all", caught == mutations),
        "tail_lost_p50_s": Figure(round(percentile(tally.tails_s, 0.5), 2), "s of video"),
        "pinned_lost": none(counts["pinned_lost"], "segments"),
        "frames_without_account": none(counts["unaccounted"], "frames"),
        "segments_judged": Figure(counts["segments_judged"], "judgements"),
        "kills": Figure(killed, "kills"),
        "restart_p99_s": Figure(round(restart_s, 2), "s", f"<= {GOAL_RESTART_S:.0f}", restart_s <= GOAL_RESTART_S),
        "crash_states": Figure(made, "states", f">= {GOAL_STATES}", made >= GOAL_STATES),
        "calls_failed": Figure(tally.trials[flushes.TRIAL], "calls"),
        "flushes_of_segments_failed": Figure(counts["flushes_failed"], "flushes"),
        "segment_cuts_tried": Figure(tally.trials[damage.CUTS], "cuts"),
        "segment_cuts_undetected": none(counts[f"{damage.CUTS}: undetected"], "cuts"),
        "zeroed_blocks_tried": Figure(tally.trials[damage.BLOCKS], "blocks"),
        "zeroed_blocks_undetected": none(counts[f"{damage.BLOCKS}: undetected"], "blocks"),
        "database_pages_damaged": Figure(tally.trials[damage.PAGES], "pages"),
        "database_damage_undetected": Figure(counts["pages undetected"], "pages"),
        "databases_repaired": Figure(counts["databases repaired"], "databases"),
        "repairs_with_lost_messages": Figure(counts["repairs that tell of lost messages"], "databases"),
        "evicted_by_jump": none(counts["evicted_by_jump"], "segments"),
        "complaints": none(len(tally.complaints), "complaints"),
    }
    for name, trials_made in (("power_cut", cuts), ("kill", killed), ("crash_state", made)):
        if trials_made:
            figures[f"{name}_failure_bound"] = Figure(f"{3 / trials_made:.2%}", "95 % bound, 3/n")
    return figures


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a short form, as the tests run it")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--only", default="", help="trials whose name holds this text; no figures are kept")
    parser.add_argument("--out", type=Path, help="write the counts here as JSON")
    wishes = parser.parse_args()
    sentence = obstacle()
    if sentence is not None:
        print(sentence, file=sys.stderr)
        return Misconfigured.exit_code
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tally = Tally()
    run(SHORT if wishes.short else LONG, wishes.seed, tally, wishes.only)
    figures = figures_of(tally)
    print("\ntrial".ljust(50) + "trials")
    for name, number in sorted(tally.trials.items()):
        print(f"{name:<48} {number:>7}")
    for name, note in tally.notes.items():
        print(f"{name}: {note}")
    print(f"seeds: {tally.seeds}\n")
    print_results(figures)
    for complaint in tally.complaints:
        print(f"COMPLAINT {complaint}")
    if wishes.out:
        kept = {"points": sorted(tally.points), "trials": tally.trials, "counts": tally.counts,
                "complaints": tally.complaints, "tails_s": tally.tails_s}  # fmt: skip
        wishes.out.write_text(json.dumps(kept))
    if not wishes.only and not wishes.short:
        write_results("campaign-recording", COMMAND, figures)
    return 1 if tally.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
