"""How a site reads. Where it reads blind, what networks and other readers said of an event is hidden until one's own verdict."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from cloud import audit
from cloud.accounts.rules import Right, may
from cloud.accounts.service import refuse
from cloud.classify.tables import Classification
from cloud.database import Connection, in_transaction
from cloud.labels.tables import AnnotationVersion
from cloud.principal import Principal
from cloud.problems import HttpProblem
from cloud.review.tables import ReadingPolicy, Review
from shared.errors import Refused

HIDDEN = "This site reads blind: give your own verdict first."


@dataclass(frozen=True, slots=True)
class SiteReading:
    """One site of the principal and whether it reads blind."""

    site: str
    blind: bool


async def policies(principal: Principal) -> list[SiteReading]:
    """The principal's sites by name; a site for which nothing was set does not read blind."""
    rows = await ReadingPolicy.filter(blind=True, **principal.site_filter())
    blind = {row.site for row in rows}
    return [SiteReading(site, site in blind) for site in sorted(principal.sites)]


async def set_policy(principal: Principal, site: str, blind: bool, now_ns: int) -> SiteReading:
    """Says whether a site reads blind from now on. 404, audited, for a site that is not the principal's."""
    if not principal.sees(site):
        await refuse(principal, site)
    async with in_transaction() as connection:
        fields = {"blind": blind, "set_by": principal.name, "set_utc_ns": now_ns}
        await ReadingPolicy.update_or_create(site=site, defaults=fields, using_db=connection)
        facts: dict[str, audit.Detail] = {"blind": blind}
        await audit.record(connection, principal, "reading_policy_set", site=site, subject=site, details=facts)
    return SiteReading(site, blind)


async def blind_sites(principal: Principal, *, connection: Connection | None = None) -> frozenset[str]:
    """The sites that this person reads blind: only those who give verdicts are blind, others have no verdict to bias."""
    if not any(may(frozenset({role}), Right.give_verdicts) for role in principal.roles):
        return frozenset()
    rows = ReadingPolicy.filter(blind=True, **principal.site_filter()).using_db(connection)
    return frozenset([row.site for row in await rows])


async def hidden(
    principal: Principal, events: dict[UUID, str], *, connection: Connection | None = None
) -> frozenset[UUID]:
    """Those of the events, given with their sites, of which this person may not yet know what others said."""
    sites = await blind_sites(principal, connection=connection)
    asked = [event_id for event_id, site in events.items() if site in sites]
    if not asked:
        return frozenset()
    mine = Review.filter(event_id__in=asked, reviewer=principal.name, **principal.site_filter()).using_db(connection)
    return frozenset(asked) - frozenset(await mine.values_list("event_id", flat=True))


async def must_be_shown(principal: Principal, event_id: UUID, site: str) -> None:
    """409 while the principal reads this event blind."""
    if await hidden(principal, {event_id: site}):
        raise HttpProblem(409, HIDDEN)


async def suggested(
    principal: Principal, events: dict[UUID, str], *, connection: Connection | None = None
) -> frozenset[UUID]:
    """Those of the events of which a suggestion can be on this person's screen: not hidden, and classified or marked by them."""
    shown = set(events) - await hidden(principal, events, connection=connection)
    scope = principal.site_filter()
    classified = Classification.filter(event_id__in=list(shown), **scope).using_db(connection)
    marked = AnnotationVersion.filter(event_id__in=list(shown), annotator=principal.name, **scope).using_db(connection)
    found: set[UUID] = {*await classified.values_list("event_id", flat=True)}  # type: ignore[arg-type]
    found |= {*await marked.distinct().values_list("event_id", flat=True)}  # type: ignore[arg-type]
    return frozenset(found)


def must_not_filter_by_kind(motor_type: str | None, sites: Collection[str]) -> None:
    """Raises Refused when blind events would be told apart by what the detector saw."""
    if motor_type is not None and sites:
        raise Refused(f"motor_type: {', '.join(sorted(sites))} reads blind; what the detector saw cannot be asked for.")
