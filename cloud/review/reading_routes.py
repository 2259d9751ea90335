"""The reading policy of sites under /api/v1: who reads blind, and an admin who sets it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict

from cloud.accounts.routes import with_right
from cloud.accounts.rules import Right
from cloud.accounts.service import SignedIn
from cloud.problems import documented
from cloud.review import reading
from shared.ids import SiteName

router = APIRouter(tags=["review"])
Viewer = Annotated[SignedIn, Depends(with_right(Right.see_events))]
Setter = Annotated[SignedIn, Depends(with_right(Right.set_policies))]


class SiteReadingView(BaseModel):
    """Whether a site reads blind: suggestions and others' verdicts are hidden until one's own verdict."""

    site: str
    blind: bool


class SiteReadings(BaseModel):
    """One's own sites by name."""

    items: list[SiteReadingView]


class ReadingRequest(BaseModel):
    """Whether the site reads blind from now on."""

    model_config = ConfigDict(extra="forbid")

    blind: bool


@router.get("/reading", responses=documented(401, 404))
async def readings(viewer: Viewer) -> SiteReadings:
    """How one's sites read."""
    found = await reading.policies(viewer.principal)
    return SiteReadings(items=[SiteReadingView(site=one.site, blind=one.blind) for one in found])


@router.put("/sites/{site}/reading", responses=documented(400, 401, 403, 404, 413, 422))
async def set_reading(site: SiteName, asked: ReadingRequest, setter: Setter, request: Request) -> SiteReadingView:
    """Sets how a site reads; audited."""
    now_ns = request.app.state.parts.clock.utc_ns()
    made = await reading.set_policy(setter.principal, site, asked.blind, now_ns)
    return SiteReadingView(site=made.site, blind=made.blind)
