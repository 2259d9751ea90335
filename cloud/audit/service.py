"""Writes audit entries. In: a deed and its facts, inside the transaction of the deed. Out: one more link of the site's chain."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cloud.audit.rules import FIRST_HASH, MAX_DETAILS_BYTES, Detail, Entry, entry_hash
from cloud.database import Connection
from cloud.principal import INSTALLATION, Principal
from shared.errors import Refused


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did, as it is written down."""

    principal: Principal
    deed: str
    subject: str = ""
    details: Mapping[str, Detail] = field(default_factory=dict)


_HEAD = "SELECT number, hash FROM audit_head WHERE site = $1 FOR UPDATE"
_ADD = """
WITH added AS (
  INSERT INTO audit_entry (site, number, who, deed, subject, details, at_ns, previous_hash, hash)
  SELECT $1, number, who, deed, subject, details::jsonb, at_ns, previous_hash, hash
  FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::text[])
    AS entry (number, who, deed, subject, details, at_ns, previous_hash, hash)
)
UPDATE audit_head SET number = $10, hash = $11 WHERE site = $1
"""
"""Entries and head in one trip: a person waits for it at each first look."""


async def record(
    connection: Connection,
    principal: Principal,
    deed: str,
    *,
    site: str = INSTALLATION,
    subject: str = "",
    details: Mapping[str, Detail] | None = None,
) -> None:
    """Adds one entry to the site's chain in the caller's transaction; call it last, it locks the chain until the commit.

    deed is a past-tense word such as `event_stored`; details hold text, whole numbers, true/false or null, never patient
    data. Raises Refused for other values and for details over 8 KiB.
    """
    await record_all(connection, site, [Deed(principal, deed, subject, details or {})])


async def record_all(connection: Connection, site: str, deeds: Sequence[Deed]) -> None:
    """Adds one entry a deed, in their order, as `record` does."""
    for each in deeds:
        _must_be_storable(each)
    if not deeds:
        return
    number, previous = await _locked_head(connection, site)
    entries: list[Entry] = []
    hashes: list[str] = []
    for each in deeds:
        number += 1
        who, deed, subject = each.principal.name[:128], each.deed[:64], each.subject[:200]
        entries.append(Entry(site, number, who, deed, subject, dict(each.details), time.time_ns(), previous))
        previous = entry_hash(entries[-1])
        hashes.append(previous)
    columns = [
        [one.number for one in entries],
        [one.who for one in entries],
        [one.deed for one in entries],
        [one.subject for one in entries],
        [json.dumps(dict(one.details)) for one in entries],
        [one.at_ns for one in entries],
        [one.previous_hash for one in entries],
        hashes,
    ]
    await connection.execute_query_dict(_ADD, [site, *columns, number, previous])


def _must_be_storable(deed: Deed) -> None:
    if any(not isinstance(value, str | int | None) for value in deed.details.values()):
        raise Refused("Audit details hold text, whole numbers, true, false or null.", deed=deed.deed)
    if len(json.dumps(dict(deed.details))) > MAX_DETAILS_BYTES:
        raise Refused(f"Audit details are limited to {MAX_DETAILS_BYTES} bytes.", deed=deed.deed)


async def _locked_head(connection: Connection, site: str) -> tuple[int, str]:
    """The chain's length and last hash, locked until the commit."""
    rows = await connection.execute_query_dict(_HEAD, [site])
    if not rows:
        await connection.execute_query(
            "INSERT INTO audit_head (site, number, hash) VALUES ($1, 0, $2) ON CONFLICT (site) DO NOTHING",
            [site, FIRST_HASH],
        )
        rows = await connection.execute_query_dict(_HEAD, [site])
    return int(rows[0]["number"]), str(rows[0]["hash"])
