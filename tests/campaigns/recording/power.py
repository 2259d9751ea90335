"""Power cuts: the file system is shut down without a flush of its journal, at random moments and right after each failpoint."""

from __future__ import annotations

import random
from pathlib import Path

from shared.failpoints import ARMED_VARIABLE, LOG_VARIABLE, STORAGE_POINTS
from tests.campaigns.recording.bed import Bed
from tests.campaigns.recording.disks import Bench, Disk, Kind
from tests.campaigns.recording.tally import Tally

TRIAL = "power cut at random"
TRIAL_AT_POINT = "power cut at a failpoint"
TRIAL_AFTER_GAP = "power cut after a short gap"
CUTS_A_BED = 10
POWER = frozenset({"power"})
IN_RECOVERY = frozenset({"after_recovery_cut", "after_recovery_seal"})
ARMED_TOO = {"after_quarantine_rename": "after_segment_flush=eio@3,"}
"""What must fail first so that a point is reached."""
DYING_S = 20.0


def random_cuts(bench: Bench, tally: Tally, kind: Kind, cuts: int, seed: int, mutation: str = "") -> None:
    """So many cuts on one kind of file system; one bed goes through ten of them, then there is a new disk."""
    rng = random.Random(seed)
    disk = bench.disk(kind)
    bed = Bed(disk.mount / "bed", seed, mutation, colour_apart=kind == "xfs")
    tally.seeds[f"{TRIAL}, {kind}"] = seed
    for number in range(cuts):
        if number and number % CUTS_A_BED == 0:
            disk.make()
            bed = Bed(disk.mount / "bed", bed.seed + 1000, mutation, colour_apart=kind == "xfs")
        _cut_at_random(disk, bed, rng, tally)
        if mutation and tally.complaints:
            break
        if (number + 1) % 25 == 0:
            tally.say(f"{number + 1} of {cuts} power cuts on {kind}; {len(tally.complaints)} complaints")
    bench.scrap(disk)


def _cut_at_random(disk: Disk, bed: Bed, rng: random.Random, tally: Tally) -> None:
    where = f"{disk.kind}, seed {bed.seed + 1}"
    child = bed.begin(bed.plan(restless=rng.choice((0.0, 1.0, 4.0)), seal_each=rng.choice((0, 0, 5, 40))))
    child.listen(30.0, lambda told: told[0] == "started")
    child.listen(rng.uniform(0.0, 0.5))
    disk.cut_power()
    child.listen(rng.choice((0.0, 0.05)))
    child.kill()
    bed.hear(child, crashes=True)
    judge_after_cut(disk, bed, tally, TRIAL, where)


def judge_after_cut(
    disk: Disk, bed: Bed, tally: Tally, trial: str, where: str, *, condemned: bool = False
) -> None:  # fmt: skip
    """Power comes back, the bed starts, its folder is judged."""
    disk.power_on()
    try:
        verdict = bed.recovered(reboot=True)
    except RuntimeError as error:
        tally.trials[trial] += 1
        tally.complain(trial, where, str(error))
        return
    tally.add(trial, verdict, where, POWER | {"disk"} if condemned else POWER)
    if not condemned:
        tally.tail(trial, verdict, where)


def cuts_at_points(
    bench: Bench, tally: Tally, kind: Kind, counts: tuple[int, ...], seed: int, mutation: str = ""
) -> None:
    """A cut right after each storage failpoint, at its first, second… hit."""
    log = bench.folder / "points-power"
    tally.seeds[f"{TRIAL_AT_POINT}, {kind}"] = seed
    for point in STORAGE_POINTS:
        disk = bench.disk(kind)
        bed = Bed(disk.mount / "bed", seed, mutation, colour_apart=kind == "xfs")
        for count in counts:
            where = f"{kind}, {point}@{count}, seed {bed.seed + 1}"
            die_at(bed, point, count, log)
            disk.cut_power()
            judge_after_cut(disk, bed, tally, TRIAL_AT_POINT, where, condemned=point in ARMED_TOO)
        bench.scrap(disk)
        if mutation and tally.complaints:
            break
    tally.points |= points_in(log)


def cut_after_a_gap(bench: Bench, tally: Tally, kind: Kind, lengths: tuple[int, ...], seed: int) -> None:
    """The row of a short gap is durable at once, the frames before it are not yet: none may go without a word."""
    disk = bench.disk(kind)
    bed = Bed(disk.mount / "bed", seed, colour_apart=kind == "xfs")
    bed.restart(reboot=False)
    for frames in lengths:
        plan = bed.plan(frames=frames, restless=0.0, laps_last=2, stops=False, evicts=False)
        child = bed.begin(plan)
        child.end()
        bed.hear(child)
        disk.cut_power()
        judge_after_cut(disk, bed, tally, TRIAL_AFTER_GAP, f"{kind}, {frames} frames, seed {bed.seed}")
    bench.scrap(disk)


def die_at(bed: Bed, point: str, count: int, log: Path) -> bool:
    """A life that is killed at a failpoint; False when it was not reached so often."""
    armed = {LOG_VARIABLE: str(log), ARMED_VARIABLE: f"{ARMED_TOO.get(point, '')}{point}=kill@{count}"}
    if point in IN_RECOVERY:
        for _ in range(count):
            _leave_an_open_file(bed)
        armed[ARMED_VARIABLE] = f"{point}=kill"
    frames = 30 if point in IN_RECOVERY else 900
    plan = bed.plan(restless=2.0, seal_each=25, frames=frames, ring_bytes=600_000, pinned_s=2)
    child = bed.begin(plan, armed)
    child.end(DYING_S)
    bed.hear(child)
    return child.code == -9


def _leave_an_open_file(bed: Bed) -> None:
    child = bed.begin(bed.plan(frames=37, restless=0.0, stops=False))
    child.end()
    bed.hear(child)
    bed.pass_time(2.0, reboot=False)


def points_in(log: Path) -> set[str]:
    """The failpoints that a log names."""
    return set(log.read_text().split()) if log.exists() else set()
