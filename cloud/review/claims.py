"""Claims: one person works on an event for some minutes, so that two do not read the same one; an open page renews its lease."""

from __future__ import annotations

from uuid import UUID

from cloud.accounts.service import refuse
from cloud.database import Connection, in_transaction
from cloud.principal import Principal
from cloud.problems import HttpProblem
from cloud.review import queries
from cloud.review.rules import LEASE_NS, Lease, may_take
from cloud.review.tables import Claim, ReviewTask


async def take(principal: Principal, event_id: UUID, now_ns: int) -> Claim:
    """Takes the event or renews one's lease. 404, audited, when absent; 409 while another person's lease lasts.

    A claim is a courtesy: a verdict is never refused for want of one, and a second reader may read at any time.
    """
    async with in_transaction() as connection:
        task = (await queries.locked_tasks(connection, principal, [event_id])).get(event_id)
        claim = await _taken(connection, principal, task, now_ns) if task else None
    return claim if claim is not None else await refuse(principal, str(event_id))


async def _taken(connection: Connection, principal: Principal, task: ReviewTask, now_ns: int) -> Claim:
    row = await Claim.get_or_none(event_id=task.event_id, using_db=connection)
    if row and not may_take(Lease(row.holder, row.expires_utc_ns), principal.name, now_ns):
        raise HttpProblem(409, f"{row.holder} works on this event.")
    renewed = row is not None and row.holder == principal.name and row.expires_utc_ns > now_ns
    fields = {
        "site": task.site,
        "holder": principal.name,
        "taken_utc_ns": row.taken_utc_ns if row and renewed else now_ns,
        "expires_utc_ns": now_ns + LEASE_NS,
    }
    claim, _ = await Claim.update_or_create(event_id=task.event_id, defaults=fields, using_db=connection)
    return claim


async def release(principal: Principal, event_id: UUID) -> None:
    """Gives the event back; nothing happens when one does not hold it. 404, audited, when it is absent."""
    async with in_transaction() as connection:
        tasks = await queries.locked_tasks(connection, principal, [event_id])
        await Claim.filter(event_id=event_id, holder=principal.name).using_db(connection).delete()
    if not tasks:
        await refuse(principal, str(event_id))
