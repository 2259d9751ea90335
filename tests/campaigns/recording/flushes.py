"""System calls that fail once and then work again: a failed flush condemns its file for ever, whatever a later one says.

By strace the Nth call of each kind fails, N = 1, 2, …; on a disk image that is larger than the memory file system it lies on,
the kernel itself answers ENOSPC, then EIO, then success with wrong bytes on the disk.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

from tests.campaigns.recording.bed import Bed
from tests.campaigns.recording.children import Child
from tests.campaigns.recording.disks import MIB, Bench, Disk, check_disk, remount
from tests.campaigns.recording.tally import Tally
from tests.campaigns.recording.truth import Verdict, judge

TRIAL = "a system call fails once"
TRIAL_THIN = "the disk lies thin: fsync fails, then says yes"
CALLS = ("fdatasync", "fsync", "writev", "pwrite64", "rename", "unlink", "openat", "ftruncate")
FLUSHES = ("fdatasync", "fsync")
"""Of these every number is tried: a few of them are those of segments, most are the database's and the folders'."""
ERRORS = ("EIO", "ENOSPC")
_INJECTED = re.compile(r"\w+\((?:\d+<([^>]*)>|(?:AT_FDCWD[^,]*, )?\"([^\"]*)\").*\(INJECTED\)")
_ATTACH_S = 10.0
LIFE_FRAMES = 170


def calls_that_fail(
    bench: Bench, tally: Tally, numbers: tuple[int, ...], seed: int, mutation: str = "",
    calls: tuple[str, ...] = CALLS, errors: tuple[str, ...] = ERRORS,
) -> None:  # fmt: skip
    """Each kind of call fails at each of those numbers, until one is beyond the life's last call."""
    tally.seeds[TRIAL] = seed
    for error in errors:
        for call in calls:
            hits = 0
            for number in range(1, max(numbers) + 1) if call in FLUSHES and len(numbers) > 2 else numbers:
                if not _fail_once(bench, tally, call, error, number, seed, mutation):
                    break
                hits += 1
            tally.say(f"{call} failed with {error}, {hits} times")
            if mutation and tally.complaints:
                return
    if not mutation:
        tally.expect(TRIAL, f"seed {seed}", tally.counts["flushes_failed"], "no flush of a segment was made to fail")


def _fail_once(bench: Bench, tally: Tally, call: str, error: str, number: int, seed: int, mutation: str) -> bool:
    bed = Bed(bench.place("fail") / "bed", seed + number, mutation)
    where = f"{call} {error} at call {number}, seed {bed.seed + 1}"
    log = bench.folder / "strace"
    child = bed.begin(bed.plan(frames=LIFE_FRAMES, seal_each=40, ring_bytes=MIB), gated=True)
    tracer = attach(child, log, call, error, str(number))
    child.go()
    child.end()
    tracer.wait()
    bed.hear(child, crashes=True)
    failed = failed_files(log)
    if not failed:
        return False
    condemned = [path for path in failed if call in FLUSHES and path.endswith(".part")]
    for path in condemned:
        if any(fact["segment_id"] in path for fact in bed.truth.confirmed.values()):
            tally.counts["false_confirmations"] += 1
            tally.complain(TRIAL, where, f"{Path(path).name} was confirmed although its flush had failed")
    tally.counts["flushes_failed"] += len(condemned)
    try:
        tally.add(TRIAL, bed.recovered(reboot=False), where)
    except RuntimeError as problem:
        tally.complain(TRIAL, where, str(problem))
    if condemned and not mutation:
        kept = {path.name for path in (bed.folder / "quarantine").iterdir()}
        names = {Path(path).name for path in condemned}
        tally.expect(TRIAL, where, names <= kept, f"{', '.join(names - kept)} is not in the quarantine")
    return True


def attach(child: Child, log: Path, calls: str, fault: str, when: str) -> subprocess.Popen[bytes]:
    """strace on a child that still waits at its gate; the calls it makes from now on are counted."""
    log.unlink(missing_ok=True)
    what = f"error={fault}" if fault.startswith("E") else fault
    tracer = subprocess.Popen(
        ["strace", "-f", "-y", "-qq", "-o", str(log), "-p", str(child.pid), "-e", f"trace={calls}",
         "-e", f"inject={calls}:{what}:when={when}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for_tracer(child.pid)
    return tracer


def wait_for_tracer(pid: int) -> None:
    """Returns when strace holds the process."""
    deadline_s = time.monotonic() + _ATTACH_S
    while "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text():
        if time.monotonic() > deadline_s:
            raise RuntimeError("strace did not attach")
        time.sleep(0.002)


def failed_files(log: Path) -> list[str]:
    """Paths of the calls that were made to fail."""
    found = []
    for match in _INJECTED.finditer(log.read_text()):
        found.append(match[1] or match[2])
    return found


def thin_disk(bench: Bench, tally: Tally, rounds: int, seed: int, mutation: str = "") -> None:
    """The image promises more than its memory holds; the life writes until the kernel says no, then room comes back."""
    tally.seeds[TRIAL_THIN] = seed
    for number in range(rounds):
        where = f"round {number}, seed {seed + number + 1}"
        memory = bench.memory(f"thin-{seed}-{number}", "100m")
        disk = bench.disk("ext4", size_bytes=48 * MIB, on=memory)
        bed = Bed(disk.mount / "bed", seed + number, mutation)
        bed.restart(reboot=False)
        make_thin(disk, memory, 12 * MIB)
        plan = bed.plan(frames=4000, restless=0.3, ring_bytes=1 << 40, pins=0.0, seal_each=20 + 7 * number)
        child = bed.begin(plan)
        child.listen(30.0, lambda told: told[0] == "gap" and told[1]["cause"] == "disk")
        child.listen(0.2 + 0.3 * (number % 3))
        child.kill()
        bed.hear(child, crashes=True)
        remount(memory, "size=100m")
        disk.detach()
        check_disk(disk)
        disk.attach()
        verdict = _recovered(bed, tally, where)
        if verdict is not None:
            tally.add(TRIAL_THIN, verdict, where)
        tally.counts["thin_disk_gaps"] += sum(gap["cause"] == "disk" for gap in child.words("gap"))
        bench.scrap(disk)
        subprocess.run(["umount", "-l", str(memory)], capture_output=True, check=False)
        if mutation and tally.complaints:
            break


def make_thin(disk: Disk, memory: Path, spare_bytes: int) -> None:
    """Takes the memory behind the free blocks away but for a spare; the file system's own blocks stay backed.

    Requests are held to one page: of a larger one at the border the loop driver writes a part and calls it whole, and a
    disk that lies within one request can be told by nobody.
    """
    Path(f"/sys/block/{Path(disk.loop).name}/queue/max_sectors_kb").write_text("4")
    os.sync()
    subprocess.run(["fstrim", str(disk.mount)], check=True)
    used = disk.image.stat().st_blocks * 512
    remount(memory, f"size={used + spare_bytes}")


def _recovered(bed: Bed, tally: Tally, where: str) -> Verdict | None:
    try:
        bed.restart(reboot=True)
    except RuntimeError as problem:
        tally.complain(TRIAL_THIN, where, str(problem))
        return None
    os.sync()
    return judge(bed.folder, bed.truth)
