"""Releases under /api/v1: upload, make a candidate, give to beds, roll back; what each bed was given and how it stands there."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

import cloud.devices.queries
from cloud.accounts.routes import with_right
from cloud.accounts.rules import Right
from cloud.accounts.service import SignedIn
from cloud.problems import documented
from cloud.releases import giving, queries
from cloud.releases.giving import MOST_BEDS, Giver
from cloud.releases.tables import Release
from shared.clock import utc_text
from shared.errors import Refused
from shared.heartbeat import ReleaseRun
from shared.ids import BedName, ReleaseName, SiteName

router = APIRouter(tags=["releases"])
Viewer = Annotated[SignedIn, Depends(with_right(Right.see_releases))]
Uploader = Annotated[SignedIn, Depends(with_right(Right.upload_releases))]
Runner = Annotated[SignedIn, Depends(with_right(Right.run_releases))]


class Upload(BaseModel):
    """A detector and its card."""

    model_config = ConfigDict(extra="forbid")

    card: dict[str, Any]
    file_base64: str = Field(max_length=3_000_000)


class Candidate(BaseModel):
    """Whether beds may be given the release."""

    model_config = ConfigDict(extra="forbid")

    candidate: bool


class Place(BaseModel):
    """One bed."""

    model_config = ConfigDict(extra="forbid")

    site: SiteName
    bed: BedName


class Places(BaseModel):
    """The beds that a deed is for, all or none."""

    model_config = ConfigDict(extra="forbid")

    beds: list[Place] = Field(min_length=1, max_length=MOST_BEDS)


class ReleaseView(BaseModel):
    """One uploaded release."""

    name: str
    kind: str
    version: str
    file_sha256: str
    size_bytes: int
    candidate: bool
    simulated: bool
    dataset: str | None = Field(description="the manifest of what it was trained on")
    metrics: dict[str, dict[str, Any]]
    limits: list[str]
    uploaded_by: str
    uploaded_utc: datetime


class GivenView(BaseModel):
    """What a bed was given last, and what it says of it. `running`: the release whose scores flow now."""

    site: str
    bed: str
    number: int
    release: str
    deed: str
    given_by: str
    given_utc: datetime
    running: str | None
    told: ReleaseRun | None


class ReleaseList(BaseModel):
    """All releases, the newest first, and the beds of one's sites that were given one."""

    items: list[ReleaseView]
    beds: list[GivenView]
    may_sign: bool


def release_view(row: Release) -> ReleaseView:
    """A release as people see it."""
    card: dict[str, Any] = row.card
    return ReleaseView(
        name=row.name,
        kind=row.kind,
        version=str(card["version"]),
        file_sha256=row.file_sha256,
        size_bytes=row.size_bytes,
        candidate=row.candidate,
        simulated=bool(card["data"]["simulated"]),
        dataset=card["data"].get("dataset"),
        metrics=card.get("metrics", {}),
        limits=card["limits"],
        uploaded_by=row.uploaded_by,
        uploaded_utc=utc_text(row.uploaded_utc_ns),
    )


def giver_of(person: SignedIn, request: Request) -> Giver:
    """The person with this installation's key."""
    parts = request.app.state.parts
    return Giver(person.principal, parts.release_key, parts.clock.utc_ns())


@router.get("/releases", responses=documented(401, 404))
async def releases(viewer: Viewer, request: Request) -> ReleaseList:
    """Every release, and how each bed of one's sites stands."""
    heard = await cloud.devices.queries.heartbeats(viewer.principal)
    beds = []
    for (site, bed), row in sorted((await queries.given(viewer.principal)).items()):
        heartbeat = heard[site, bed][0] if (site, bed) in heard else None
        beds.append(
            GivenView(
                site=site,
                bed=bed,
                number=row.number,
                release=row.release,
                deed=row.deed,
                given_by=row.given_by,
                given_utc=utc_text(row.given_utc_ns),
                running=heartbeat.release if heartbeat else None,
                told=heartbeat.release_run if heartbeat else None,
            )
        )
    may_sign = request.app.state.parts.release_key is not None
    return ReleaseList(items=[release_view(row) for row in await queries.every()], beds=beds, may_sign=may_sign)


@router.post("/releases", status_code=201, responses=documented(400, 401, 403, 404, 409, 413, 422, 503))
async def upload_release(wanted: Upload, uploader: Uploader, request: Request) -> ReleaseView:
    """Checks a detector against its card, signs the card and keeps both. A classifier comes by `deepepil-cloud release upload`."""
    try:
        content = base64.b64decode(wanted.file_base64, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("file_base64: it is not base64.") from error
    giver = giver_of(uploader, request)
    return release_view(
        await giving.upload(giver, request.app.state.parts.objects, json.dumps(wanted.card).encode(), content)
    )


@router.put("/releases/{name}/candidate", responses=documented(400, 401, 403, 404, 413, 422))
async def candidate_release(name: ReleaseName, wanted: Candidate, runner: Runner, request: Request) -> ReleaseView:
    """Makes a release fit to be given to beds, or takes that back; beds that run it go on."""
    return release_view(await giving.make_candidate(giver_of(runner, request), name, candidate=wanted.candidate))


@router.post("/releases/{name}/champion", status_code=204, responses=documented(400, 401, 403, 404, 409, 413, 422))
async def champion_release(name: ReleaseName, wanted: Places, runner: Runner, request: Request) -> None:
    """Orders these beds to run a candidate, by a signed order to each; every one of them tries it first and goes back if it fails."""
    await giving.make_champion(giver_of(runner, request), name, [(one.site, one.bed) for one in wanted.beds])


@router.post("/releases/rollback", status_code=204, responses=documented(400, 401, 403, 404, 409, 413, 422))
async def roll_back_release(wanted: Places, runner: Runner, request: Request) -> None:
    """Orders these beds to run again what each ran before."""
    await giving.roll_back(giver_of(runner, request), [(one.site, one.bed) for one in wanted.beds])
