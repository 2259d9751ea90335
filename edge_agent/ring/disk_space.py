"""How much room the disk has, in bytes and in names, and the reserve file that keeps some of it for the database and the logs.

Only what an unprivileged program may still take counts as free: the blocks that a file system keeps for root are left to it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.ring.folder import sync_folder

RESERVE = "reserve"
LEAST_FREE_NAMES = 512


@dataclass(frozen=True, slots=True)
class Room:
    """What is free: bytes, and names (inodes) beyond those that must stay; None when the file system counts no names."""

    free_bytes: int
    spare_names: int | None = None


def room_of(folder: Path) -> Callable[[], Room]:
    """A function that says how much room there is where the folder lies."""

    def room() -> Room:
        found = os.statvfs(folder)
        if found.f_files == 0:
            return Room(found.f_bavail * found.f_frsize)
        least = min(LEAST_FREE_NAMES, found.f_files // 10)
        return Room(found.f_bavail * found.f_frsize, found.f_favail - least)

    return room


def free_bytes_of(folder: Path) -> Callable[[], int]:
    """A function that says how many bytes are free where the folder lies."""
    return lambda: shutil.disk_usage(folder).free


class Reserve:
    """A file of `size_bytes` that holds room; `release` gives it to the database when the disk is full."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self._path = folder / RESERVE
        self.size_bytes = size_bytes

    @property
    def held(self) -> bool:
        return self._path.exists() and self._path.stat().st_size >= self.size_bytes

    @property
    def least_free_bytes(self) -> int:
        """So much must stay free beside the ring: the reserve once again, and twice while the file is still to be made."""
        return self.size_bytes if self.held else 2 * self.size_bytes

    def hold(self, free_bytes: int) -> bool:
        """Makes the file when twice its size is free; True when it is held now."""
        if self.held:
            return True
        if free_bytes < 2 * self.size_bytes:
            return False
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return False
        try:
            os.posix_fallocate(descriptor, 0, self.size_bytes)
        except OSError:
            self.release()
            return False
        finally:
            os.close(descriptor)
        return True

    def release(self) -> None:
        """Gives the room back at once."""
        self._path.unlink(missing_ok=True)
        sync_folder(self._path.parent)
