"""Datasets under /api/v1: freeze one from the labels, list them, look at one, take its manifest."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from cloud.accounts.routes import with_right
from cloud.accounts.rules import Right
from cloud.accounts.service import SignedIn
from cloud.datasets import service
from cloud.datasets.rules import DatasetName, DatasetQuery
from cloud.datasets.tables import Dataset
from cloud.problems import documented
from shared.clock import utc_text
from shared.ids import Sha256

router = APIRouter(tags=["datasets"])
User = Annotated[SignedIn, Depends(with_right(Right.use_datasets))]
PARQUET = "application/vnd.apache.parquet"


class Freeze(BaseModel):
    """What is to be frozen, and its name; the version is given."""

    model_config = ConfigDict(extra="forbid")

    name: DatasetName
    query: DatasetQuery = DatasetQuery()


class DatasetView(BaseModel):
    """A frozen dataset; it never changes. Patients appear under pseudonyms alone, and only in the manifest."""

    sha256: str
    name: str
    version: int
    sites: dict[str, int] = Field(description="clips by site")
    clips: int
    patients: int
    counts: dict[str, dict[str, int]] = Field(description="clips by split and class")
    left_out: dict[str, int] = Field(description="labelled clips that were left out, by reason")
    query: DatasetQuery
    frozen_by: str
    frozen_utc: datetime


class DatasetList(BaseModel):
    """All datasets of which one sees every site, the newest first."""

    items: list[DatasetView]


class DatasetLook(DatasetView):
    """One dataset with what is no longer there of it."""

    split: Literal["by-patient"] = "by-patient"
    missing: list[str] = Field(description="events whose infrared is no longer stored; training passes over them")


def facts_of(parts: list[Dataset]) -> dict[str, object]:
    """The fields of a view."""
    first = parts[0]
    return {
        "sha256": first.manifest_sha256,
        "name": first.name,
        "version": first.version,
        "sites": {part.site: part.clips_here for part in parts},
        "clips": first.clips,
        "patients": first.patients,
        "counts": first.counts,
        "left_out": first.left_out,
        "query": first.query,
        "frozen_by": first.frozen_by,
        "frozen_utc": utc_text(first.frozen_utc_ns),
    }


@router.get("/datasets", responses=documented(401, 404))
async def datasets(user: User) -> DatasetList:
    """The datasets that the person may use."""
    return DatasetList(
        items=[DatasetView.model_validate(facts_of(each)) for each in await service.every(user.principal)]
    )


@router.post("/datasets", status_code=201, responses=documented(400, 401, 403, 404, 413, 422, 503))
async def freeze_dataset(wanted: Freeze, user: User, request: Request, response: Response) -> DatasetView:
    """Freezes what the query finds now. 200 with the dataset that is there when the content is the same."""
    parts = request.app.state.parts
    found, new = await service.freeze(user.principal, parts.objects, wanted.name, wanted.query, parts.clock.utc_ns())
    response.status_code = 201 if new else 200
    return DatasetView.model_validate(facts_of(found))


@router.get("/datasets/{sha256}", responses=documented(401, 404, 422, 503))
async def one_dataset(sha256: Sha256, user: User, request: Request) -> DatasetLook:
    """One dataset, and which of its clips are no longer stored."""
    found = await service.one(user.principal, sha256)
    missing = await service.missing_objects(user.principal, request.app.state.parts.objects, sha256)
    return DatasetLook.model_validate({**facts_of(found), "missing": missing})


@router.get(
    "/datasets/{sha256}/manifest",
    response_class=Response,
    responses={
        200: {"description": "the manifest", "content": {PARQUET: {"schema": {"type": "string", "format": "binary"}}}},
        **documented(401, 404, 422, 503),
    },
)
async def dataset_manifest(sha256: Sha256, user: User, request: Request) -> Response:
    """The manifest as Parquet, audited."""
    content = await service.manifest(user.principal, request.app.state.parts.objects, sha256)
    headers = {"content-disposition": f'attachment; filename="dataset-{sha256[:12]}.parquet"'}
    return Response(content, media_type=PARQUET, headers=headers)
