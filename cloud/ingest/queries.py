"""Reads dead letters and the ledger of messages of the principal's sites."""

from __future__ import annotations

from cloud.ingest.tables import DeadLetter
from cloud.principal import Principal


async def dead_letters(principal: Principal, limit: int = 200) -> list[DeadLetter]:
    """The newest dead letters, newest first."""
    return await DeadLetter.filter(**principal.site_filter()).order_by("-last_at_ns").limit(limit)
