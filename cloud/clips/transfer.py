"""How an object's bytes come in: chunks checked one by one, then the whole read back from the store before the row says stored."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from cloud.clips import queries, rules
from cloud.clips.service import Caller, ClipParts, audit_absence, lacking, note_stored, tell_stored
from cloud.clips.tables import ObjectChunk
from cloud.database import Connection, in_transaction
from cloud.objects import Objects, chunk_key, object_key
from cloud.problems import HttpProblem, absent
from shared.clip import CHUNK_BYTES, MissingObject, chunk_count
from shared.clock import NS_PER_S
from shared.errors import Transient

ABANDONED_AFTER_NS = 7 * 86_400 * NS_PER_S
ABANDONED_AT_ONCE = 1_000


async def missing_chunks(caller: Caller, sha256: str, size_bytes: int) -> MissingObject:
    """The chunks that the cloud lacks; none when the object is stored. 404 when no manifest of this bed names it."""
    await _must_be_named(caller, sha256, size_bytes)
    async with in_transaction() as connection:
        if await queries.stored_of(connection, caller.site, [sha256]):
            return MissingObject(sha256=sha256, chunks=[])
        came = await queries.chunks_of(connection, caller.site, [sha256])
    return lacking(sha256, size_bytes, came.get(sha256, {}))


async def take_chunk(
    parts: ClipParts,
    caller: Caller,
    place: tuple[str, int, int],
    chunk_sha256: str,
    body: AsyncIterator[bytes],
) -> None:
    """Keeps one chunk; place is (hash of the object, its bytes, number of the chunk). Again the same is no harm.

    Raises HttpProblem 404 for an object that is not named, 422 when length or hash of the bytes are wrong.
    """
    sha256, size_bytes, number = place
    await _must_be_named(caller, sha256, size_bytes)
    async with in_transaction() as connection:
        stored = await queries.stored_of(connection, caller.site, [sha256])
    expected = rules.chunk_bytes(size_bytes, number, CHUNK_BYTES)
    with tempfile.NamedTemporaryFile(prefix="deepepil-chunk-") as file:
        await _spool(body, Path(file.name), expected, chunk_sha256)
        if stored:
            return
        await parts.objects.put(chunk_key(caller.site, sha256, number), Path(file.name))
    async with in_transaction() as connection:
        await connection.execute_query(
            "INSERT INTO object_chunk (site, sha256, number, chunk_sha256, size_bytes, received_at_ns)"
            " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (site, sha256, number)"
            " DO UPDATE SET chunk_sha256 = excluded.chunk_sha256, received_at_ns = excluded.received_at_ns",
            [caller.site, sha256, number, chunk_sha256, expected, time.time_ns()],
        )


async def _spool(body: AsyncIterator[bytes], path: Path, expected: int, chunk_sha256: str) -> None:
    """Writes the body to the file while hashing it; never more than `expected` bytes."""
    digest = hashlib.sha256()
    size = 0
    with path.open("wb") as file:
        async for piece in body:
            size += len(piece)
            if size > expected:
                break
            digest.update(piece)
            try:
                file.write(piece)
            except OSError as error:
                raise Transient(f"The server has no room for the chunk: {error.strerror}.") from error
    if size != expected:
        raise HttpProblem(
            422,
            f"The chunk has {'more than ' if size > expected else ''}{min(size, expected)} bytes"
            f" where {expected} are due.",
        )
    if digest.hexdigest() != chunk_sha256:
        raise HttpProblem(422, "The chunk's bytes do not hash to X-Chunk-Sha256.")


async def complete_object(parts: ClipParts, caller: Caller, sha256: str, size_bytes: int) -> MissingObject | None:
    """Puts the chunks together, reads the object back, and only then calls it stored. None: stored; else what is lacking.

    Raises HttpProblem 404 for an object that is not named; Transient when another request does the same just now.
    """
    await _must_be_named(caller, sha256, size_bytes)
    async with in_transaction() as connection:
        await _alone(connection, caller.site, sha256)
        if await queries.stored_of(connection, caller.site, [sha256]):
            return None
        came = (await queries.chunks_of(connection, caller.site, [sha256])).get(sha256, {})
        found = lacking(sha256, size_bytes, came)
        if not found.chunks and await _assemble(parts.objects, caller.site, sha256, size_bytes):
            changes, links = await note_stored(connection, caller, sha256, size_bytes)
        else:
            changes, links = [], []
            if not found.chunks:
                await _forget(connection, parts.objects, caller.site, sha256, size_bytes)
                return lacking(sha256, size_bytes, {})
            return found
    tell_stored(changes, links)
    async with in_transaction() as connection:
        await _drop_chunks(connection, parts.objects, caller.site, sha256, size_bytes)
    return None


async def drop_abandoned(objects: Objects) -> int:
    """Removes chunks that came a week ago and whose object never became whole. Returns how many, a thousand at most."""
    before_ns = time.time_ns() - ABANDONED_AFTER_NS
    old = await ObjectChunk.filter(received_at_ns__lt=before_ns).order_by("id").limit(ABANDONED_AT_ONCE)
    for chunk in old:
        await objects.delete(chunk_key(chunk.site, chunk.sha256, chunk.number))
        await ObjectChunk.filter(id=chunk.id, received_at_ns__lt=before_ns).delete()
    return len(old)


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


async def _assemble(objects: Objects, site: str, sha256: str, size_bytes: int) -> bool:
    """Whether the object lies in the store, read back with the right hash. A chunk that is gone counts as wrong."""
    key = object_key(site, sha256)
    try:
        await objects.put(key, _joined(objects, site, sha256, size_bytes) if size_bytes else b"")
        await asyncio.to_thread(objects.settle, key)
        return await hash_of(objects, key) == (sha256, size_bytes)
    except FileNotFoundError:
        return False


async def _joined(objects: Objects, site: str, sha256: str, size_bytes: int) -> AsyncIterator[bytes]:
    for number in range(chunk_count(size_bytes)):
        async for piece in objects.read(chunk_key(site, sha256, number)):
            yield piece


async def hash_of(objects: Objects, key: str) -> tuple[str, int]:
    """SHA-256 and bytes of what the store holds under the key. Raises FileNotFoundError, Transient."""
    digest = hashlib.sha256()
    size = 0
    async for piece in objects.read(key):
        await asyncio.to_thread(digest.update, piece)
        size += len(piece)
    return digest.hexdigest(), size


async def _forget(connection: Connection, objects: Objects, site: str, sha256: str, size_bytes: int) -> None:
    await objects.delete(object_key(site, sha256))
    await _drop_chunks(connection, objects, site, sha256, size_bytes)


async def _drop_chunks(connection: Connection, objects: Objects, site: str, sha256: str, size_bytes: int) -> None:
    for number in range(chunk_count(size_bytes)):
        await objects.delete(chunk_key(site, sha256, number))
    await ObjectChunk.filter(site=site, sha256=sha256).using_db(connection).delete()
