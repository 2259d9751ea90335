"""The people's web application: the API under /api/v1, the web pages at /, and the fence that every request passes.

In: the parts that the process made (clock, object store, releases). Out: an ASGI application; the database must be open.
"""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import cloud.accounts.own_routes
import cloud.accounts.routes
import cloud.audit.routes
import cloud.clips.export_routes
import cloud.clips.picture_routes
import cloud.datasets.routes
import cloud.labels.routes
import cloud.live_view.routes
import cloud.pulls.routes
import cloud.references.routes
import cloud.releases.routes
import cloud.review.desk_routes
import cloud.review.reading_routes
import cloud.review.routes
import cloud.stays.patient_routes
import cloud.stays.routes
from cloud.accounts.host_cookie import HostCookie
from cloud.accounts.open_answers import OpenAnswers
from cloud.accounts.routes import COOKIE
from cloud.audit.looks import Looks
from cloud.objects import Objects
from cloud.pages import install_pages
from cloud.problems import HttpProblem, install_problems, problem_response
from cloud.releases.service import Releases
from cloud.scope import fenced
from cloud.settings import CloudSettings, LiveSection
from shared.clock import Clock, SystemClock
from shared.release_order import read_signing_key

API = "/api/v1"
RESEARCH_USE: Literal["For research use only: no diagnosis, no alarm."] = (
    "For research use only: no diagnosis, no alarm."
)
BODY_LIMIT_BYTES = 64 * 1024
LARGER_BODIES = {"/references": 4 * 1024 * 1024 + 64 * 1024, "/releases": 4 * 1024 * 1024}
"""By the end of the path: a file of the EEG or a detector, as base64."""
OWN_READS = frozenset({"same-origin", "none"})
READING = frozenset({"GET", "HEAD", "OPTIONS"})
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


@dataclass(frozen=True, slots=True)
class PeopleParts:
    """What the application is handed; tests hand it a clock and folders of their own."""

    clock: Clock
    objects: Objects
    releases: Releases
    version: str
    commit: str
    web_folder: Path
    secure_cookies: bool
    release_key: Ed25519PrivateKey | None = None
    second_factor_required: bool = False
    live: LiveSection = field(default_factory=LiveSection)


def parts_of(settings: CloudSettings, objects: Objects) -> PeopleParts:
    """The parts as the configuration file describes them, with this machine's clock and the built pages."""
    here = Path(__file__).resolve().parent
    command = ["git", "-C", str(here), "rev-parse", "--short", "HEAD"]
    try:
        commit = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        commit = ""
    return PeopleParts(
        clock=SystemClock(),
        objects=objects,
        releases=Releases(settings.worker.releases_folder),
        version=version("deepepil"),
        commit=commit or "unknown",
        web_folder=here / "web" / "dist",
        secure_cookies=settings.people.https,
        release_key=read_signing_key(settings.releases.signing_key_file)
        if settings.releases.signing_key_file
        else None,
        second_factor_required=settings.people.second_factor == "required",
        live=settings.live,
    )


class About(BaseModel):
    """What this program is."""

    version: str
    commit: str
    research_use: Literal["For research use only: no diagnosis, no alarm."]


class Fence:
    """Refuses writes from foreign pages and large bodies, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        try:
            _must_be_own_read(scope)
            receive = receive if scope["method"] in READING else await _checked_write(scope, receive)
        except HttpProblem as problem:
            await problem_response(problem)(scope, receive, send_with_headers)
            return
        answers: OpenAnswers = scope["app"].state.open_answers
        task = asyncio.current_task()
        assert task is not None
        with fenced() as asking, answers.held(lambda: asking.session, task.cancel) as answer:
            try:
                await self._app(scope, receive, send_with_headers)
            except asyncio.CancelledError:
                if not answer.was_cut:
                    raise
                task.uncancel()  # the connection closes in the middle of the answer, which tells the other side


def _must_be_own_read(scope: Scope) -> None:
    """Pages of other origins may link to ours and get nothing of the interface or the videos: 403. Old browsers do not tell."""
    told = Headers(scope=scope).get("sec-fetch-site", "none")
    if scope["path"].startswith(f"{API}/") and told not in OWN_READS:
        raise HttpProblem(403, "The interface is read by this site's own pages alone.")


async def _checked_write(scope: Scope, receive: Receive) -> Receive:
    """The body of a write, whole, at most 64 KiB (4 MiB for a file of the EEG). 403 without the page's own origin, 413 if larger."""
    headers = Headers(scope=scope)
    if _place_of(headers.get("origin", "")) != headers.get("host", "-"):
        raise HttpProblem(403, "A write must come from this site's own pages: the Origin header is missing or foreign.")
    limit_bytes = LARGER_BODIES.get(f"/{scope['path'].rsplit('/', 1)[-1]}", BODY_LIMIT_BYTES)
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return _replay(message, receive)
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limit_bytes:
            raise HttpProblem(413, f"The request is larger than {limit_bytes} bytes.")
    return _replay({"type": "http.request", "body": body, "more_body": False}, receive)


def _place_of(origin: str) -> str:
    """Host and port of an Origin header; empty for what is no origin, such as `null`."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _replay(first: Message, receive: Receive) -> Receive:
    waiting = [first]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


def _about_router(parts: PeopleParts) -> APIRouter:
    router = APIRouter(tags=["about"])

    @router.get("/about")
    async def about() -> About:
        """What this program is and what it is not for."""
        return About(version=parts.version, commit=parts.commit, research_use=RESEARCH_USE)

    return router


def _operation_name(route: APIRoute) -> str:
    return route.name


def _with_problem_type(document: dict[str, Any]) -> dict[str, Any]:
    """The same OpenAPI document with the media type that problems really have."""
    for path in document["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    answer["content"] = {"application/problem+json": answer["content"]["application/json"]}
    return document


def create_people_app(parts: PeopleParts) -> FastAPI:
    """The application for people."""
    app = FastAPI(
        title="DeepEpil",
        version="1",
        description=RESEARCH_USE,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_name,
    )
    app.state.parts = parts
    app.state.open_answers = OpenAnswers(parts.clock)
    app.state.looks = Looks()
    api = APIRouter(prefix=API)
    for router in (
        cloud.accounts.routes.router,
        cloud.accounts.own_routes.router,
        _about_router(parts),
        cloud.review.routes.router,
        cloud.review.desk_routes.router,
        cloud.review.reading_routes.router,
        cloud.clips.export_routes.router,
        cloud.labels.routes.router,
        cloud.clips.picture_routes.router,
        cloud.stays.routes.router,
        cloud.stays.patient_routes.router,
        cloud.pulls.routes.router,
        cloud.live_view.routes.router,
        cloud.references.routes.router,
        cloud.datasets.routes.router,
        cloud.releases.routes.router,
        cloud.audit.routes.router,
    ):
        api.include_router(router)
    app.include_router(api)
    install_pages(app, parts.web_folder)
    install_problems(app)
    app.add_middleware(Fence)
    if parts.secure_cookies:
        app.add_middleware(HostCookie, name=COOKIE)
    document = app.openapi
    app.openapi = lambda: document() if app.openapi_schema else _with_problem_type(document())  # type: ignore[method-assign]
    return app
