"""Reads the audit log: a site's chain in order, and the heads to keep outside the database."""

from __future__ import annotations

from collections.abc import AsyncIterator

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
