"""Keeps labels: a new version whenever what the readers agree on has changed."""

from __future__ import annotations

from uuid import UUID

from cloud.database import Connection
from cloud.labels import queries
from cloud.labels.tables import Label
from cloud.principal import Principal
from cloud.review.rules import Agreed

WITHDRAWN = "withdrawn"
"""In the place of the verdict of a label that nobody stands behind any more."""


async def keep(
    connection: Connection, principal: Principal, site: str, event_id: UUID, agreed: Agreed, now_ns: int
) -> bool:
    """Writes the label in the caller's transaction, which holds the event's task. Returns whether it was new."""
    last = (await queries.newest_versions(principal, [event_id], connection=connection)).get(event_id)
    said = (agreed.verdict.value, agreed.readers, agreed.suggestion_shown)
    if last is not None and (last.verdict, last.readers, last.suggestion_shown) == said:
        return False
    await Label.create(
        using_db=connection,
        event_id=event_id,
        site=site,
        verdict=agreed.verdict.value,
        version=last.version + 1 if last else 1,
        readers=agreed.readers,
        suggestion_shown=agreed.suggestion_shown,
        agreed_utc_ns=now_ns,
    )
    return True


async def withdraw(connection: Connection, principal: Principal, site: str, event_id: UUID, now_ns: int) -> None:
    """Writes that no reader stands behind a label any more; nothing where there was none."""
    last = (await queries.newest_versions(principal, [event_id], connection=connection)).get(event_id)
    if last is not None and last.readers > 0:
        await Label.create(
            using_db=connection,
            event_id=event_id,
            site=site,
            verdict=WITHDRAWN,
            version=last.version + 1,
            readers=0,
            agreed_utc_ns=now_ns,
        )
