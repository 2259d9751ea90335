"""Disks that can be broken: loop images and small memory file systems in one temporary folder, and the ways to fail them.

Everything lies under one folder of the run; whatever ends the run, its mounts and loop devices are let go (`Bench.close`,
`atexit`), and a run that was killed is tidied up by the next one.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from shared.errors import Misconfigured

Kind = Literal["ext4", "xfs"]
MIB = 1024 * 1024
PREFIX = "deepepil-campaign-"
IMAGE_BYTES: dict[Kind, int] = {"ext4": 64 * MIB, "xfs": 320 * MIB}
MAKE: dict[Kind, list[str]] = {
    "ext4": [
        "mkfs.ext4",
        "-q",
        "-F",
        "-b",
        "4096",
        "-E",
        "nodiscard,lazy_itable_init=0,lazy_journal_init=0",
        "-J",
        "size=8",
    ],
    "xfs": ["mkfs.xfs", "-q", "-f"],
}
BLOCK_GROUPS = Path("/sys/fs/cgroup/blkio")
"""Where a run makes one group of processes of its folder's name, to slow a disk."""
TOOLS = ("mkfs.ext4", "mkfs.xfs", "losetup", "mount", "umount", "strace", "eatmydata")
_SHUTDOWN = 0x8004587D
"""_IOR('X', 125, u32): EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN alike."""
_NO_LOG_FLUSH = 2


def _run(*command: str) -> str:
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        raise Misconfigured(f"{' '.join(command)} failed: {found.stderr.strip() or found.stdout.strip()}")
    return found.stdout.strip()


def obstacle() -> str | None:
    """Why faults cannot be made on this machine, in a sentence; None when they can."""
    if os.geteuid() != 0:
        return "The campaign mounts its own disks; run it as root."
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"The campaign needs {', '.join(missing)}; make setup installs them."
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        image = Path(folder) / "probe"
        with image.open("wb") as file:
            file.truncate(MIB)
        try:
            _run("losetup", "--detach", _run("losetup", "--find", "--show", str(image)))
        except Misconfigured as error:
            return f"The campaign needs loop devices: {error.sentence}"
    return None


@dataclass(slots=True)
class Disk:
    """One file system on a loop device, mounted at `mount` when `mounted`."""

    kind: Kind
    image: Path
    mount: Path
    loop: str
    options: str = ""
    mounted: bool = False

    def attach(self) -> None:
        """Mounts it; the journal is replayed as after a real power cut."""
        options = ["-o", self.options] if self.options else []
        _run("mount", "-t", self.kind, *options, self.loop, str(self.mount))
        self.mounted = True

    def detach(self) -> None:
        if self.mounted:
            _run("umount", str(self.mount))
            self.mounted = False

    def cut_power(self) -> None:
        """From now on nothing reaches the disk: neither data nor journal that was not flushed."""
        descriptor = os.open(self.mount, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, _NO_LOG_FLUSH.to_bytes(4, "little"))
        finally:
            os.close(descriptor)

    def power_on(self) -> None:
        self.detach()
        self.attach()

    def make(self) -> None:
        """An empty file system, whatever was there."""
        self.detach()
        self.image.unlink()
        _grow(self.image, IMAGE_BYTES[self.kind])
        _run("losetup", "--detach", self.loop)
        self.loop = _run("losetup", "--find", "--show", str(self.image))
        _run(*MAKE[self.kind], self.loop)
        self.attach()


def _grow(path: Path, size_bytes: int) -> None:
    with path.open("ab") as file:
        file.truncate(size_bytes)


def _fill(path: Path, size_bytes: int) -> None:
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size_bytes)


@dataclass(slots=True)
class Bench:
    """The run's folder with all its disks; use it as a context manager."""

    folder: Path = field(init=False)
    _lock: int = field(init=False, default=-1)
    _count: int = field(init=False, default=0)

    def __enter__(self) -> Bench:
        tidy_left_overs()
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        atexit.register(self.close, os.getpid())
        self.memory("images", "1200m")
        return self

    def __exit__(self, *_: object) -> None:
        self.close(os.getpid())

    def close(self, owner: int) -> None:
        """Lets go of every mount and loop device and removes the folder. A forked child closes nothing of its parent's."""
        if self._lock >= 0 and owner == os.getpid():
            _tear_down(self.folder)
            os.close(self._lock)
            self._lock = -1

    def place(self, name: str) -> Path:
        """A new empty folder of the run."""
        self._count += 1
        path = self.folder / f"{self._count:04d}-{name}"
        path.mkdir()
        return path

    def memory(self, name: str, size: str, inodes: int | None = None) -> Path:
        """A memory file system of that size, and of so many files when told."""
        self._count += 1
        path = self.folder / (name if name == "images" else f"{self._count:04d}-{name}")
        path.mkdir()
        options = f"size={size}" + (f",nr_inodes={inodes}" if inodes else "")
        _run("mount", "-t", "tmpfs", "-o", options, PREFIX + name, str(path))
        return path

    def disk(self, kind: Kind, *, options: str = "", size_bytes: int | None = None, on: Path | None = None) -> Disk:
        """A new file system on a loop image, in memory unless `on` says where; mounted."""
        mount = self.place(kind)
        image = (on or self.folder / "images") / f"{mount.name}.img"
        if on is None:
            _grow(image, size_bytes or IMAGE_BYTES[kind])
        else:
            _fill(image, size_bytes or IMAGE_BYTES[kind])
        loop = _run("losetup", "--find", "--show", str(image))
        _run(*MAKE[kind], loop)
        disk = Disk(kind, image, mount, loop, options)
        disk.attach()
        return disk

    def scrap(self, disk: Disk) -> None:
        """The disk is not needed any more."""
        if disk.mounted:
            subprocess.run(["umount", "-l", str(disk.mount)], capture_output=True, check=False)
            disk.mounted = False
        subprocess.run(["losetup", "--detach", disk.loop], capture_output=True, check=False)
        disk.image.unlink(missing_ok=True)


def remount(path: Path, options: str) -> None:
    """Changes the options of what is mounted there."""
    _run("mount", "-o", f"remount,{options}", str(path))


def check_disk(disk: Disk) -> None:
    """Repairs the file system's own metadata after an error that it noted; it must be detached."""
    if disk.kind == "ext4":
        subprocess.run(["fsck.ext4", "-fy", disk.loop], capture_output=True, check=False)


def _mounts_under(folder: Path) -> list[str]:
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return sorted((point for point in points if point.startswith(f"{folder}/")), key=len, reverse=True)


def _tear_down(folder: Path) -> None:
    for point in _mounts_under(folder):
        if not point.endswith("/images"):
            subprocess.run(["umount", "-l", point], capture_output=True, check=False)
    for line in _run("losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE").splitlines():
        name, _, backing = line.partition(" ")
        if backing.strip().startswith(f"{folder}/"):
            subprocess.run(["losetup", "--detach", name], capture_output=True, check=False)
    for point in _mounts_under(folder):
        subprocess.run(["umount", "-l", point], capture_output=True, check=False)
    throttled = BLOCK_GROUPS / folder.name
    if throttled.is_dir():
        with contextlib.suppress(OSError):
            throttled.rmdir()
    if not _mounts_under(folder):
        shutil.rmtree(folder, ignore_errors=True)


def tidy_left_overs() -> int:
    """Lets go of what runs left that were killed; a run that still goes on is left alone. Returns how many there were."""
    tidied = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        lock = folder / "lock"
        if not lock.is_file():
            continue
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _tear_down(folder)
            tidied += 1
        os.close(descriptor)
    return tidied
