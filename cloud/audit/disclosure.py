"""Who saw what of one patient: for the data-protection officer. Every look at this is itself in the log."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from cloud import audit
from cloud.accounts.service import refuse
from cloud.audit import queries
from cloud.audit.tables import AuditEntry
from cloud.database import in_transaction
from cloud.principal import Principal

MOST = 500


@dataclass(frozen=True, slots=True)
class Disclosure:
    """The newest deeds about a patient's stays, events and pulls, newest first, and who they were by."""

    entries: list[AuditEntry]
    people: list[tuple[str, int]]
    more: bool


async def about_patient(principal: Principal, site: str, code: str) -> Disclosure:
    """At most 500 entries. 404, audited, when the site is not the principal's or never had this code.

    The log names stays and events, never codes: it says the same after a code was corrected or a patient erased.
    """
    stays = await queries.stays_of(principal, site, code)
    if not stays:
        await refuse(principal, f"{site} audit")
    subjects = [str(each) for each in await _things_of(principal, site, stays)]
    entries = await queries.about(principal, site, subjects, MOST + 1)
    people: dict[str, int] = {}
    for entry in entries[:MOST]:
        people[entry.who] = people.get(entry.who, 0) + 1
    async with in_transaction() as connection:
        await audit.record(connection, principal, "audit_read", site=site, subject=subjects[0])
    return Disclosure(entries[:MOST], sorted(people.items(), key=lambda one: (-one[1], one[0])), len(entries) > MOST)


async def _things_of(principal: Principal, site: str, stays: list[UUID]) -> list[UUID]:
    return [*stays, *await queries.events_of(principal, site, stays)]


async def newest(principal: Principal, site: str, deed: str | None) -> list[AuditEntry]:
    """The newest 500 entries of a site, of one deed if it is named. 404, audited, when the site is not the principal's."""
    if not principal.sees(site):
        await refuse(principal, f"{site} audit")
    return await queries.newest(principal, site, deed, MOST)
