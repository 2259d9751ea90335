"""Saved views: a person's own filters of the worklist under names, at most 20 a person."""

from __future__ import annotations

from cloud.database import in_transaction
from cloud.principal import Principal
from cloud.problems import absent
from cloud.review.tables import SavedView
from shared.errors import Refused

MOST = 20


async def of(principal: Principal) -> list[SavedView]:
    """The person's views by name."""
    return await SavedView.filter(account=principal.name).order_by("name")


async def save(principal: Principal, name: str, filters: dict[str, object], now_ns: int) -> SavedView:
    """Keeps a view, in the place of one of the same name. Raises Refused for one too many."""
    async with in_transaction() as connection:
        mine = SavedView.filter(account=principal.name).using_db(connection)
        names = {row.name for row in await mine}
        if name not in names and len(names) >= MOST:
            raise Refused(f"name: at most {MOST} views a person; remove one first.")
        fields = {"filters": filters, "saved_utc_ns": now_ns}
        row, _ = await SavedView.update_or_create(
            account=principal.name, name=name, defaults=fields, using_db=connection
        )
        return row


async def remove(principal: Principal, name: str) -> None:
    """Forgets a view. 404 when there is none of this name."""
    if not await SavedView.filter(account=principal.name, name=name).delete():
        raise absent()
