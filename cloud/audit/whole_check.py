"""Verifies all chains of an open database against signed heads: what `deepepil-cloud audit verify` tells."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from cloud.audit import queries
from cloud.audit.tables import AuditEntry
from cloud.audit.verify import SignedHead, faults_of
from cloud.principal import Principal

_SYSTEM = Principal.system("audit")


async def all_faults(kept: Mapping[str, Mapping[int, SignedHead]]) -> AsyncIterator[str]:
    """Every fault of every chain that the database or the signed heads know of, site by site."""
    heads = {head.site: (head.number, head.hash) for head in await queries.heads(_SYSTEM)}
    rows = await AuditEntry.all().distinct().values_list("site", flat=True)
    for site in sorted({*heads, *kept, *(str(row) for row in rows)}):
        chain = queries.chain(_SYSTEM, site)
        async for fault in faults_of(site, chain, heads.get(site), kept.get(site, {})):
            yield fault


async def length() -> int:
    """How many entries there are in all chains."""
    return await AuditEntry.all().count()
