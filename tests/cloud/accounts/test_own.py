"""A person's own account: the second factor at the door, a new password, sessions ended, the glass broken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from argon2 import PasswordHasher

from cloud.accounts import service
from cloud.accounts.rules import BROKEN_GLASS_NS
from cloud.accounts.second_factor import STEP_S, code_at
from cloud.accounts.tables import Account, SiteGrant
from shared.clock import NS_PER_S
from tests.cloud.people_house import House

PASSWORD = "a quiet night on ward 4"
STEP_NS = STEP_S * NS_PER_S


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(service, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    service._decoy_hash.cache_clear()
    yield
    service._decoy_hash.cache_clear()


async def with_password(house: House, name: str = "ana", role: str = "clinician", *sites: str) -> httpx.AsyncClient:
    """A signed-in person who knows a password."""
    client = await house.person(name, role, *sites)
    await Account.filter(name=name).update(password_hash=service._hasher.hash(PASSWORD))
    return client


def code_now(house: House, secret: str, steps: int = 0) -> str:
    return code_at(secret, house.clock.now_ns // STEP_NS + steps)


async def sign_in(house: House, **typed: str) -> httpx.Response:
    return await (await house.stranger()).post("/api/v1/session", json={"account": "ana", **typed})


async def with_second_factor(house: House) -> tuple[httpx.AsyncClient, str]:
    client = await with_password(house)
    secret = (await client.post("/api/v1/account/second-factor", json={"password": PASSWORD})).json()["secret"]
    answer = await client.put("/api/v1/account/second-factor", json={"code": code_now(house, secret)})
    assert answer.status_code == 204
    house.clock.now_ns += STEP_NS
    return client, secret


async def test_who_set_up_a_second_factor_needs_it_at_the_door(house: House) -> None:
    client, secret = await with_second_factor(house)
    assert (await client.get("/api/v1/account")).json()["second_factor"] is True
    without = await sign_in(house, password=PASSWORD)
    wrong_code = await sign_in(house, password=PASSWORD, code="000000")
    wrong_password = await sign_in(house, password="wrong", code=code_now(house, secret))
    assert [one.status_code for one in (without, wrong_code, wrong_password)] == [401] * 3
    assert without.content == wrong_code.content == wrong_password.content
    assert (await sign_in(house, password=PASSWORD, code=code_now(house, secret))).status_code == 200


async def test_a_code_opens_once(house: House) -> None:
    _, secret = await with_second_factor(house)
    code = code_now(house, secret)
    assert (await sign_in(house, password=PASSWORD, code=code)).status_code == 200
    assert (await sign_in(house, password=PASSWORD, code=code)).status_code == 401


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 200), (0, 200), (1, 200), (2, 401)])
async def test_a_telephones_clock_may_be_half_a_minute_off(house: House, steps: int, status: int) -> None:
    _, secret = await with_second_factor(house)
    house.clock.now_ns += 3 * STEP_NS  # the code of the confirmation is used up
    assert (await sign_in(house, password=PASSWORD, code=code_now(house, secret, steps))).status_code == status


async def test_guessed_codes_are_counted_as_guessed_passwords(house: House) -> None:
    _, secret = await with_second_factor(house)
    answers = [await sign_in(house, password=PASSWORD, code=f"{number:06}") for number in range(6)]
    assert [one.status_code for one in answers] == [401] * 5 + [429]
    assert (await sign_in(house, password=PASSWORD, code=code_now(house, secret))).status_code == 429


async def test_a_second_factor_begins_with_the_password_and_holds_with_its_first_code(house: House) -> None:
    client = await with_password(house)
    wrong = await client.post("/api/v1/account/second-factor", json={"password": "wrong"})
    assert wrong.status_code == 401
    secret = (await client.post("/api/v1/account/second-factor", json={"password": PASSWORD})).json()["secret"]
    assert (await sign_in(house, password=PASSWORD)).status_code == 200  # not yet
    refused = await client.put("/api/v1/account/second-factor", json={"code": "000000"})
    assert refused.status_code == 409
    assert secret not in refused.text
    assert (await client.get("/api/v1/account")).json()["second_factor"] is False


async def test_where_it_is_required_nothing_else_is_seen_before_it_is_set_up(house: House) -> None:
    house.app.state.parts = _requiring(house)
    client = await with_password(house)
    assert (await client.get("/api/v1/vocabulary")).status_code == 403
    secret = (await client.post("/api/v1/account/second-factor", json={"password": PASSWORD})).json()["secret"]
    await client.put("/api/v1/account/second-factor", json={"code": code_now(house, secret)})
    assert (await client.get("/api/v1/vocabulary")).status_code == 200


def _requiring(house: House) -> Any:
    from dataclasses import replace

    return replace(house.parts, second_factor_required=True)


async def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(house: House) -> None:
    client = await with_password(house)
    other = await house.stranger()
    await other.post("/api/v1/session", json={"account": "ana", "password": PASSWORD})
    new = {"password": PASSWORD, "new_password": "another quiet night"}
    assert (await client.put("/api/v1/account/password", json={**new, "password": "wrong"})).status_code == 401
    assert (await client.put("/api/v1/account/password", json={**new, "new_password": "short"})).status_code == 422
    assert (await client.put("/api/v1/account/password", json={**new, "new_password": PASSWORD})).status_code == 422
    assert (await client.put("/api/v1/account/password", json=new)).status_code == 204
    assert (await other.get("/api/v1/session")).status_code == 401
    assert (await client.get("/api/v1/session")).status_code == 200
    assert (await sign_in(house, password=PASSWORD)).status_code == 401
    assert (await sign_in(house, password="another quiet night")).status_code == 200


async def test_one_ends_ones_own_sessions_and_nobody_elses(house: House) -> None:
    client = await with_password(house)
    stranger = await house.person("eva")
    other = await house.stranger()
    await other.post("/api/v1/session", json={"account": "ana", "password": PASSWORD})
    sessions = (await client.get("/api/v1/account")).json()["sessions"]
    assert sorted(one["this_one"] for one in sessions) == [False, True]
    (name,) = [one["name"] for one in sessions if not one["this_one"]]
    assert (await stranger.delete(f"/api/v1/account/sessions/{name}")).status_code == 404
    assert (await client.delete(f"/api/v1/account/sessions/{name}")).status_code == 204
    assert (await other.get("/api/v1/session")).status_code == 401


class TestBrokenGlass:
    """An account that is marked for it sees a site for an hour, and everybody hears of it."""

    async def request(self, client: httpx.AsyncClient, **wanted: str) -> httpx.Response:
        asked = {"site": "south", "reason": "the ward asks for help with a status", **wanted}
        return await client.post("/api/v1/account/broken-glass", json=asked)

    async def test_it_lets_see_for_an_hour_and_not_do(self, house: House) -> None:
        await house.bed("south")
        event_id = await house.event("south")
        client = await house.person("ana", "clinician", "north")
        await Account.filter(name="ana").update(may_break_glass=True)
        path = f"/api/v1/events/{event_id}"
        assert (await client.get(path)).status_code == 404
        assert (await self.request(client)).status_code == 201
        assert (await client.get(path)).status_code == 200
        verdict = {"verdict": "confirmed", "expected_version": 0, "suggestion_shown": False}
        assert (await client.put(f"{path}/review", json=verdict)).status_code == 404
        for _ in range(3):
            house.clock.now_ns += BROKEN_GLASS_NS // 3
            last = await client.get(path)
        assert last.status_code == 404

    async def test_it_is_audited_in_the_sites_own_chain_with_its_reason(self, house: House) -> None:
        await house.bed("south")
        client = await house.person("ana", "clinician", "north")
        await Account.filter(name="ana").update(may_break_glass=True)
        await self.request(client)
        assert await house.deeds("south") == [("ana", "glass_broken", "ana")]

    async def test_another_session_of_the_same_person_does_not_see_it(self, house: House) -> None:
        await house.bed("south")
        event_id = await house.event("south")
        client = await with_password(house, "ana", "clinician", "north")
        await Account.filter(name="ana").update(may_break_glass=True)
        await self.request(client)
        other = await house.stranger()
        await other.post("/api/v1/session", json={"account": "ana", "password": PASSWORD})
        assert (await other.get(f"/api/v1/events/{event_id}")).status_code == 404

    async def test_an_account_that_is_not_marked_and_a_site_that_is_not_there_get_the_same_answer(
        self, house: House
    ) -> None:
        await house.bed("south")
        client = await house.person("ana", "clinician", "north")
        unmarked = await self.request(client)
        await Account.filter(name="ana").update(may_break_glass=True)
        nowhere = await self.request(client, site="nowhere")
        assert unmarked.status_code == nowhere.status_code == 404
        assert unmarked.content == nowhere.content
        assert await house.deeds("north") == [("ana", "refused", "broken_glass")] * 2

    @pytest.mark.parametrize("reason", ["because", "for the seizure of Anna Kowalska", "room 4711 of 03/04/2026"])
    async def test_a_reason_says_why_and_names_nobody(self, house: House, reason: str) -> None:
        await house.bed("south")
        client = await house.person("ana", "clinician", "north")
        await Account.filter(name="ana").update(may_break_glass=True)
        assert (await self.request(client, reason=reason)).status_code == 422


async def test_a_person_with_two_roles_sees_each_site_as_its_role_allows(house: House) -> None:
    ids = {site: await house.event(site) for site in ("north", "south")}
    for site in ids:
        await house.bed(site)
    client = await house.person("ana", "clinician", "north")
    await SiteGrant.create(account_id="ana", site="south", role="ops")
    assert (await client.get("/api/v1/session")).json()["role"] == "clinician+ops"
    assert (await client.get(f"/api/v1/events/{ids['north']}")).status_code == 200
    foreign = await client.get(f"/api/v1/events/{ids['south']}")
    assert (foreign.status_code, foreign.content) == (
        404,
        (await client.get(f"/api/v1/events/{uuid4()}")).content,
    )
    beds = (await client.get("/api/v1/beds")).json()["beds"]
    assert sorted(bed["site"] for bed in beds) == ["north", "south"]
