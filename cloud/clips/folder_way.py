"""Objects that come through the cloud into a folder: rows say which chunks are on the disk, one file an upload holds them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

from tortoise import Tortoise

from cloud.clips import folder_upload, queries
from cloud.clips.rules import lacking
from cloud.clips.tables import ReceivedChunk
from cloud.clips.way import ABANDONED_AFTER_S, ABANDONED_AT_ONCE, all_of, holds, put_empty
from cloud.database import Connection
from cloud.objects import Objects, object_key, upload_key
from shared.clip import MissingObject
from shared.clock import NS_PER_S

_NOTE = (
    "INSERT INTO received_chunk (site, bed, sha256, number, chunk_sha256, size_bytes, received_at_ns)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (site, bed, sha256, number)"
    " DO UPDATE SET chunk_sha256 = excluded.chunk_sha256, received_at_ns = excluded.received_at_ns"
)


class FolderWay:
    """For a store that is a folder of this machine."""

    direct = False

    def __init__(self, objects: Objects, folder: Path) -> None:
        self._objects = objects
        self._folder = folder

    def path(self, owner: tuple[str, str], sha256: str) -> Path:
        """Where the bytes of one bed's upload lie until they are whole."""
        return self._folder / upload_key(*owner, sha256)

    async def arrived(
        self, connection: Connection, owner: tuple[str, str], sizes: Mapping[str, int]
    ) -> dict[str, set[int]]:
        """By the rows: each was written after its bytes were flushed."""
        found = await queries.chunks_of(connection, owner, list(sizes))
        return {sha256: set(chunks) for sha256, chunks in found.items()}

    async def note(self, owner: tuple[str, str], sha256: str, number: int, chunk: tuple[str, int]) -> None:
        """Writes that the chunk (its hash and bytes) is on the disk."""
        values = [*owner, sha256, number, *chunk, time.time_ns()]
        await Tortoise.get_connection("default").execute_query(_NOTE, values)

    async def assemble(
        self, connection: Connection, owner: tuple[str, str], sha256: str, size_bytes: int
    ) -> MissingObject | None:
        """One pass over the bytes: hashed where they lie, then moved to their name. Damaged chunks are asked for again."""
        site = owner[0]
        if not size_bytes:
            await put_empty(self._objects, site, sha256)
        elif (missing := await self._publish(connection, owner, sha256, size_bytes)) is not None:
            return missing
        await asyncio.to_thread(self._objects.settle, object_key(site, sha256))
        return None

    async def _publish(
        self, connection: Connection, owner: tuple[str, str], sha256: str, size_bytes: int
    ) -> MissingObject | None:
        hashes = (await queries.chunks_of(connection, owner, [sha256])).get(sha256, {})
        found = lacking(sha256, size_bytes, hashes)
        path, name = self.path(owner, sha256), self._folder / object_key(owner[0], sha256)
        try:
            if not found.chunks and await asyncio.to_thread(folder_upload.publish, path, name, sha256, size_bytes):
                return None
        except FileNotFoundError:  # moved by a request that ended before its row, or taken away
            found = all_of(sha256, size_bytes)
        if not path.exists() and await holds(self._objects, owner[0], sha256, size_bytes):
            return None
        if found.chunks and path.exists():
            return found
        damaged = await asyncio.to_thread(folder_upload.damaged_chunks, path, hashes, size_bytes)
        if not damaged or len(damaged) == len(hashes):
            damaged = set(hashes)
            await asyncio.to_thread(folder_upload.forget, path)
        rows = ReceivedChunk.filter(site=owner[0], bed=owner[1], sha256=sha256, number__in=list(damaged))
        await rows.using_db(connection).delete()
        return lacking(sha256, size_bytes, set(hashes) - damaged)

    async def forget(self, owner: tuple[str, str], sha256: str) -> None:
        """The rows go; the file was moved."""
        await ReceivedChunk.filter(site=owner[0], bed=owner[1], sha256=sha256).delete()
        await asyncio.to_thread(folder_upload.forget, self.path(owner, sha256))

    async def drop_abandoned(self, now_s: float) -> int:
        """Files first: rows without a file are found at the next complete."""
        before_s = now_s - ABANDONED_AFTER_S
        paths = await asyncio.to_thread(folder_upload.old_uploads, self._folder, before_s, ABANDONED_AT_ONCE)
        for path in paths:
            await asyncio.to_thread(folder_upload.forget, path)
            site, bed = path.parent.parent.parent.name, path.parent.name
            await ReceivedChunk.filter(site=site, bed=bed, sha256=path.name).delete()
        before_ns = round(before_s) * NS_PER_S
        orphans = await ReceivedChunk.filter(received_at_ns__lt=before_ns).limit(ABANDONED_AT_ONCE)
        for row in orphans:
            if not self.path((row.site, row.bed), row.sha256).exists():
                await row.delete()
        return len(paths)
