"""The heads of the audit chains, kept in the object store: whoever can rewrite the database still cannot shorten a chain unseen."""

from __future__ import annotations

import asyncio
import json
import re
import time

import structlog

from cloud.audit import queries
from cloud.audit.signed_heads import HeadsFile
from cloud.audit.tables import AuditEntry
from cloud.audit.verify import SignedHead
from cloud.objects import Objects
from cloud.principal import Principal

PREFIX = "audit/heads"
_HASH = re.compile(r"[0-9a-f]{64}")
_log = structlog.get_logger(__name__)


async def kept_heads(objects: Objects) -> dict[str, tuple[int, str]]:
    """By site the number and hash that were last kept. A file that cannot be read counts as (-1, "")."""
    found: dict[str, tuple[int, str]] = {}
    async for key, _ in objects.keys(PREFIX):
        site = key.removeprefix(f"{PREFIX}/").removesuffix(".json")
        found[site] = _parse(b"".join([piece async for piece in objects.read(key)]))
    return found


def _parse(body: bytes) -> tuple[int, str]:
    try:
        fields = json.loads(body)
        number, digest = int(fields["number"]), str(fields["hash"])
    except (ValueError, TypeError, KeyError):
        return -1, ""
    return (number, digest) if _HASH.fullmatch(digest) else (-1, "")


async def fault_of(site: str, kept: tuple[int, str]) -> str | None:
    """A sentence when the chain in the database does not hold the kept head, None when it does."""
    number, digest = kept
    if number < 0:
        return f"audit chain of {site}: the head kept outside the database cannot be read"
    if number == 0:
        return None
    entry = await AuditEntry.get_or_none(site=site, number=number)
    if entry is None:
        return f"audit chain of {site}: it is shorter than the {number} entries kept outside the database"
    if entry.hash != digest:
        return f"audit chain of {site}: entry {number} is not the one kept outside the database"
    return None


async def keep_heads(objects: Objects, signed: HeadsFile | None = None) -> int:
    """Brings the kept heads up to date; one that the database contradicts stays and is told. Returns how many were written.

    With `signed` each head that moved is also signed and written there, before the store hears of it: a head that could not
    be signed is tried again the next minute. Raises Transient when it cannot be written.
    """
    kept = await kept_heads(objects)
    written = 0
    for head in await queries.heads(Principal.system("worker")):
        before = kept.get(head.site)
        fault = None if before is None else await fault_of(head.site, before)
        if fault is not None:
            _log.error("audit_chain_broken", reason=fault)
        elif before != (head.number, head.hash):
            if signed is not None:
                moved = SignedHead(head.site, head.number, head.hash, time.time_ns())
                await asyncio.to_thread(signed.append, [moved])
            body = json.dumps({"number": head.number, "hash": head.hash}).encode()
            key = f"{PREFIX}/{head.site}.json"
            await objects.put(key, body)
            objects.settle(key)
            written += 1
    return written
