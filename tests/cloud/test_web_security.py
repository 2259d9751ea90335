"""What browsers and logs are given: no inline script or style, no read by foreign pages, no secret in an address or a log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from cloud.accounts import service
from cloud.accounts.routes import COOKIE
from cloud.accounts.second_factor import STEP_S, code_at
from cloud.accounts.tables import Account
from cloud.app import SECURITY_HEADERS, create_people_app
from cloud.openapi import openapi_document
from shared.clock import NS_PER_S
from shared.logs import set_up_logs
from tests.cloud.people_house import House

ROOT = Path(__file__).parents[2]
PASSWORD = "marker-password-4711"


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(service, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    service._decoy_hash.cache_clear()
    yield
    service._decoy_hash.cache_clear()


def test_the_policy_allows_this_origin_and_nothing_written_into_the_page() -> None:
    policy = SECURITY_HEADERS["content-security-policy"]
    rules = {name: values for name, *values in (rule.split() for rule in policy.split(";"))}
    assert rules["default-src"] == ["'self'"]
    assert "script-src" not in rules
    assert "style-src" not in rules
    for word in ("unsafe-inline", "unsafe-eval", "data:", "http:", "https:", "*"):
        assert word not in policy, word
    assert rules["frame-ancestors"] == rules["object-src"] == rules["base-uri"] == ["'none'"]


def test_the_page_has_nothing_inline_that_the_policy_would_stop() -> None:
    page = (ROOT / "cloud/web/index.html").read_text()
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page))
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page)
    sources = [path.read_text() for path in (ROOT / "cloud/web/src").rglob("*.tsx")]
    assert not [text for text in sources if "dangerouslySetInnerHTML" in text]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_foreign_page_can_read_nothing_even_with_the_cookie(house: House, site: str) -> None:
    event_id = await house.event()
    await house.clip(event_id)
    client = await house.person("ana")
    for path in ("/session", f"/events/{event_id}", f"/events/{event_id}/proxies/ir"):
        foreign = await client.get(f"/api/v1{path}", headers={"sec-fetch-site": site})
        assert foreign.status_code == 403, path
        own = await client.get(f"/api/v1{path}", headers={"sec-fetch-site": "same-origin"})
        assert own.status_code == 200, path
    assert (
        await client.get("/", headers={"sec-fetch-site": site})
    ).status_code != 403  # a link to the page may be followed


async def test_with_https_the_cookie_belongs_to_this_host_alone(house: House) -> None:
    app = create_people_app(replace(house.parts, secure_cookies=True))
    await house.account("ana", "clinician", "north")
    await Account.filter(name="ana").update(password_hash=service._hasher.hash(PASSWORD))
    transport = httpx.ASGITransport(app)
    origin = "https://people.test"
    async with httpx.AsyncClient(transport=transport, base_url=origin, headers={"origin": origin}) as client:
        answer = await client.post("/api/v1/session", json={"account": "ana", "password": PASSWORD})
        flags = answer.headers["set-cookie"]
        assert flags.startswith(f"__Host-{COOKIE}=")
        assert {"secure", "httponly", "path=/", "samesite=strict"} <= {
            flag.strip().lower() for flag in flags.split(";")
        }
        assert "domain" not in flags.lower()
        assert (await client.get("/api/v1/session")).status_code == 200
        token = client.cookies[f"__Host-{COOKIE}"]
        client.cookies.clear()
        client.cookies.set(COOKIE, token)  # planted by a page of a sibling host: not ours
        assert (await client.get("/api/v1/session")).status_code == 401
        client.cookies.clear()
        client.cookies.set(f"__Host-{COOKIE}", token)
        gone = await client.delete("/api/v1/session")
        assert gone.headers["set-cookie"].startswith(f'__Host-{COOKIE}=""')


def test_no_secret_has_a_place_in_an_address() -> None:
    paths: dict[str, dict[str, Any]] = openapi_document()["paths"]
    for path, operations in paths.items():
        for operation in operations.values():
            names = {one["name"] for one in operation.get("parameters", []) if one["in"] in {"path", "query"}}
            assert not names & {"token", "password", "secret", "key", "signature", "cookie"}, path


async def test_no_secret_is_logged_or_told(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("deepepil-cloud", "api")
    await house.account("ana", "clinician", "north")
    await Account.filter(name="ana").update(password_hash=service._hasher.hash(PASSWORD))
    client = await house.stranger()
    texts = []
    for password in ("wrong-marker-password", PASSWORD):
        answer = await client.post("/api/v1/session", json={"account": "ana", "password": password})
        texts.append(answer.text)
    token = client.cookies[COOKIE]
    begun = await client.post("/api/v1/account/second-factor", json={"password": PASSWORD})
    secret = begun.json()["secret"]
    code = code_at(secret, house.clock.now_ns // NS_PER_S // STEP_S)
    for typed in ({"code": "x" * 8}, {"code": code}):
        texts.append((await client.put("/api/v1/account/second-factor", json=typed)).text)
    texts.append((await client.get("/api/v1/account")).text)
    texts.append((await client.put("/api/v1/account/password", json={"password": PASSWORD, "new_password": 5})).text)
    texts += [str(deed) for deed in await house.deeds("-")]
    said = "".join([*texts, *capsys.readouterr()])
    for marker in (PASSWORD, "wrong-marker-password", token, secret):
        assert marker not in said
