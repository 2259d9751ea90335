"""Writes audit entries. In: a deed and its facts, inside the transaction of the deed. Out: one more link of the site's chain."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from cloud.audit.rules import FIRST_HASH, MAX_DETAILS_BYTES, Detail, Entry, entry_hash
from cloud.audit.tables import AuditEntry, AuditHead
from cloud.database import Connection
from cloud.principal import Principal
from shared.errors import Refused

INSTALLATION = "-"
"""The chain for deeds that belong to no site, such as a failed login; no site can bear this name."""


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
    facts = dict(details or {})
    if any(not isinstance(value, str | int | None) for value in facts.values()):
        raise Refused("Audit details hold text, whole numbers, true, false or null.", deed=deed)
    if len(json.dumps(facts)) > MAX_DETAILS_BYTES:
        raise Refused(f"Audit details are limited to {MAX_DETAILS_BYTES} bytes.", deed=deed)
    head = await _locked_head(connection, site)
    entry = Entry(
        site, head.number + 1, principal.name[:128], deed[:64], subject[:200], facts, time.time_ns(), head.hash
    )
    digest = entry_hash(entry)
    await AuditEntry.create(
        using_db=connection,
        site=entry.site,
        number=entry.number,
        who=entry.who,
        deed=entry.deed,
        subject=entry.subject,
        details=facts,
        at_ns=entry.at_ns,
        previous_hash=entry.previous_hash,
        hash=digest,
    )
    await AuditHead.filter(site=site).using_db(connection).update(number=entry.number, hash=digest)


async def _locked_head(connection: Connection, site: str) -> AuditHead:
    await connection.execute_query(
        "INSERT INTO audit_head (site, number, hash) VALUES ($1, 0, $2) ON CONFLICT (site) DO NOTHING",
        [site, FIRST_HASH],
    )
    return await AuditHead.filter(site=site).using_db(connection).select_for_update().get()
