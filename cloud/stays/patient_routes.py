"""The patient page under /api/v1: all of one code, and the correction of a wrong one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from cloud.accounts.routes import with_right
from cloud.accounts.rules import Right
from cloud.accounts.service import SignedIn
from cloud.problems import documented
from cloud.review.routes import WorklistItem
from cloud.stays import patients
from cloud.stays.routes import StayView, stay_view
from shared.clock import utc_text
from shared.contract import Text
from shared.ids import PatientCode, SiteName

router = APIRouter(tags=["patients"])
Watcher = Annotated[SignedIn, Depends(with_right(Right.see_patient_codes))]
Nurse = Annotated[SignedIn, Depends(with_right(Right.run_stays))]


class CorrectionView(BaseModel):
    """One stay whose code was wrong."""

    stay_id: UUID
    from_code: str
    to_code: str
    reason: str
    corrected_by: str
    corrected_utc: datetime


class PatientView(BaseModel):
    """All of one code in one site; a code that was corrected away has corrections alone."""

    site: str
    patient_code: str
    stays: list[StayView]
    events: list[WorklistItem] = Field(description="the newest 200, the newest first, each with its label")
    corrections: list[CorrectionView]


class CorrectionRequest(BaseModel):
    """The right code of a stay; the stays that it was transferred from and to get it too."""

    model_config = ConfigDict(extra="forbid")

    patient_code: PatientCode
    expected_code: PatientCode = Field(description="the wrong code, as it was seen")
    reason: Text = Field(min_length=1, max_length=200)


@router.get("/patients/{site}/{code}", responses=documented(401, 404, 422))
async def patient(site: SiteName, code: PatientCode, watcher: Watcher, request: Request) -> PatientView:
    """The stays, events and labels of one code, and what was corrected."""
    found = await patients.patient(watcher.principal, site, code)
    subject = found.stays[0].stay_id if found.stays else found.corrections[0].stay_id
    await request.app.state.looks.note(watcher, "patient_opened", site, str(subject))
    now_ns = request.app.state.parts.clock.utc_ns()
    return PatientView(
        site=site,
        patient_code=code,
        stays=[stay_view(row) for row in found.stays],
        events=[WorklistItem.of(one, watcher, now_ns) for one in found.events],
        corrections=[
            CorrectionView(
                stay_id=row.stay_id,
                from_code=row.from_code,
                to_code=row.to_code,
                reason=row.reason,
                corrected_by=row.corrected_by,
                corrected_utc=utc_text(row.corrected_utc_ns),
            )
            for row in found.corrections
        ],
    )


@router.post("/stays/{stay_id}/correction", responses=documented(400, 401, 403, 404, 409, 413, 422))
async def correct_stay(stay_id: UUID, asked: CorrectionRequest, nurse: Nurse, request: Request) -> StayView:
    """Gives a stay and its transfers the right code, once and everywhere, with history; 409 when it does not fit."""
    wanted = patients.Correction(stay_id, asked.patient_code, asked.expected_code, asked.reason)
    now_ns = request.app.state.parts.clock.utc_ns()
    return stay_view(await patients.correct(nurse.principal, wanted, now_ns))
