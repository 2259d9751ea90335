"""Every route × role × site: what one may do at home, and that the other site looks absent and the asking is audited."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from cloud.accounts.rules import Role
from cloud.openapi import openapi_document
from tests.cloud.people_house import House, dataset_of

VERDICT = {"verdict": "confirmed", "expected_version": 0, "suggestion_shown": False}
OFFER = {"stream": "ir", "sdp": "v=0"}
SPAN = {"bed": "bed-1", "start_utc": "2026-05-28T20:00:00Z", "end_utc": "2026-05-28T20:15:00Z"}
EEG_FILE = {
    "name": "night.tsv",
    "content_base64": base64.b64encode(b"onset\tduration\n1\t2\n").decode(),
    "clock_offset_s": 0.0,
    "recording_start": "2026-05-28T20:26:00Z",
}
BULK: dict[str, Any] = {"items": [{"verdict": "rejected", "expected_version": 2}], "suggestion_shown": True}
ANNOTATION = {"annotation": {"epilepsy_class": "FLE"}, "expected_version": 0, "suggestion_shown": False}
PROOF = {"password": "not the right one"}
GLASS = {"site": "south", "reason": "the ward asks for help with a status"}
CORRECTION = {"patient_code": "PT-RIGHT", "expected_code": "PT-7KQ2M", "reason": "mistyped"}
EVERYBODY = frozenset(Role)
SEE = frozenset({Role.clinician, Role.scientist, Role.admin})
CARE = frozenset({Role.clinician, Role.admin})
WATCH = CARE | {Role.ops}
OFFICERS = frozenset({Role.dpo, Role.admin})
OPS = frozenset({Role.ops, Role.admin})
LEARN = frozenset({Role.scientist, Role.admin})
PLACES = {"beds": [{"site": "north", "bed": "bed-1"}]}

# method, path, body, who may, status at home, whether it names one thing of a site (and so is absent from elsewhere)
ROUTES: list[tuple[str, str, Any, frozenset[Role], int, bool]] = [
    ("GET", "/session", None, EVERYBODY, 200, False),
    ("GET", "/account", None, EVERYBODY, 200, False),
    ("PUT", "/account/password", {**PROOF, "new_password": "a new quiet night"}, EVERYBODY, 401, False),
    ("POST", "/account/second-factor", PROOF, EVERYBODY, 401, False),
    ("PUT", "/account/second-factor", {"code": "000000"}, EVERYBODY, 409, False),
    ("DELETE", "/account/sessions/{session}", None, EVERYBODY, 404, False),
    ("POST", "/account/broken-glass", GLASS, EVERYBODY, 404, False),
    ("GET", "/worklist", None, SEE, 200, False),
    ("GET", "/events/{event_id}", None, SEE, 200, True),
    ("GET", "/events/{event_id}/proxies/{stream}", None, SEE, 200, True),
    ("GET", "/events/{event_id}/export", None, SEE, 409, True),
    ("GET", "/events/{event_id}/frames/{stream}", None, SEE, 200, True),
    ("GET", "/events/{event_id}/lens", None, SEE, 409, True),
    ("GET", "/events/{event_id}/depth", None, SEE, 409, True),
    ("PUT", "/events/{event_id}/review", VERDICT, CARE, 200, True),
    ("GET", "/vocabulary", None, SEE, 200, False),
    ("POST", "/comments/check", {"comment": "Tonic."}, CARE, 200, False),
    ("PUT", "/events/{event_id}/annotation", ANNOTATION, CARE, 200, True),
    ("GET", "/events/{event_id}/annotation", None, SEE, 200, True),
    ("GET", "/events/{event_id}/annotation/{annotator}/versions", None, SEE, 200, True),
    ("GET", "/events/{event_id}/annotation/{annotator}/versions/{number}", None, CARE, 200, True),
    ("GET", "/events/{event_id}/annotation/export?annotator=pat", None, CARE, 200, True),
    ("GET", "/patients/{site}/{code}", None, CARE, 200, True),
    ("POST", "/stays/{stay_id}/correction", CORRECTION, CARE, 200, True),
    ("PUT", "/events/{event_id}/claim", None, CARE, 200, True),
    ("DELETE", "/events/{event_id}/claim", None, CARE, 204, True),
    ("DELETE", "/events/{event_id}/review?expected_version=1", None, CARE, 200, True),
    ("POST", "/worklist/verdicts", BULK, CARE, 200, True),
    ("GET", "/worklist/nights?since=2026-05-28T00:00:00Z&until=2026-05-30T00:00:00Z", None, SEE, 200, False),
    ("PUT", "/views/{name}", {"state": "open"}, SEE, 200, False),
    ("GET", "/views", None, SEE, 200, False),
    ("DELETE", "/views/{name}", None, SEE, 204, False),
    ("GET", "/reading", None, SEE, 200, False),
    ("PUT", "/sites/{site}/reading", {"blind": False}, frozenset({Role.admin}), 200, True),
    ("GET", "/beds", None, WATCH, 200, False),
    ("POST", "/beds/{site}/{bed}/stay", {}, CARE, 201, True),
    ("POST", "/beds/{site}/{bed}/stay/transfer", {"to_bed": "bed-2"}, CARE, 200, True),
    ("DELETE", "/beds/{site}/{bed}/stay", None, CARE, 409, True),
    ("PUT", "/beds/{site}/{bed}/pause", {"paused": True}, CARE, 200, True),
    ("GET", "/pulls", None, CARE, 200, False),
    ("POST", "/pulls", SPAN, CARE, 201, True),
    ("GET", "/pulls/{pull_id}", None, CARE, 200, True),
    ("POST", "/beds/{site}/{bed}/mark", None, CARE, 201, True),
    ("GET", "/stays", None, CARE, 200, False),
    ("GET", "/stays/{stay_id}/references", None, CARE, 200, True),
    ("GET", "/beds/{site}/{bed}/live", None, CARE, 200, True),
    ("POST", "/beds/{site}/{bed}/live", OFFER, CARE, 201, True),
    ("GET", "/live/{view_id}", None, CARE, 404, False),
    ("DELETE", "/live/{view_id}", None, CARE, 404, False),
    ("POST", "/stays/{stay_id}/references", EEG_FILE, CARE, 200, True),
    ("POST", "/stays/{stay_id}/references/pull", None, CARE, 200, True),
    ("DELETE", "/stays/{stay_id}/references/{list_id}", None, CARE, 204, True),
    ("GET", "/datasets", None, LEARN, 200, False),
    ("POST", "/datasets", {"name": "emu"}, LEARN, 422, False),
    ("GET", "/datasets/{sha256}", None, LEARN, 200, True),
    ("GET", "/datasets/{sha256}/manifest", None, LEARN, 200, True),
    ("GET", "/releases", None, LEARN | OPS, 200, False),
    ("POST", "/releases", {"card": {}, "file_base64": ""}, LEARN, 409, False),
    ("PUT", "/releases/{name}/candidate", {"candidate": True}, OPS, 404, False),
    ("POST", "/releases/{name}/champion", PLACES, OPS, 409, False),
    ("POST", "/releases/rollback", PLACES, OPS, 409, False),
    ("GET", "/dead-letters", None, OPS, 200, False),
    ("GET", "/differences", None, OPS, 200, False),
    ("GET", "/audit/patients/{site}/{code}", None, OFFICERS, 200, True),
    ("GET", "/audit/sites/{site}", None, OFFICERS, 200, True),
    ("DELETE", "/session", None, EVERYBODY, 204, False),
]
OPEN = {("POST", "/session"), ("GET", "/about")}


async def ask(client: httpx.AsyncClient, route: tuple[Any, ...], site: str, event_id: UUID) -> httpx.Response:
    method, path, body = route[:3]
    names = {"site": site, "bed": "bed-1", "stream": "ir", "name": "mine", "code": "PT-7KQ2M", "annotator": "pat"}
    names["session"] = "0" * 16
    things = dict.fromkeys(("event_id", "pull_id", "stay_id", "list_id", "view_id"), event_id)
    path = path.format(**names, **things, number=1, sha256=dataset_of(site)[0])
    body = {**SPAN, "site": site} if body is SPAN else body
    if body is BULK:
        body = {**BULK, "items": [{**BULK["items"][0], "event_id": str(event_id)}]}
    return await client.request(method, f"/api/v1{path}", json=body)


def test_every_route_has_a_row() -> None:
    known = {(row[0], row[1].partition("?")[0]) for row in ROUTES} | OPEN
    paths: dict[str, dict[str, Any]] = openapi_document()["paths"]
    assert {(method.upper(), path.removeprefix("/api/v1")) for path in paths for method in paths[path]} == known


async def test_no_route_of_the_application_is_hidden_from_the_document(house: House) -> None:
    routes = [route for route in leaves(house.app.routes) if isinstance(route, APIRoute)]
    assert len(routes) > len(ROUTES)
    assert [route.path for route in routes if not route.include_in_schema] == ["/{path:path}"]


def leaves(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Every route, those of included routers too."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is None:
            yield route
        else:
            yield from leaves(inner.routes)


async def test_there_is_no_way_in_but_http(house: House) -> None:
    """A WebSocket or a mounted application would pass the fence and this matrix: the day one comes, it brings its rows."""
    others = [route for route in leaves(house.app.routes) if not isinstance(route, APIRoute)]
    assert [getattr(route, "path", "") for route in others] == ["/api/v1/openapi.json"]


@pytest.mark.parametrize("role", Role)
async def test_a_role_may_do_its_own_deeds_at_home_and_no_others(house: House, role: Role) -> None:
    for bed in ("bed-1", "bed-2"):
        await house.bed("north", bed)
    event_id = await house.event("north")
    await house.clip(event_id)
    await house.pull(event_id, "north")
    await house.references(event_id, "north")
    await house.dataset("north")
    client = await house.person("pat", role.value)
    for row in ROUTES:
        answer = await ask(client, row, "north", event_id)
        assert answer.status_code == (row[4] if role in row[3] else 404), (role, row, answer.text)


@pytest.mark.parametrize("role", Role)
async def test_the_other_site_looks_like_nothing_at_all_and_the_asking_is_audited(house: House, role: Role) -> None:
    """Each cell by two users of two sites: each asks for what is the other's."""
    things = {site: await everything_of(house, site) for site in ("north", "south")}
    named = [row for row in ROUTES if row[5]]
    for home, away in (("north", "south"), ("south", "north")):
        client = await house.person(f"pat-{home}", role.value, home)
        for row in named:
            there = await ask(client, row, away, things[away])
            nowhere = await ask(client, row, "nowhere", uuid4())
            assert there.status_code == nowhere.status_code == 404, (home, row)
            assert there.content == nowhere.content
            assert headers_of(there) == headers_of(nowhere)
    for home in ("north", "south"):
        asked = [(who, deed) for who, deed, _ in await house.deeds(home)]
        assert asked == [(f"pat-{home}", "refused")] * 2 * len(named)


async def everything_of(house: House, site: str) -> UUID:
    """One of everything that a path can name, all under one id."""
    await house.bed(site, "bed-1")
    event_id = await house.event(site)
    await house.clip(event_id)
    await house.pull(event_id, site)
    await house.references(event_id, site)
    await house.dataset(site)
    return event_id


def headers_of(answer: httpx.Response) -> dict[str, str]:
    return dict(answer.headers)


async def test_lists_and_counts_hold_nothing_of_the_other_site(house: House) -> None:
    for site in ("north", "south"):
        await house.bed(site, f"{site}-bed")
        await house.event(site, f"{site}-bed")
    for site, other in (("north", "south"), ("south", "north")):
        client = await house.person(f"pat-{site}", "admin", site)
        for path in ("/worklist", "/beds", "/dead-letters"):
            assert other not in (await client.get(f"/api/v1{path}")).text
        page = (await client.get("/api/v1/worklist", params={"state": "all"})).json()
        assert (page["total"], page["open"]) == (1, 1)


async def test_without_a_session_every_route_but_the_open_ones_asks_to_sign_in(house: House) -> None:
    client = await house.stranger()
    for row in ROUTES:
        assert (await ask(client, row, "north", uuid4())).status_code == 401, row


async def test_an_account_without_sites_sees_nothing(house: House) -> None:
    await house.event("north")
    await house.account("eve", "admin")
    client = await house.person("pat", "admin", "nowhere")
    assert (await client.get("/api/v1/worklist")).json() == {"items": [], "total": 0, "open": 0, "next": None}
