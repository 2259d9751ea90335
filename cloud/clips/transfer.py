"""How an object's bytes come in: chunks checked one by one, then the whole read back from the store before the row says stored."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect

from cloud.clips import folder_upload, queries, rules
from cloud.clips.direct_way import DirectWay
from cloud.clips.folder_upload import ChunkFile
from cloud.clips.folder_way import FolderWay
from cloud.clips.service import Caller, ClipParts, audit_absence, note_stored, tell_stored
from cloud.clips.tables import ReceivedChunk
from cloud.clips.way import Way
from cloud.database import Connection, in_transaction
from cloud.problems import HttpProblem, absent
from shared.clip import CHUNK_BYTES, ChunkPlace, MissingObject
from shared.errors import Transient
from shared.failpoints import hit

PIECE_BYTES = 512 * 1024
SILENCE_S = 30.0
"""A bed that sends nothing of a chunk for so long has gone; it sends the chunk again when it is back."""
HASH_WAIT_S = 20.0


async def missing_chunks(parts: ClipParts, caller: Caller, sha256: str, size_bytes: int) -> MissingObject:
    """The chunks that the cloud lacks; none when the object is stored. 404 when no manifest of this bed names it."""
    await _must_be_named(caller, sha256, size_bytes)
    async with in_transaction() as connection:
        if await queries.stored_of(connection, caller.site, [sha256]):
            return MissingObject(sha256=sha256, chunks=[])
        came = await parts.way.arrived(connection, caller.owner, {sha256: size_bytes})
    return rules.lacking(sha256, size_bytes, came.get(sha256, set()))


async def place_chunk(parts: ClipParts, caller: Caller, place: tuple[str, int, int], md5: str) -> ChunkPlace:
    """Where the bed may send one chunk of (hash of the object, its bytes, number of the chunk) to the store itself.

    Raises HttpProblem 404 for an object that is not named, is stored already, or comes through the cloud here.
    """
    sha256, size_bytes, number = place
    await _must_be_named(caller, sha256, size_bytes)
    if not isinstance(parts.way, DirectWay) or await queries.is_stored(caller.site, sha256):
        raise absent()
    return await parts.way.place(caller.owner, sha256, size_bytes, number, md5)


async def take_chunk(
    parts: ClipParts, caller: Caller, place: tuple[str, int, int], chunk_sha256: str, body: AsyncIterator[bytes]
) -> None:
    """Keeps one chunk; place is (hash of the object, its bytes, number of the chunk). Again the same is no harm.

    Raises HttpProblem 404 for an object that is not named or goes to S3, 408 for a bed that falls silent, 422 when length
    or hash of the bytes are wrong; Transient when the disk is full.
    """
    sha256, size_bytes, number = place
    await _must_be_named(caller, sha256, size_bytes)
    if not isinstance(parts.way, FolderWay):
        raise absent()
    expected = rules.chunk_bytes(size_bytes, number, CHUNK_BYTES)
    kept = await queries.kept_chunk(caller.owner, sha256, number)
    if kept == chunk_sha256 or await queries.is_stored(caller.site, sha256):
        await _receive(body, None, expected, chunk_sha256)
        return
    if kept is not None:
        await ReceivedChunk.filter(site=caller.site, bed=caller.bed, sha256=sha256, number=number).delete()
    path = parts.way.path(caller.owner, sha256)
    file = await asyncio.to_thread(ChunkFile.open, path, number)
    try:
        await _receive(body, file, expected, chunk_sha256)
        await asyncio.to_thread(file.flush)
    except BaseException:
        file.close()
        if not await ReceivedChunk.filter(site=caller.site, bed=caller.bed, sha256=sha256).exists():
            await asyncio.shield(asyncio.to_thread(folder_upload.forget, path))
        raise
    file.close()
    hit("after_chunk_put_before_mark")
    await parts.way.note(caller.owner, sha256, number, (chunk_sha256, expected))


async def _receive(body: AsyncIterator[bytes], file: ChunkFile | None, expected: int, chunk_sha256: str) -> None:
    """Takes the body in pieces, hashing and writing (with a file); never more than `expected` bytes."""
    digest = hashlib.sha256()
    held = bytearray()
    size = 0

    def keep(piece: bytearray) -> None:
        digest.update(piece)
        if file is not None:
            file.write(piece)

    writing: asyncio.Future[None] | None = None  # the bytes before are kept while the next come in
    loop = asyncio.get_running_loop()
    try:
        async for piece in _patiently(body):
            size += len(piece)
            if size > expected:
                raise HttpProblem(
                    422, f"The chunk has more than {expected} bytes where {expected} are due.", close=True
                )
            held += piece
            if len(held) >= PIECE_BYTES:
                if writing is not None:
                    await writing
                writing, held = loop.run_in_executor(None, keep, held), bytearray()
    finally:
        if writing is not None:
            await asyncio.wait({writing})
    if writing is not None:
        await writing
    await asyncio.to_thread(keep, held)
    if size != expected:
        raise HttpProblem(422, f"The chunk has {size} bytes where {expected} are due.")
    if digest.hexdigest() != chunk_sha256:
        raise HttpProblem(422, "The chunk's bytes do not hash to X-Chunk-Sha256.")


async def _patiently(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces of the body. Raises HttpProblem 408, and the connection ends, when none comes for `SILENCE_S`."""
    while True:
        try:
            async with asyncio.timeout(SILENCE_S):
                piece = await anext(body)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise HttpProblem(408, f"The bed sent nothing for {SILENCE_S:.0f} s.", close=True) from error
        except ClientDisconnect as error:
            raise HttpProblem(408, "The bed is gone in the middle of a chunk.", close=True) from error
        yield piece


async def complete_object(parts: ClipParts, caller: Caller, sha256: str, size_bytes: int) -> MissingObject | None:
    """Reads the whole object back from the store, and only then calls it stored. None: stored; else what is lacking.

    Raises HttpProblem 404 for an object that is not named; Transient when another request does the same just now, or too
    many objects wait to be read.
    """
    await _must_be_named(caller, sha256, size_bytes)
    if await queries.is_stored(caller.site, sha256):
        return None
    await _wait_turn(parts)
    try:
        async with in_transaction() as connection:
            await _alone(connection, caller.site, sha256)
            if await queries.stored_of(connection, caller.site, [sha256]):
                return None
            missing = await parts.way.assemble(connection, caller.owner, sha256, size_bytes)
            if missing is not None:
                return missing
            hit("after_object_stored_before_row")
            changes, links = await note_stored(connection, caller, sha256, size_bytes)
    finally:
        parts.hashing.release()
    hit("after_complete_before_receipt")
    tell_stored(changes, links)
    await parts.way.forget(caller.owner, sha256)
    return None


async def _wait_turn(parts: ClipParts) -> None:
    try:
        async with asyncio.timeout(HASH_WAIT_S):
            await parts.hashing.acquire()
    except TimeoutError as error:
        raise Transient("Too many objects wait to be read back now.") from error


async def drop_abandoned(way: Way) -> int:
    """Removes uploads of which nothing was heard for a day. Returns how many, a thousand at most."""
    return await way.drop_abandoned(time.time())


async def _must_be_named(caller: Caller, sha256: str, size_bytes: int) -> None:
    if not await queries.is_named(caller.site, caller.bed, sha256, size_bytes):
        foreign = await queries.is_named_by_any(sha256)
        await audit_absence(caller, sha256, foreign)
        raise absent()


async def _alone(connection: Connection, site: str, sha256: str) -> None:
    """Holds the object for this transaction, over all processes of the cloud."""
    rows = await connection.execute_query_dict(
        "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS held", [f"{site}/{sha256}"]
    )
    if not rows[0]["held"]:
        raise Transient("The object is being put together by another request.", sha256=sha256)
