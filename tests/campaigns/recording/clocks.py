"""Wall clocks that step by an hour, to 1970 and to 2038, while a ring with a limit in hours is full."""

from __future__ import annotations

from functools import partial

from shared.clock import NS_PER_S
from tests.campaigns.recording.bed import Bed
from tests.campaigns.recording.children import answer
from tests.campaigns.recording.disks import Bench
from tests.campaigns.recording.life import START_UTC_NS
from tests.campaigns.recording.tally import Tally
from tests.campaigns.recording.truth import check

TRIAL = "wall clock steps"
HOURS = 0.25
TO_1970_S = -START_UTC_NS / NS_PER_S
TO_2038_S = 2**31 - START_UTC_NS / NS_PER_S
STEPS: dict[str, tuple[float, ...]] = {
    "an hour on": (3600.0,),
    "an hour back": (-3600.0,),
    "to 1970": (TO_1970_S,),
    "to 2038": (TO_2038_S,),
    "to and fro": (3600.0, -7200.0, TO_2038_S, TO_1970_S - TO_2038_S, 3600.0),
}


def steps(bench: Bench, tally: Tally, seed: int, mutation: str = "") -> None:
    """The ring holds less than its hours: whatever is removed is removed by the step."""
    tally.seeds[TRIAL] = seed
    for number, (name, jumps) in enumerate(STEPS.items()):
        where = f"{name}, seed {seed + number + 1}"
        bed = Bed(bench.place("clock") / "bed", seed + number, mutation)
        for reboot in (False, True):
            plan = bed.plan(
                frames=90, restless=0.0, seal_each=20, ring_hours=HOURS, colour_hours=HOURS, ring_bytes=1 << 40,
                jumps_utc_s=jumps,
            )  # fmt: skip
            child = bed.begin(plan)
            child.end()
            bed.hear(child)
            bed.pass_time(20.0, reboot=reboot)
        tally.trials[TRIAL] += 1
        evicted = len(bed.truth.removed)
        tally.counts["evicted_by_jump"] += evicted
        tally.expect(TRIAL, where, evicted == 0, f"{evicted} segments were removed by a step of the wall clock")
        code, lines = answer(partial(check, bed.folder, "--read-data"))
        tally.expect(TRIAL, where, code == 0, f"the check says {lines}")
        if mutation and tally.complaints:
            break
