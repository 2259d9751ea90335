"""How much room the disk has, and the reserve file that keeps some of it for the database and the logs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from edge_agent.ring.folder import sync_folder

RESERVE = "reserve"


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

    def hold(self, free_bytes: int) -> bool:
        """Makes the file when twice its size is free; True when it is held now."""
        if self.held:
            return True
        if free_bytes < 2 * self.size_bytes:
            return False
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
