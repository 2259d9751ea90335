"""Proof that the campaign can fail: each known wrong way to store is put into a bed, and some trial must complain."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.campaigns.recording import clocks, flushes, pins, power, states
from tests.campaigns.recording.bed import Bed
from tests.campaigns.recording.disks import Bench
from tests.campaigns.recording.mutations import MUTATIONS
from tests.campaigns.recording.tally import Tally

Trial = Callable[[Bench, Tally, int, str], None]
TRIES = 3


def lying_disk(bench: Bench, tally: Tally, seed: int, mutation: str) -> None:
    """A life in a program of its own whose every fsync is a lie, and a power cut."""
    disk = bench.disk("ext4")
    bed = Bed(disk.mount / "bed", seed)
    bed.restart(reboot=False)
    child = bed.launch(bed.plan(seal_each=25), before=["eatmydata"] if mutation else [])
    child.listen(60.0, lambda _: len(child.words("sealed")) > 6)
    disk.cut_power()
    child.kill()
    bed.hear(child, crashes=True)
    power.judge_after_cut(disk, bed, tally, power.TRIAL, f"eatmydata, seed {bed.seed}")
    bench.scrap(disk)


def _cuts(bench: Bench, tally: Tally, seed: int, mutation: str) -> None:
    power.random_cuts(bench, tally, "ext4", 20 if mutation else 5, seed, mutation)


def _states(bench: Bench, tally: Tally, seed: int, mutation: str) -> None:
    states.enumerate_states(bench, tally, 240 if mutation else 24, seed, mutation)


def _failed_flushes(bench: Bench, tally: Tally, seed: int, mutation: str) -> None:
    flushes.calls_that_fail(bench, tally, tuple(range(3, 30)), seed, mutation, ("fdatasync", "fsync"), ("EIO",))


def _thin(bench: Bench, tally: Tally, seed: int, mutation: str) -> None:
    flushes.thin_disk(bench, tally, 2, seed, mutation)


TRIALS: Mapping[str, tuple[Trial, ...]] = {
    "fsync_lies": (lying_disk,),
    "no_folder_fsync": (_states,),
    "synchronous_normal": (_cuts, _states),
    "row_before_fsync": (_states,),
    "fsync_retried": (_thin, _failed_flushes),
    "pins_not_asked": (pins.pins_hold,),
    "never_flushed": (_cuts,),
    "torn_tail_kept": (_states,),
    "wall_clock_age": (clocks.steps,),
}


def _complaint(trial: Trial, bench: Bench, seed: int, name: str) -> str:
    own = Tally(quiet=True)
    try:
        trial(bench, own, seed, name)
    except RuntimeError as error:
        own.complain("the bed", f"seed {seed}", str(error))
    return own.complaints[0] if own.complaints else ""


def prove(bench: Bench, tally: Tally, names: tuple[str, ...], seed: int) -> None:
    """For each mutation the sentence of the trial that caught it goes into the notes; one that nobody caught is a complaint.

    A trial that complains without the mutation too, with the same seed, has caught nothing.
    """
    tally.seeds["mutations"] = seed
    for name in names:
        caught = ""
        for trial in TRIALS[name] * TRIES:
            seed += 100
            caught = _complaint(trial, bench, seed, name)
            control = _complaint(trial, bench, seed, "") if caught else ""
            if control:
                tally.complain("mutations", name, f"without the mutation too: {control}")
                caught = ""
            elif caught:
                break
        tally.counts["mutations"] += 1
        tally.counts["mutations_caught"] += bool(caught)
        tally.notes[f"mutation {name} ({MUTATIONS[name]})"] = f"caught by: {caught[:160]}" if caught else "NOT CAUGHT"
        tally.expect("mutations", name, caught, "no trial complained")
        tally.say(f"mutation {name}: {caught[:100] or 'NOT CAUGHT'}")
