"""Objects that the beds send to S3 themselves: one multipart upload an object, one presigned part a chunk.

The store is the truth on what came. Nothing is called stored before the object was read back and hashed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import structlog

from cloud.clips.rules import chunk_bytes, lacking
from cloud.clips.tables import ObjectUpload
from cloud.clips.way import ABANDONED_AFTER_S, ABANDONED_AT_ONCE, all_of, holds, put_empty
from cloud.database import Connection, in_transaction
from cloud.objects import Objects, object_key
from cloud.problems import HttpProblem
from cloud.s3_client import PLACE_SECONDS
from shared.clip import CHUNK_BYTES, ChunkPlace, MissingObject, chunk_length
from shared.clock import NS_PER_S
from shared.errors import Transient

LISTED_AT_ONCE = 8
PARTS_BROKEN = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML", "InvalidRequest"})
_BEGIN = (
    "INSERT INTO object_upload (site, bed, sha256, size_bytes, upload_id, asked_at_ns) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT (site, bed, sha256) DO NOTHING RETURNING id"
)
_log = structlog.get_logger(__name__)


class DirectWay:
    """For a store that is an S3."""

    direct = True

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def arrived(
        self, connection: Connection, owner: tuple[str, str], sizes: Mapping[str, int]
    ) -> dict[str, set[int]]:
        """By the store's own lists, for objects of which an upload was begun."""
        rows = ObjectUpload.filter(site=owner[0], bed=owner[1], sha256__in=list(sizes)).using_db(connection)
        gate = asyncio.Semaphore(LISTED_AT_ONCE)

        async def ask(row: ObjectUpload) -> tuple[str, set[int]]:
            async with gate:
                return row.sha256, await self._came(row)

        return dict(await asyncio.gather(*(ask(row) for row in await rows)))

    async def _came(self, row: ObjectUpload) -> set[int]:
        found = await asyncio.to_thread(self._objects.s3.parts, object_key(row.site, row.sha256), row.upload_id)
        return {part.number for part in found or [] if part.size_bytes == chunk_length(row.size_bytes, part.number)}

    async def place(self, owner: tuple[str, str], sha256: str, size_bytes: int, number: int, md5: str) -> ChunkPlace:
        """Where the bed may PUT one chunk. Raises Refused for a chunk that the object does not have."""
        length = chunk_bytes(size_bytes, number, CHUNK_BYTES)
        row = await self._upload(owner, sha256, size_bytes)
        if row.size_bytes != size_bytes:
            raise HttpProblem(422, f"size_bytes: this bed began the object with {row.size_bytes} bytes.")
        key = object_key(owner[0], sha256)
        url = await asyncio.to_thread(self._objects.s3.sign_part, key, row.upload_id, number, length, md5)
        headers = {"Content-MD5": md5, "Content-Length": str(length)}
        return ChunkPlace(sha256=sha256, chunk=number, url=url, headers=headers, ends_in_s=PLACE_SECONDS)

    async def _upload(self, owner: tuple[str, str], sha256: str, size_bytes: int) -> ObjectUpload:
        """The bed's upload of this object, begun if need be; of two begun at once one is aborted."""
        mine = ObjectUpload.filter(site=owner[0], bed=owner[1], sha256=sha256)
        row = await mine.get_or_none()
        if row is None:
            key = object_key(owner[0], sha256)
            upload_id = await asyncio.to_thread(self._objects.s3.begin, key)
            async with in_transaction() as connection:
                new = await connection.execute_query_dict(
                    _BEGIN, [*owner, sha256, size_bytes, upload_id, time.time_ns()]
                )
            if not new:
                await asyncio.to_thread(self._objects.s3.abort, key, upload_id)
            return await mine.get()
        await mine.update(asked_at_ns=time.time_ns())
        return row

    async def assemble(
        self, connection: Connection, owner: tuple[str, str], sha256: str, size_bytes: int
    ) -> MissingObject | None:
        """Completes the upload and reads the object back. A lost reply to an earlier complete is found out by reading."""
        site, key = owner[0], object_key(owner[0], sha256)
        if not size_bytes:
            await put_empty(self._objects, site, sha256)
            return None
        mine = ObjectUpload.filter(site=site, bed=owner[1], sha256=sha256).using_db(connection)
        row = await mine.get_or_none()
        parts = None if row is None else await asyncio.to_thread(self._objects.s3.parts, key, row.upload_id)
        if row is None or parts is None:
            if await holds(self._objects, site, sha256, size_bytes):
                return None
            await mine.delete()
            return all_of(sha256, size_bytes)
        good = [part for part in parts if part.size_bytes == chunk_length(size_bytes, part.number)]
        found = lacking(sha256, size_bytes, {part.number for part in good})
        if found.chunks:
            return found
        try:
            await asyncio.to_thread(self._objects.s3.complete, key, row.upload_id, good)
        except Transient as error:
            if error.facts.get("code") not in PARTS_BROKEN:
                raise
            _log.warning("parts_refused", sha256=sha256, reason=error.sentence)
        if await holds(self._objects, site, sha256, size_bytes):
            return None
        await self._objects.delete(key)
        await asyncio.to_thread(self._objects.s3.abort, key, row.upload_id)
        await mine.delete()
        return all_of(sha256, size_bytes)

    async def forget(self, owner: tuple[str, str], sha256: str) -> None:
        """The row goes, and with it an upload that is still open although another bed's was quicker."""
        mine = ObjectUpload.filter(site=owner[0], bed=owner[1], sha256=sha256)
        row = await mine.get_or_none()
        if row is not None:
            await asyncio.to_thread(self._objects.s3.abort, object_key(row.site, row.sha256), row.upload_id)
            await mine.delete()

    async def drop_abandoned(self, now_s: float) -> int:
        """Uploads whose bed was silent for a day, and uploads of that age that no row knows."""
        before_s = now_s - ABANDONED_AFTER_S
        old = await ObjectUpload.filter(asked_at_ns__lt=round(before_s) * NS_PER_S).limit(ABANDONED_AT_ONCE)
        for row in old:
            await self.forget((row.site, row.bed), row.sha256)
        begun = await asyncio.to_thread(lambda: list(self._objects.s3.open_uploads(ABANDONED_AT_ONCE)))
        rows = ObjectUpload.filter(upload_id__in=[each.upload_id for each in begun])
        known = {row.upload_id for row in await rows}
        strays = [each for each in begun if each.begun.timestamp() < before_s and each.upload_id not in known]
        for each in strays:
            await asyncio.to_thread(self._objects.s3.abort, each.key, each.upload_id)
        return len(old) + len(strays)
