"""Reads the audit log: a site's chain in order, and the heads to keep outside the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from tortoise import Tortoise

from cloud.audit.rules import Entry
from cloud.audit.tables import AuditEntry, AuditHead
from cloud.principal import Principal

PAGE = 1_000


async def heads(principal: Principal) -> list[AuditHead]:
    """The heads of the chains that this principal may see, by site."""
    return await AuditHead.filter(**principal.site_filter()).order_by("site")


async def chain(principal: Principal, site: str) -> AsyncIterator[tuple[Entry, str]]:
    """Every entry of the site with its stored hash, in order of number, read in pages. Nothing for a site not seen."""
    last = 0
    while principal.sees(site):
        rows = await AuditEntry.filter(site=site, number__gt=last).order_by("number").limit(PAGE)
        for row in rows:
            entry = Entry(
                row.site, row.number, row.who, row.deed, row.subject, row.details, row.at_ns, row.previous_hash
            )
            yield entry, row.hash
            last = row.number
        if len(rows) < PAGE:
            return


async def entries_about(principal: Principal, subject: str, limit: int = 100) -> list[AuditEntry]:
    """The newest entries about one subject, newest first."""
    return await AuditEntry.filter(subject=subject, **principal.site_filter()).order_by("-id").limit(limit)


async def about(principal: Principal, site: str, subjects: list[str], limit: int) -> list[AuditEntry]:
    """The newest entries of a site about any of these subjects, newest first."""
    rows = AuditEntry.filter(site=site, subject__in=subjects).filter(**principal.site_filter())
    return await rows.order_by("-number").limit(limit)


async def newest(principal: Principal, site: str, deed: str | None, limit: int) -> list[AuditEntry]:
    """The newest entries of a site, newest first."""
    rows = AuditEntry.filter(site=site).filter(**principal.site_filter())
    return await (rows.filter(deed=deed) if deed else rows).order_by("-number").limit(limit)


async def stays_of(principal: Principal, site: str, code: str) -> list[UUID]:
    """The stays that bear this code, or bore it until it was corrected."""
    if not principal.sees(site):
        return []
    rows: list[dict[str, Any]] = await Tortoise.get_connection("default").execute_query_dict(
        "SELECT stay_id FROM stay WHERE site = $1 AND patient_code = $2"
        " UNION SELECT stay_id FROM stay_correction WHERE site = $1 AND from_code = $2 ORDER BY 1 LIMIT 1000",
        [site, code],
    )
    return [UUID(str(row["stay_id"])) for row in rows]


async def events_of(principal: Principal, site: str, stays: list[UUID]) -> list[UUID]:
    """The events of these stays, the newest 10,000."""
    if not principal.sees(site):
        return []
    rows: list[dict[str, Any]] = await Tortoise.get_connection("default").execute_query_dict(
        "SELECT event_id FROM event WHERE site = $1 AND stay_id = ANY($2::uuid[]) ORDER BY start_utc_ns DESC LIMIT 10000",
        [site, [str(each) for each in stays]],
    )
    return [UUID(str(row["event_id"])) for row in rows]
