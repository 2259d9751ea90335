"""An object of the store as a file that is read here and there, from a thread: only the asked ranges travel."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import BinaryIO, cast

from cloud.objects import Objects
from shared.errors import Transient

AHEAD_BYTES = 512 * 1024
"""Read at once from a store that is no folder: a depth picture and what lies around it."""
ANSWER_LIMIT_S = 60.0
"""A range that does not come within this ends the reading."""


class StoredRanges(io.RawIOBase):
    """The bytes of one object; each read asks the store. Raises OSError where the store does not answer or lost the object."""

    def __init__(self, objects: Objects, key: str, size: int, loop: asyncio.AbstractEventLoop) -> None:
        self._objects, self._key, self._size, self._loop = objects, key, size, loop
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        work = asyncio.run_coroutine_threadsafe(self._fetch(self._at, self._at + wanted), self._loop)
        try:
            found = work.result(ANSWER_LIMIT_S)
        except (TimeoutError, Transient, FileNotFoundError) as error:
            work.cancel()
            raise OSError(f"the object store did not give {self._key}") from error
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    async def _fetch(self, start: int, end: int) -> bytes:
        return b"".join([piece async for piece in self._objects.read(self._key, start, end)])


def open_object(objects: Objects, key: str, size: int, loop: asyncio.AbstractEventLoop) -> BinaryIO:
    """The object's bytes, to be closed by the caller. Call it from a thread, never from the loop. Raises OSError."""
    if objects.folder is not None:
        return (Path(objects.folder) / key).open("rb")
    return cast("BinaryIO", io.BufferedReader(StoredRanges(objects, key, size, loop), AHEAD_BYTES))
