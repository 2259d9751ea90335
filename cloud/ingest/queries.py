"""Reads dead letters and the differences between beds and cloud, of the principal's sites."""

from __future__ import annotations

from cloud.ingest.tables import DeadLetter, DifferenceRow
from cloud.principal import Principal


async def dead_letters(principal: Principal, limit: int = 200) -> list[DeadLetter]:
    """The newest dead letters, newest first."""
    return await DeadLetter.filter(**principal.site_filter()).order_by("-last_at_ns").limit(limit)


async def differences(principal: Principal, limit: int = 200) -> list[DifferenceRow]:
    """What beds and cloud told differently: final, open, resolved; within each the newest first."""
    rows = DifferenceRow.filter(**principal.site_filter())
    return await rows.order_by("state", "-last_at_ns").limit(limit)
