"""The files of a clip at the bed, chunk by chunk: what cannot be read as it was is lost, and the reason is a sentence."""

from __future__ import annotations

import errno
from pathlib import Path

from edge_agent.ring.folder import PROXIES, SEGMENTS
from edge_agent.transfer.failures import LostAtBed
from edge_agent.transfer.plan import CompleteObject, SendChunk
from shared.clip import CHUNK_BYTES, chunk_length
from shared.errors import Transient
from shared.segment import hash_file

UNREADABLE_TRIES = 3
"""So many failed reads of one file before its sectors count as gone."""


class ClipFiles:
    """Use from one thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._failures: dict[str, int] = {}

    def _path(self, step: SendChunk | CompleteObject, proxy: bool) -> Path:
        if proxy:
            return self._folder / PROXIES / f"{step.sha256}.mp4"
        return self._folder / SEGMENTS / f"{step.sha256}.seg"

    def read(self, step: SendChunk, *, proxy: bool) -> bytes:
        """One chunk from the disk. Raises LostAtBed when the file is gone, shorter than it was or unreadable; Transient."""
        path = self._path(step, proxy)
        wanted = chunk_length(step.size_bytes, step.chunk)
        try:
            with path.open("rb") as file:
                file.seek(step.chunk * CHUNK_BYTES)
                body = file.read(wanted)
        except FileNotFoundError as error:
            raise _lost(path, "is not at the bed any more") from error
        except OSError as error:
            raise self._unreadable(path, error) from error
        if len(body) != wanted:
            raise _lost(path, f"is shorter than the {step.size_bytes} bytes that it had")
        return body

    def check(self, step: CompleteObject, *, proxy: bool) -> None:
        """The cloud says that what it got is not whole. Raises LostAtBed when the bed's own file is not what its name says."""
        path = self._path(step, proxy)
        try:
            whole = hash_file(path) == step.sha256
        except FileNotFoundError as error:
            raise _lost(path, "is not at the bed any more") from error
        except OSError as error:
            raise self._unreadable(path, error) from error
        if not whole:
            raise _lost(path, "is damaged at the bed: its bytes do not hash to its name any more")

    def _unreadable(self, path: Path, error: OSError) -> LostAtBed | Transient:
        self._failures[path.name] = self._failures.get(path.name, 0) + 1
        if error.errno == errno.EIO and self._failures[path.name] >= UNREADABLE_TRIES:
            del self._failures[path.name]
            return _lost(path, "cannot be read: the disk has bad sectors there")
        return Transient(f"{path.name} cannot be read now: {error.strerror}.")


def _lost(path: Path, reason: str) -> LostAtBed:
    return LostAtBed(f"{path.name} {reason}.", f"it {reason}")
