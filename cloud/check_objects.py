"""I6 and the bounds of what lies in the store: every stored row has its bytes, every old object has its row, no upload lingers.

Rows are read a thousand at a time and keys as the store lists them, so memory does not grow with the store.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator

from cloud.check_rows import Look, pages, rows
from cloud.objects import object_key

ORPHAN_AFTER_S = 86_400
LEFT_AFTER_S = 2 * 86_400
"""The worker removes uploads after a day of silence; after two it has not worked."""
KEYS_AT_ONCE = 1_000
_OBJECT = re.compile(r"sites/([a-z0-9-]+)/objects/[0-9a-f]{2}/([0-9a-f]{64})")
_STORED = (
    "SELECT id, site, sha256, size_bytes FROM stored_object WHERE id > $1 ORDER BY id LIMIT $2",
    "SELECT count(*) AS n FROM stored_object",
)
_INCOMPLETE = (
    "SELECT DISTINCT clip.event_id AS id FROM clip JOIN clip_object USING (event_id) LEFT JOIN stored_object"
    " ON stored_object.site = clip_object.site AND stored_object.sha256 = clip_object.sha256"
    " WHERE clip.stored_at_ns IS NOT NULL AND stored_object.id IS NULL"
    " AND (clip_object.kind = 'proxy' OR clip.raw_decision = 'send') AND clip.event_id > $1 ORDER BY 1 LIMIT $2"
)
_OF_KEYS = (
    "SELECT site, sha256 FROM stored_object JOIN unnest($1::text[], $2::text[]) AS asked (s, h)"
    " ON stored_object.site = asked.s AND stored_object.sha256 = asked.h"
)


async def stored_objects(look: Look) -> AsyncIterator[str]:
    """What is called stored is in the store with its length (and, reading, its hash)."""
    total = int(str((await rows(_STORED[1]))[0]["n"]))
    done = read_bytes = 0
    async for row in pages(_STORED[0], 0):
        site, sha256, size_bytes = str(row["site"]), str(row["sha256"]), int(str(row["size_bytes"]))
        key = object_key(site, sha256)
        size = await look.objects.size(key)
        if size is None:
            yield f"object {sha256} of {site} is called stored and is not in the store"
        elif size != size_bytes:
            yield f"object {sha256} of {site} has {size} bytes in the store, not {size_bytes}"
        elif look.read_data:
            read_bytes += size
            if (await look.objects.hash(key))[0] != sha256:
                yield f"object {sha256} of {site} has other bytes in the store than its name says"
        done += 1
        look.progress(f"{done} of {total} objects, {read_bytes / 1e9:.1f} GB read")
    async for row in pages(_INCOMPLETE, "00000000-0000-0000-0000-000000000000"):
        yield f"the clip of event {row['id']} is called stored and lacks objects"


async def objects_without_row(look: Look) -> AsyncIterator[str]:
    """Nothing older than a day lies in the store that no row calls stored."""
    old_s = time.time() - ORPHAN_AFTER_S
    batch: dict[tuple[str, str], str] = {}
    seen = 0
    async for key, changed_s in look.objects.keys("sites"):
        seen += 1
        look.progress(f"{seen} keys of the store")
        named = _OBJECT.fullmatch(key)
        if named is None:
            if "/uploads/" not in key and changed_s < old_s:
                yield f"{key} lies in the store under no name that the cloud gives"
            continue
        if changed_s < old_s:
            batch[named[1], named[2]] = key
        if len(batch) >= KEYS_AT_ONCE:
            for stray in await _strays(batch):
                yield stray
            batch = {}
    for stray in await _strays(batch):
        yield stray


async def _strays(batch: dict[tuple[str, str], str]) -> list[str]:
    if not batch:
        return []
    sites, hashes = [site for site, _ in batch], [sha256 for _, sha256 in batch]
    known = {(str(row["site"]), str(row["sha256"])) for row in await rows(_OF_KEYS, sites, hashes)}
    return [f"{key} lies in the store without a row" for name, key in batch.items() if name not in known]


async def lingering_uploads(look: Look) -> AsyncIterator[str]:
    """I11: uploads of which nothing was heard for two days are gone, in the store and in the tables."""
    before_s = time.time() - LEFT_AFTER_S
    for table, column in (("object_upload", "asked_at_ns"), ("received_chunk", "received_at_ns")):
        query = f"SELECT site, bed, sha256 FROM {table} WHERE {column} < $1 LIMIT 1000"  # noqa: S608
        for row in await rows(query, round(before_s * 1e9)):
            yield f"the upload of {row['sha256']} by bed {row['site']}.{row['bed']} was left alone for two days and is still kept"
    async for key, changed_s in look.objects.keys("sites"):
        if "/uploads/" in key and changed_s < before_s:
            yield f"{key} was left alone for two days and is still in the store"


async def open_clips(look: Look) -> AsyncIterator[str]:
    """I11: no bed has more open clips than the settings allow."""
    query = (
        "SELECT site, bed, count(*) AS n FROM clip WHERE stored_at_ns IS NULL GROUP BY site, bed HAVING count(*) > $1"
        " ORDER BY site, bed LIMIT 1000"
    )
    for row in await rows(query, look.open_clips):
        yield f"bed {row['site']}.{row['bed']} has {row['n']} open clips; the limit is {look.open_clips}"
