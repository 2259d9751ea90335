"""Events hold most of a small ring while the evictor works at its limit: nothing that is held may go."""

from __future__ import annotations

from tests.campaigns.recording.bed import Bed
from tests.campaigns.recording.disks import Bench
from tests.campaigns.recording.tally import Tally
from tests.campaigns.recording.truth import judge

TRIAL = "events hold the ring"


def pins_hold(bench: Bench, tally: Tally, seed: int, mutation: str = "") -> None:
    """A ring of some 20 segments, of which events hold a good part, over a long life."""
    tally.seeds[TRIAL] = seed
    bed = Bed(bench.place("pins") / "bed", seed, mutation)
    plan = bed.plan(frames=500, seal_each=10, ring_bytes=900_000, pins=0.006, pinned_at_most=4, pinned_s=2)
    child = bed.begin(plan)
    child.end()
    bed.hear(child)
    where = f"seed {seed + 1}"
    tally.expect(TRIAL, where, bed.truth.removed, "the evictor had nothing to do")
    tally.add(TRIAL, judge(bed.folder, bed.truth), where)
