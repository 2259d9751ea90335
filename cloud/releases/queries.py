"""Reads uploaded releases, and which of them the beds of the principal's sites were given."""

from __future__ import annotations

from cloud.database import Connection
from cloud.principal import Principal
from cloud.releases.tables import Release, ReleaseGiven


async def every() -> list[Release]:
    """All releases, the newest first. They hold nothing of a patient and belong to no site."""
    return await Release.all().order_by("-uploaded_utc_ns", "name").limit(1_000)


async def one(name: str, *, connection: Connection | None = None) -> Release | None:
    """One release."""
    return await Release.filter(name=name).using_db(connection).get_or_none()


async def given(principal: Principal) -> dict[tuple[str, str], ReleaseGiven]:
    """The newest order of each bed, by (site, bed)."""
    rows = await ReleaseGiven.filter(**principal.site_filter()).order_by("number")
    return {(row.site, row.bed): row for row in rows}


async def orders(connection: Connection, site: str, bed: str) -> list[ReleaseGiven]:
    """The newest 200 orders of a bed, the newest first."""
    return await ReleaseGiven.filter(site=site, bed=bed).using_db(connection).order_by("-number").limit(200)


async def was_given(principal: Principal, site: str, bed: str, name: str) -> bool:
    """Whether the bed was ever ordered to run this release."""
    return await ReleaseGiven.filter(site=site, bed=bed, release=name, **principal.site_filter()).exists()
