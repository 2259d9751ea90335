"""Disks that are full, at the bed and in the cloud: nothing is confirmed that is not kept, and all goes on when there is room."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from shared.errors import DeepEpilError
from tests.campaigns.delivery.house import House, Wishes
from tests.campaigns.delivery.judge import judge, settle
from tests.campaigns.delivery.kills import tell_deaths
from tests.campaigns.delivery.tally import Tally
from tests.campaigns.recording.disks import Bench

AT_BED = "disk full at the bed"
IN_CLOUD = "disk full in the cloud"
BED_SIZE = "24m"
CLOUD_SIZE = "2m"


def full_at_bed(tally: Tally, seed: int) -> None:
    """An event that the full disk does not take is refused and was never promised; one that was taken before arrives."""
    tally.seeds[AT_BED] = seed
    with Bench() as bench:
        mount = bench.memory("bed", BED_SIZE)
        with House(Wishes(beds=("bed-1",), bed_root=mount), seed) as house:
            bed = house.beds["bed-1"]
            house.programs["ingester"].kill(house.nursery)
            house.feed(4)
            ballast = _fill(mount)
            house.programs["ingester"].start(house.nursery)
            refused = 0
            for _ in range(20):
                try:
                    bed.feeder.record_one()
                except (DeepEpilError, sqlite3.OperationalError, OSError):
                    refused += 1
            house.rest(4.0)
            tally.expect(AT_BED, refused, "the full disk took every event")
            ballast.unlink()
            tally.faults["disk full at the bed"] += 1
            house.feed(2)
            tell_deaths(house, tally)
            judge(house).into(tally, AT_BED)


def full_in_cloud(tally: Tally, seed: int) -> None:
    """The folder of the objects is full in the middle of uploads, then there is room again."""
    tally.seeds[IN_CLOUD] = seed
    with Bench() as bench:
        mount = bench.memory("objects", CLOUD_SIZE)
        with House(Wishes(objects=f'url = "file://{mount}"'), seed) as house:
            house.feed(2)
            settle(house)
            ballast = _fill(mount)
            house.feed(4)
            house.rest(4.0)
            waiting = sum(bed.left()[1] for bed in house.beds.values())
            tally.expect(IN_CLOUD, waiting, "clips were called stored on a full disk")
            ballast.unlink()
            tally.faults["disk full in the cloud"] += 1
            tell_deaths(house, tally)
            judge(house).into(tally, IN_CLOUD)


def _fill(mount: Path) -> Path:
    """Takes all room but a few hundred bytes."""
    ballast = mount / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1 << 9):
            try:
                while True:
                    file.write(os.urandom(size))
            except OSError:
                continue
    return ballast
