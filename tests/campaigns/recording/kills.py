"""kill -9 at every named storage failpoint, at several of its hits, and at random moments."""

from __future__ import annotations

import random

from shared.failpoints import STORAGE_POINTS
from tests.campaigns.recording.bed import Bed
from tests.campaigns.recording.disks import Bench
from tests.campaigns.recording.power import ARMED_TOO, die_at, points_in
from tests.campaigns.recording.tally import Tally

TRIAL = "kill -9 at a failpoint"
TRIAL_AT_RANDOM = "kill -9 at random"
RESTART = frozenset({"restart", "disk"})
"""A kill loses nothing that was written; with the point in the quarantine a disk error comes first."""


def kills_at_points(bench: Bench, tally: Tally, counts: tuple[int, ...], seed: int, *, own_program: bool) -> None:
    """Each point at each of the hit counts; one bed goes through all kills of its point.

    A point that a failure must lead to is reached once in a life: the failure is armed once.
    """
    log = bench.folder / "points-kill"
    tally.seeds[TRIAL] = seed
    for point in STORAGE_POINTS:
        bed = Bed(bench.place("kill") / "bed", seed)
        for count in counts[:1] if point in ARMED_TOO else counts:
            where = f"{point}@{count}, seed {bed.seed + 1}"
            died = die_at(bed, point, count, log)
            tally.expect(TRIAL, where, died, "the life did not end at this point")
            _judge(bed, tally, TRIAL, where, own_program=own_program)
        tally.say(f"killed at {point}, {tally.trials[TRIAL]} kills so far")
    tally.points |= points_in(log)


def kills_at_random(bench: Bench, tally: Tally, kills: int, seed: int, mutation: str = "") -> None:
    """So many kills at random moments, of one bed."""
    rng = random.Random(seed)
    tally.seeds[TRIAL_AT_RANDOM] = seed
    bed = Bed(bench.place("kill") / "bed", seed, mutation)
    for _ in range(kills):
        where = f"seed {bed.seed + 1}"
        child = bed.begin(bed.plan(restless=rng.choice((0.0, 1.0, 4.0)), seal_each=rng.choice((0, 5, 40))))
        child.listen(30.0, lambda told: told[0] == "started")
        child.listen(rng.uniform(0.0, 0.4))
        child.kill()
        bed.hear(child)
        _judge(bed, tally, TRIAL_AT_RANDOM, where)
        if mutation and tally.complaints:
            break


def _judge(bed: Bed, tally: Tally, trial: str, where: str, *, own_program: bool = False) -> None:
    try:
        verdict = bed.recovered(reboot=False, own_program=own_program)
    except RuntimeError as error:
        tally.trials[trial] += 1
        tally.complain(trial, where, str(error))
        return
    tally.add(trial, verdict, where, RESTART)
    tally.restarts_s += bed.restarts_s
    bed.restarts_s.clear()
