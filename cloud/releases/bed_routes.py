"""What a bed fetches of a release that it was ordered to run, under /bed/v1: the signed card and the file. Who calls is the certificate."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from cloud.clips.routes import PREFIX, Bed, Parts
from cloud.principal import Principal
from cloud.problems import absent
from cloud.releases import queries
from cloud.releases.giving import file_key
from cloud.releases.tables import Release
from shared.errors import Broken
from shared.ids import ReleaseName
from shared.release import ReleaseCard
from shared.release_order import canonical

router = APIRouter(prefix=PREFIX)
Name = Annotated[ReleaseName, Path()]


async def _given(name: str, bed: Bed) -> Release:
    """The release. 404 for one that this bed was never ordered to run."""
    row = await queries.one(name)
    if row is None or not await queries.was_given(Principal.bed(bed.site, bed.bed), bed.site, bed.bed, name):
        raise absent()
    return row


@router.get("/releases/{name}/card")
async def release_card(name: Name, bed: Bed) -> Response:
    """The signed card."""
    row = await _given(name, bed)
    return Response(canonical(ReleaseCard.model_validate(row.card)), media_type="application/json")


@router.get("/releases/{name}/file")
async def release_file(name: Name, bed: Bed, parts: Parts) -> Response:
    """The file, at most 2 MB for a detector."""
    row = await _given(name, bed)
    try:
        content = b"".join([piece async for piece in parts.objects.read(file_key(row.file_sha256))])
    except FileNotFoundError as error:
        raise Broken("A release's file is not in the store.", release=name) from error
    return Response(content, media_type="application/octet-stream")
