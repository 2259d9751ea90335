"""Reference seizures of a stay: import a file of the EEG, see what the detector caught and missed, pull what it missed."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cloud.accounts.routes import with_right
from cloud.accounts.rules import Right
from cloud.accounts.service import SignedIn
from cloud.problems import documented
from cloud.pulls.routes import ns_of
from cloud.pulls.rules import Standing
from cloud.references import service
from cloud.references.rules import Match
from cloud.references.service import FoundReferences, FoundSeizure
from cloud.references.tables import ReferenceList
from cloud.stays.tables import Stay
from shared.clock import NS_PER_S, utc_text
from shared.contract import Text
from shared.errors import Refused

router = APIRouter(tags=["references"])
Importer = Annotated[SignedIn, Depends(with_right(Right.run_references))]
FILE_LIMIT_BYTES = 3 * 1024 * 1024
RULE = "Caught: an event of the detector overlaps the seizure, widened by 30 s before and 60 s after (SzCORE, any overlap)."


class StayItem(BaseModel):
    """A stay and how many reference seizures were imported for it."""

    stay_id: UUID
    site: str
    bed: str
    patient_code: str
    admitted_utc: datetime
    discharged_utc: datetime | None
    references: int


class StayList(BaseModel):
    """The newest stays."""

    items: list[StayItem]


class FileView(BaseModel):
    """One imported file."""

    list_id: UUID
    name: str
    clock_offset_s: float
    seizures: int
    passed_over: int = Field(description="rows or annotations that tell of something else than a seizure")
    imported_by: str
    imported_utc: datetime


class SeizureView(BaseModel):
    """One reference seizure by the unit's clock, and how it stands."""

    reference_id: UUID
    start_utc: datetime
    duration_s: float
    kind: str
    line: int
    match: Match
    event_id: UUID | None = Field(description="the event that overlaps it")
    pull: Standing | None = Field(description="how the wish for it stands; null: not asked")
    pull_reason: str
    coverage: float | None = Field(description="recorded of wanted in its hour; null: the bed does not tell (any more)")
    in_ring: bool | None = Field(description="whether the bed should hold it still; null: the bed told nothing")


class ReferencesView(BaseModel):
    """All reference seizures of a stay."""

    stay: StayItem
    rule: str
    files: list[FileView]
    seizures: list[SeizureView]
    caught: int
    missed: int = Field(description="not caught by the detector, whether or not a person marked or pulled them")


class ImportRequest(BaseModel):
    """A file of the EEG, whole, and how its clock runs against the unit's."""

    model_config = ConfigDict(extra="forbid")

    name: Text = Field(min_length=1, max_length=120)
    content_base64: str = Field(max_length=FILE_LIMIT_BYTES * 4 // 3 + 4)
    clock_offset_s: float = Field(ge=-86_400, le=86_400, allow_inf_nan=False, description="EEG clock minus unit clock")
    recording_start: AwareDatetime | None = Field(
        default=None, description="by the EEG's clock; null: the file says it"
    )
    time_zone: str = Field(default="UTC", max_length=64, description="of times in the file that name no zone")


class AskedView(BaseModel):
    """What pulling the missed ones did."""

    asked: int
    waiting: int = Field(description="a wish stands already")
    gone: int = Field(description="no longer in the ring")
    left: int = Field(description="not asked: too many wishes of this bed wait")


def _stay_item(stay: Stay, references: int) -> StayItem:
    return StayItem(
        stay_id=stay.stay_id,
        site=stay.site,
        bed=stay.bed,
        patient_code=stay.patient_code,
        admitted_utc=utc_text(stay.admitted_utc_ns),
        discharged_utc=utc_text(stay.discharged_utc_ns) if stay.discharged_utc_ns else None,
        references=references,
    )


def _file_view(row: ReferenceList) -> FileView:
    return FileView(
        list_id=row.list_id,
        name=row.name,
        clock_offset_s=row.clock_offset_ns / NS_PER_S,
        seizures=row.seizures,
        passed_over=row.passed_over,
        imported_by=row.imported_by,
        imported_utc=utc_text(row.imported_at_ns),
    )


def _seizure_view(found: FoundSeizure) -> SeizureView:
    row = found.row
    return SeizureView(
        reference_id=row.reference_id,
        start_utc=utc_text(row.start_utc_ns),
        duration_s=(row.end_utc_ns - row.start_utc_ns) / NS_PER_S,
        kind=row.kind,
        line=row.line,
        match=found.match,
        event_id=found.event_id,
        pull=found.standing,
        pull_reason=found.pull.reason if found.pull else "",
        coverage=found.coverage,
        in_ring=found.in_ring,
    )


def _view(found: FoundReferences) -> ReferencesView:
    caught = sum(each.match is Match.caught for each in found.seizures)
    return ReferencesView(
        stay=_stay_item(found.stay, len(found.seizures)),
        rule=RULE,
        files=[_file_view(each) for each in found.lists],
        seizures=[_seizure_view(each) for each in found.seizures],
        caught=caught,
        missed=len(found.seizures) - caught,
    )


def _import_of(asked: ImportRequest) -> service.Import:
    try:
        content = base64.b64decode(asked.content_base64, validate=True)
    except ValueError as error:
        raise Refused("content_base64: this is not base64.") from error
    try:
        zone = ZoneInfo(asked.time_zone)
    except (ValueError, KeyError, OSError) as error:
        raise Refused("time_zone: it is not known; give one such as Europe/Lisbon.") from error
    start_ns = ns_of(asked.recording_start) if asked.recording_start is not None else None
    return service.Import(asked.name, content, start_ns, round(asked.clock_offset_s * NS_PER_S), zone)


@router.get("/stays", responses=documented(401, 404, 422))
async def stays(importer: Importer, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> StayList:
    """The newest stays of one's sites, those that last first."""
    return StayList(items=[_stay_item(*each) for each in await service.stays(importer.principal, limit)])


@router.get("/stays/{stay_id}/references", responses=documented(401, 404, 422))
async def references(stay_id: UUID, importer: Importer, request: Request) -> ReferencesView:
    """The reference seizures of a stay: which the detector caught and which it missed."""
    return _view(await service.of_stay(importer.principal, stay_id, request.app.state.parts.clock.utc_ns()))


@router.post("/stays/{stay_id}/references", responses=documented(400, 401, 403, 404, 413, 422))
async def import_references(
    stay_id: UUID, asked: ImportRequest, importer: Importer, request: Request
) -> ReferencesView:
    """Imports a TSV or the annotations of an EDF+ file, all of it or nothing; the same file again changes nothing."""
    now_ns = request.app.state.parts.clock.utc_ns()
    await service.take_in(importer.principal, stay_id, _import_of(asked), now_ns)
    return _view(await service.of_stay(importer.principal, stay_id, now_ns))


@router.delete("/stays/{stay_id}/references/{list_id}", status_code=204, responses=documented(401, 403, 404, 422))
async def remove_references(stay_id: UUID, list_id: UUID, importer: Importer) -> None:
    """Takes an imported file away."""
    await service.remove(importer.principal, stay_id, list_id)


@router.post("/stays/{stay_id}/references/pull", responses=documented(401, 403, 404, 409, 422))
async def pull_missed(stay_id: UUID, importer: Importer, request: Request) -> AskedView:
    """Asks the bed for all missed seizures that it should still hold."""
    asked = await service.pull_missed(importer.principal, stay_id, request.app.state.parts.clock.utc_ns())
    return AskedView(asked=asked.asked, waiting=asked.waiting, gone=asked.gone, left=asked.left)
