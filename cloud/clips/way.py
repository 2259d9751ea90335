"""The two ways in which an object's bytes come: into a folder through the cloud itself, or to S3 directly from the bed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from cloud.clips.rules import lacking
from cloud.database import Connection
from cloud.objects import Objects, object_key
from shared.clip import MissingObject
from shared.errors import Refused

ABANDONED_AFTER_S = 86_400
"""An upload of which nothing was heard for a day is given up; the bed, when it comes back, sends it again."""
ABANDONED_AT_ONCE = 1_000


class Way(Protocol):
    """`site` and `bed` say whose upload it is: beds never share what is under way. Raises Transient when the store is away."""

    @property
    def direct(self) -> bool:
        """The bed sends chunks to the store itself."""
        ...

    async def arrived(
        self, connection: Connection, owner: tuple[str, str], sizes: Mapping[str, int]
    ) -> dict[str, set[int]]:
        """Which chunks of these objects (hash to bytes) came; an object without any may be left out."""
        ...

    async def assemble(
        self, connection: Connection, owner: tuple[str, str], sha256: str, size_bytes: int
    ) -> MissingObject | None:
        """None: the store holds the object under its name, durable, read back with the right hash. Else what is lacking."""
        ...

    async def forget(self, owner: tuple[str, str], sha256: str) -> None:
        """The object is stored: what is left of its upload goes."""
        ...

    async def drop_abandoned(self, now_s: float) -> int:
        """Removes uploads of which nothing was heard for a day; returns how many, a thousand at most."""
        ...


async def holds(objects: Objects, site: str, sha256: str, size_bytes: int) -> bool:
    """Whether the object lies in the store, read back with the right length and hash."""
    key = object_key(site, sha256)
    if await objects.size(key) != size_bytes:
        return False
    try:
        return await objects.hash(key) == (sha256, size_bytes)
    except FileNotFoundError:
        return False


async def put_empty(objects: Objects, site: str, sha256: str) -> None:
    """An object of no bytes has no chunks. Raises Refused when its name is not the hash of nothing."""
    key = object_key(site, sha256)
    await objects.put(key, b"")
    if await objects.hash(key) != (sha256, 0):
        await objects.delete(key)
        raise Refused("size_bytes: an object of 0 bytes does not have this hash.", sha256=sha256)


def all_of(sha256: str, size_bytes: int) -> MissingObject:
    """Every chunk of the object."""
    return lacking(sha256, size_bytes, set())
