"""An object on its way into a folder: one file a bed and object, each chunk written at its place, moved to its name once whole.

Every write holds the file's shared lock and happens only while the file still is the upload's; whoever reads the whole
holds the exclusive lock, so nothing can change between the hash and the move. Functions block: call them from a thread.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cloud.objects import hash_path
from shared.clip import CHUNK_BYTES
from shared.errors import Transient

LOCK_TRIES = 50
LOCK_PAUSE_S = 0.02
READ_BYTES = 1024 * 1024
BUSY = "The object is being put together by another request."


@dataclass(slots=True)
class ChunkFile:
    """The open upload file and where the next bytes of one chunk go."""

    path: Path
    descriptor: int
    at: int

    @classmethod
    def open(cls, path: Path, chunk: int) -> ChunkFile:
        """Opens the upload's file, or begins it. Raises Transient when the disk does not take it."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Transient(f"The server has no room for the chunk: {error.strerror}.") from error
        return cls(path, descriptor, chunk * CHUNK_BYTES)

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        """Writes the next bytes. Raises Transient when the disk is full or the upload ended meanwhile."""
        with self._mine():
            view = memoryview(piece)
            try:
                while view:
                    count = os.pwrite(self.descriptor, view, self.at)
                    self.at += count
                    view = view[count:]
            except OSError as error:
                raise Transient(f"The server has no room for the chunk: {error.strerror}.") from error

    def flush(self) -> None:
        """The bytes are on the disk, or the whole file is condemned: after a failed flush nothing in it can be trusted."""
        try:
            os.fdatasync(self.descriptor)
        except OSError as error:
            self.path.unlink(missing_ok=True)
            raise Transient(f"The server's disk did not keep the chunk: {error.strerror}.") from error
        with self._mine():
            pass

    def close(self) -> None:
        """Closes the file; what was written stays."""
        os.close(self.descriptor)

    @contextmanager
    def _mine(self) -> Iterator[None]:
        _lock(self.descriptor, fcntl.LOCK_SH)
        try:
            if not _is_file_at(self.descriptor, self.path):
                raise Transient(BUSY)
            yield
        finally:
            fcntl.flock(self.descriptor, fcntl.LOCK_UN)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Nobody writes to the upload's file meanwhile. Raises FileNotFoundError, Transient when somebody does for a second."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _lock(descriptor, fcntl.LOCK_EX)
        if not _is_file_at(descriptor, path):
            raise Transient(BUSY)
        yield
    finally:
        os.close(descriptor)


def publish(path: Path, name: Path, sha256: str, size_bytes: int) -> bool:
    """Reads the upload's file back and moves it to its final name if its bytes hash to it; False, nothing moved, if not.

    Raises FileNotFoundError, Transient. The caller flushes the folders (`Objects.settle`).
    """
    with alone(path):
        if hash_path(path) != (sha256, size_bytes):
            return False
        name.parent.mkdir(parents=True, exist_ok=True)
        path.replace(name)
    return True


def damaged_chunks(path: Path, hashes: Mapping[int, str], size_bytes: int) -> set[int]:
    """Chunks whose bytes in the file are not those that came (all of them when the file is gone)."""
    found: set[int] = set()
    try:
        with path.open("rb", buffering=0) as file:
            for number, expected in hashes.items():
                file.seek(number * CHUNK_BYTES)
                left = min(CHUNK_BYTES, size_bytes - number * CHUNK_BYTES)
                digest = hashlib.sha256()
                while left > 0 and (piece := file.read(min(READ_BYTES, left))):
                    digest.update(piece)
                    left -= len(piece)
                if digest.hexdigest() != expected:
                    found.add(number)
    except OSError:
        return set(hashes)
    return found


def forget(path: Path) -> None:
    """The upload is given up: whoever writes to it still is told to come again."""
    with suppress(FileNotFoundError), alone(path):
        path.unlink(missing_ok=True)
    with suppress(OSError):
        path.parent.rmdir()


def old_uploads(folder: Path, before_s: float, limit: int) -> list[Path]:
    """Upload files that nobody wrote to since then (seconds since 1970), at most `limit`."""
    found: list[Path] = []
    for path in folder.glob("sites/*/uploads/*/*"):
        with suppress(FileNotFoundError):
            if path.is_file() and path.stat().st_mtime < before_s:
                found.append(path)
        if len(found) >= limit:
            break
    return found


def _lock(descriptor: int, kind: int) -> None:
    for _ in range(LOCK_TRIES):
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return
        time.sleep(LOCK_PAUSE_S)
    raise Transient(BUSY)


def _is_file_at(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)
