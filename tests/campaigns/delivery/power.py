"""The bed's power is cut while events are noted: what the outbox had confirmed is there when the power is back, and arrives."""

from __future__ import annotations

from tests.campaigns.delivery.house import House, Wishes
from tests.campaigns.delivery.judge import judge
from tests.campaigns.delivery.mutations import OF_PROGRAM
from tests.campaigns.delivery.tally import Tally
from tests.campaigns.recording.disks import Bench, Disk

POWER = "power cut at the bed"
EVENTS_NOTED = 5
SOON_S = 60.0


def power_cuts(tally: Tally, seed: int, mutation: str = "", cuts: int = 1) -> None:
    """ext4 on a loop device; nothing that was not flushed survives. Nobody else writes to the bed's disk while it is fed."""
    mutations = {OF_PROGRAM[mutation]: mutation} if mutation else {}
    tally.seeds[POWER] = seed
    with Bench() as bench:
        disk = bench.disk("ext4")
        with House(Wishes(beds=("bed-1",), bed_root=disk.mount, mutations=mutations), seed) as house:
            for number in range(cuts):
                _cut_once(house, disk)
                tally.faults["power cut at the bed"] += 1
                house.start_bed("bed-1")
                verdict = judge(house, checked=not mutation)
                verdict.into(tally, POWER, last=number == cuts - 1)


def _cut_once(house: House, disk: Disk) -> None:
    bed = house.beds["bed-1"]
    for name in ("publisher bed-1", "uploader bed-1"):
        house.programs[name].kill(house.nursery)
    bed.feeder.close()
    before = len(bed.witness.told())
    feeder = house.feed_in_child(bed, 10_000)
    house.wait(lambda: len(bed.witness.told()) >= before + EVENTS_NOTED, "some events", SOON_S)
    disk.cut_power()
    feeder.kill(house.nursery)
    disk.power_on()
    bed.open()
