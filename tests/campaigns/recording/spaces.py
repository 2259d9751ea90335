"""Disks that fill up, run out of names, turn read-only or lose sectors, while a life goes on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from tests.campaigns.recording.bed import Bed
from tests.campaigns.recording.children import Child, answer
from tests.campaigns.recording.disks import MIB, Bench, Disk, check_disk
from tests.campaigns.recording.tally import Tally
from tests.campaigns.recording.truth import check, judge

FULL = "disk full"
NAMES = "inodes full"
READ_ONLY = "read-only remount"
SECTORS = "unreadable sectors"
AFTER_FAULT = frozenset({"disk", "restart", "power"})


def disk_full(bench: Bench, tally: Tally, seed: int) -> None:
    """Another program takes the last byte, the ring itself is over its disk, and events hold much of it."""
    tally.seeds[FULL] = seed
    disk = bench.disk("ext4", size_bytes=24 * MIB)
    bed = Bed(disk.mount / "bed", seed)
    plan = bed.plan(ring_bytes=1 << 40, reserve_bytes=MIB, pins=0.02, pinned_s=2)
    _fill_and_free(bed, tally, FULL, bed.begin(plan), disk.mount / "filler", _fill_bytes)
    bench.scrap(disk)


def inodes_full(bench: Bench, tally: Tally, seed: int) -> None:
    """Another program takes the last name of a memory file system."""
    tally.seeds[NAMES] = seed
    memory = bench.memory(f"names-{seed}", "64m", inodes=120)
    bed = Bed(memory / "bed", seed)
    plan = bed.plan(ring_bytes=1 << 40, seal_each=20, pinned_s=2)
    _fill_and_free(bed, tally, NAMES, bed.begin(plan), memory / "filler", _fill_names)


def _fill_bytes(filler: Path) -> None:
    with filler.open("ab", buffering=0) as file:
        for size in (MIB, 65_536, 4096, 512):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))


def _fill_names(filler: Path) -> None:
    filler.mkdir(exist_ok=True)
    with contextlib.suppress(OSError):
        for number in range(10_000):
            (filler / f"{time.monotonic_ns()}-{number}").touch()


def _fill_and_free(
    bed: Bed, tally: Tally, trial: str, child: Child, filler: Path, fill: Callable[[Path], None]
) -> None:
    """The filler takes all there is for a while, again and again as the evictor makes room, and then lets go."""
    where = f"seed {bed.seed}"
    child.listen(30.0, lambda told: told[0] == "sealed")
    for _ in range(8):
        fill(filler)
        child.listen(0.15)
    held, heard = len(child.words("taken")), len(child.words("frame"))
    if filler.is_dir():
        for path in filler.iterdir():
            path.unlink()
    else:
        filler.unlink()
    again = child.listen(20.0, lambda _: len(child.words("taken")) > held + 300)
    child.kill()
    bed.hear(child)
    tally.expect(trial, where, again, f"recording did not go on when there was room again: {child.words('failed')}")
    tally.say(f"{trial}: {held} of {heard} frames recorded meanwhile, then {len(child.words('taken')) - held} more")
    tally.counts["disk_gaps"] += sum(gap["cause"] == "disk" for gap in child.words("gap"))
    tally.add(trial, bed.recovered(reboot=False), where, AFTER_FAULT)


def read_only(bench: Bench, tally: Tally, seed: int) -> None:
    """The kernel notes an error and takes the file system's right to write away; then the box is mended and starts again."""
    tally.seeds[READ_ONLY] = seed
    disk = bench.disk("ext4", options="errors=remount-ro")
    bed = Bed(disk.mount / "bed", seed)
    where = f"seed {seed + 1}"
    child = bed.begin(bed.plan(frames=6000))
    child.listen(30.0, lambda told: told[0] == "sealed")
    child.listen(0.2)
    Path(f"/sys/fs/ext4/{Path(disk.loop).name}/trigger_fs_error").write_text("campaign")
    before = len(child.words("frame"))
    child.listen(0.5)
    alive = child.code is None and len(child.words("frame")) > before
    tally.expect(READ_ONLY, where, alive and not child.crash, f"the recorder did not live on: {child.crash}")
    child.kill()
    bed.hear(child, crashes=True)
    disk.detach()
    check_disk(disk)
    disk.attach()
    tally.add(READ_ONLY, bed.recovered(reboot=True), where, AFTER_FAULT)
    bench.scrap(disk)


def unreadable_sectors(bench: Bench, tally: Tally, seed: int) -> None:
    """The image loses its end under the file system: the check must name each file that cannot be read, and end by itself."""
    tally.seeds[SECTORS] = seed
    disk = bench.disk("ext4", on=bench.place("sectors"))
    bed = Bed(disk.mount / "bed", seed)
    where = f"seed {seed + 1}"
    child = bed.begin(bed.plan(frames=900, ring_bytes=1 << 40))
    child.end()
    bed.hear(child)
    disk.power_on()
    broken = _break_one_segment(disk, bed)
    code, lines = answer(lambda: check(bed.folder, "--read-data"))
    tally.trials[SECTORS] += 1
    tally.counts["sectors_broken"] += 1
    tally.expect(
        SECTORS, where, code == 1 and any(broken in line for line in lines), f"{broken} was not named: {lines}"
    )
    bench.scrap(disk)


def _break_one_segment(disk: Disk, bed: Bed) -> str:
    """Makes the blocks of the segment that lies last on the disk unreadable; returns the file's name."""
    import subprocess

    files = list((bed.folder / "segments").iterdir())
    ends = {}
    for path in files:
        found = subprocess.run(["filefrag", "-v", "-b4096", str(path)], capture_output=True, text=True, check=True)
        extents = [line.split(":")[2] for line in found.stdout.splitlines() if line.strip()[:1].isdigit()]
        ends[path.name] = max(int(extent.split("..")[1].strip()) for extent in extents)
    last = max(ends, key=lambda name: ends[name])
    second = max([end for name, end in ends.items() if name != last], default=0)
    with disk.image.open("r+b") as file:
        file.truncate(4096 * max(second + 1, ends[last]))
    Path("/proc/sys/vm/drop_caches").write_text("3")
    return last


def judged_alone(bed: Bed, tally: Tally, trial: str, where: str) -> None:
    """Judges a folder without a restart."""
    tally.add(trial, judge(bed.folder, bed.truth), where)
