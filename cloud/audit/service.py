"""Writes audit entries. In: a deed and its facts, inside the transaction of the deed. Out: one more link of the site's chain."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from cloud.audit.rules import FIRST_HASH, MAX_DETAILS_BYTES, Detail, Entry, entry_hash
from cloud.audit.tables import AuditEntry, AuditHead
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
    head = await _locked_head(connection, site)
    number, previous, rows = head.number, head.hash, []
    for each in deeds:
        number += 1
        who, deed, subject = each.principal.name[:128], each.deed[:64], each.subject[:200]
        entry = Entry(site, number, who, deed, subject, dict(each.details), time.time_ns(), previous)
        previous = entry_hash(entry)
        rows.append(AuditEntry(**asdict(entry), hash=previous))
    await AuditEntry.bulk_create(rows, using_db=connection)
    await AuditHead.filter(site=site).using_db(connection).update(number=number, hash=previous)


def _must_be_storable(deed: Deed) -> None:
    if any(not isinstance(value, str | int | None) for value in deed.details.values()):
        raise Refused("Audit details hold text, whole numbers, true, false or null.", deed=deed.deed)
    if len(json.dumps(dict(deed.details))) > MAX_DETAILS_BYTES:
        raise Refused(f"Audit details are limited to {MAX_DETAILS_BYTES} bytes.", deed=deed.deed)


async def _locked_head(connection: Connection, site: str) -> AuditHead:
    found = AuditHead.filter(site=site).using_db(connection).select_for_update()
    head = await found.get_or_none()
    if head is not None:
        return head
    await connection.execute_query(
        "INSERT INTO audit_head (site, number, hash) VALUES ($1, 0, $2) ON CONFLICT (site) DO NOTHING",
        [site, FIRST_HASH],
    )
    return await found.get()
