"""The audit log for the data-protection officer: who saw a patient, and what happened last in a site."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from cloud.accounts.routes import with_right
from cloud.accounts.rules import Right
from cloud.accounts.service import SignedIn
from cloud.audit import disclosure
from cloud.audit.tables import AuditEntry
from cloud.problems import documented
from shared.clock import utc_text
from shared.ids import PatientCode, SiteName

router = APIRouter(tags=["audit"])
Officer = Annotated[SignedIn, Depends(with_right(Right.see_audit))]
Deed = Annotated[str | None, Query(max_length=64, pattern="^[a-z_]+$")]


class EntryView(BaseModel):
    """One entry of a site's chain."""

    number: int
    at_utc: str
    who: str
    deed: str
    subject: str
    details: dict[str, str | int | bool | None]


class PersonSeen(BaseModel):
    """How many of the shown entries are by one person, bed or process."""

    who: str
    entries: int


class DisclosureView(BaseModel):
    """Everything in the log about one patient code, newest first."""

    site: str
    patient_code: str
    people: list[PersonSeen]
    entries: list[EntryView]
    more: bool = Field(description="there are older entries than the 500 shown")


class EntryList(BaseModel):
    """The newest entries of a site, newest first, at most 500."""

    entries: list[EntryView]


def _view(row: AuditEntry) -> EntryView:
    return EntryView(
        number=row.number,
        at_utc=utc_text(row.at_ns),
        who=row.who,
        deed=row.deed,
        subject=row.subject,
        details={key: value for key, value in row.details.items() if isinstance(value, str | int | None)},
    )


@router.get("/audit/patients/{site}/{code}", responses=documented(401, 403, 404, 422))
async def who_saw_patient(site: SiteName, code: PatientCode, officer: Officer) -> DisclosureView:
    """Who saw or changed anything of this patient; that it was asked is audited too."""
    found = await disclosure.about_patient(officer.principal, site, code)
    return DisclosureView(
        site=site,
        patient_code=code,
        people=[PersonSeen(who=who, entries=count) for who, count in found.people],
        entries=[_view(row) for row in found.entries],
        more=found.more,
    )


@router.get("/audit/sites/{site}", responses=documented(401, 403, 404, 422))
async def newest_entries(site: SiteName, officer: Officer, deed: Deed = None) -> EntryList:
    """The newest entries of a site, such as refusals (`deed=refused`) and broken glass (`deed=glass_broken`)."""
    return EntryList(entries=[_view(row) for row in await disclosure.newest(officer.principal, site, deed)])
