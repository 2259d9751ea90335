"""Signing in and out through the real application: one answer to every wrong pair, limits, ends, cookies, the first account."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from cloud.accounts import service
from cloud.accounts.routes import BACKGROUND_HEADER, COOKIE
from cloud.accounts.rules import ABSOLUTE_END_NS, IDLE_END_NS, LOGIN_WINDOW_NS, Role
from cloud.accounts.tables import LoginFailure, PersonSession
from cloud.database import in_transaction
from cloud.principal import Principal
from shared.clock import NS_PER_S
from shared.errors import Refused
from tests.cloud.people_house import House

PASSWORD = "a quiet night on ward 4"


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same algorithm with the least parameters: what is tested here is not its cost."""
    monkeypatch.setattr(service, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    service._decoy_hash.cache_clear()
    yield
    service._decoy_hash.cache_clear()


async def make_account(house: House, name: str = "ana", *sites: str) -> None:
    async with in_transaction() as connection:
        await service.create_account(
            connection,
            Principal.system("test"),
            name,
            PASSWORD,
            Role.clinician,
            sites or ("north",),
            house.clock.now_ns,
        )


async def sign_in(client: httpx.AsyncClient, account: str, password: str) -> httpx.Response:
    return await client.post("/api/v1/session", json={"account": account, "password": password})


async def test_a_person_signs_in_is_known_and_signs_out(house: House) -> None:
    await make_account(house, "ana", "north", "south")
    client = await house.stranger()
    answer = await sign_in(client, "ana", PASSWORD)
    assert answer.status_code == 200
    assert answer.json() == {"account": "ana", "role": "clinician", "sites": ["north", "south"]}
    assert (await client.get("/api/v1/session")).json()["account"] == "ana"
    token = client.cookies[COOKIE]
    assert (await client.delete("/api/v1/session")).status_code == 204
    client.cookies.set(COOKIE, token)
    assert (await client.get("/api/v1/session")).status_code == 401


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(house: House) -> None:
    await make_account(house)
    answer = await sign_in(await house.stranger(), "ana", PASSWORD)
    flags = answer.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=strict" in flags
    assert "path=/" in flags


async def test_the_database_holds_no_token_that_opens_a_door(house: House) -> None:
    await make_account(house)
    client = await house.stranger()
    await sign_in(client, "ana", PASSWORD)
    (session,) = await PersonSession.all()
    assert client.cookies[COOKIE] not in (session.token_sha256,)
    client.cookies.set(COOKIE, session.token_sha256)
    assert (await client.get("/api/v1/session")).status_code == 401


async def test_a_wrong_name_and_a_wrong_password_get_the_same_answer_and_the_same_work(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_account(house)
    verified: list[bool] = []
    whole = service._verify

    def counted(password_hash: str | None, password: str) -> bool:
        verified.append(password_hash is None)
        return whole(password_hash, password)

    monkeypatch.setattr(service, "_verify", counted)
    client = await house.stranger()
    known, unknown = await sign_in(client, "ana", "wrong"), await sign_in(client, "nobody", "wrong")
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert known.status_code == 401
    assert dict(known.headers) == dict(unknown.headers)
    assert verified == [False, True]


async def test_the_decoy_costs_what_a_real_hash_costs() -> None:
    parameters = service._hasher.hash("anything").split("$")[:4]
    assert service._decoy_hash().split("$")[:4] == parameters
    assert not service._verify(None, "anything")


@pytest.mark.parametrize("name", ["ana", "nobody"])
async def test_after_five_failures_a_name_waits_whether_it_exists_or_not(house: House, name: str) -> None:
    await make_account(house)
    client = await house.stranger()
    answers = [(await sign_in(client, name, "wrong")).status_code for _ in range(6)]
    assert answers == [401] * 5 + [429]
    limited = await sign_in(client, name, PASSWORD)
    assert limited.status_code == 429
    assert limited.headers["retry-after"] == "300"
    house.clock.now_ns += LOGIN_WINDOW_NS
    assert (await sign_in(client, "ana", PASSWORD)).status_code == 200


async def test_an_address_that_tries_many_names_waits(house: House) -> None:
    client = await house.stranger()
    answers = [(await sign_in(client, f"name-{number}", "wrong")).status_code for number in range(21)]
    assert answers == [401] * 20 + [429]


async def test_tries_at_the_same_moment_all_count(house: House) -> None:
    await make_account(house)
    client = await house.stranger()
    answers = await asyncio.gather(*(sign_in(client, "ana", "wrong") for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 5


async def test_a_right_password_clears_the_count(house: House) -> None:
    await make_account(house)
    client = await house.stranger()
    for _ in range(3):
        for _ in range(4):
            await sign_in(client, "ana", "wrong")
        assert (await sign_in(client, "ana", PASSWORD)).status_code == 200
        await LoginFailure.filter(key__startswith="address").delete()


async def test_failures_and_logins_are_audited_without_what_was_typed(house: House) -> None:
    await make_account(house)
    client = await house.stranger()
    await sign_in(client, "ana", "wrong")
    await sign_in(client, PASSWORD, "typed into the wrong field")
    await sign_in(client, "ana", PASSWORD)
    assert await house.deeds("-") == [
        ("system:test", "account_created", "ana"),
        ("ana", "login_failed", "ana"),
        ("unknown", "login_failed", "unknown"),
        ("ana", "signed_in", "ana"),
    ]


async def test_a_session_ends_after_idle_time_and_use_keeps_it_alive(house: House) -> None:
    client = await house.person("ana")
    for _ in range(3):
        house.clock.now_ns += IDLE_END_NS - NS_PER_S
        assert (await client.get("/api/v1/session")).status_code == 200
    house.clock.now_ns += IDLE_END_NS
    assert (await client.get("/api/v1/session")).status_code == 401


async def test_a_page_that_refreshes_by_itself_does_not_keep_a_session_alive(house: House) -> None:
    client = await house.person("ana")
    background = {BACKGROUND_HEADER: "1"}
    house.clock.now_ns += IDLE_END_NS - NS_PER_S
    assert (await client.get("/api/v1/session", headers=background)).status_code == 200
    house.clock.now_ns += NS_PER_S
    assert (await client.get("/api/v1/session", headers=background)).status_code == 401


async def test_a_session_ends_after_twelve_hours_of_use(house: House) -> None:
    client = await house.person("ana")
    end_ns = house.clock.now_ns + ABSOLUTE_END_NS
    while house.clock.now_ns < end_ns - IDLE_END_NS // 2:
        assert (await client.get("/api/v1/session")).status_code == 200
        house.clock.now_ns += IDLE_END_NS // 2
    house.clock.now_ns = end_ns
    assert (await client.get("/api/v1/session")).status_code == 401


@pytest.mark.parametrize(
    "body", [{}, {"account": "ana"}, {"account": "a\x00", "password": "x"}, {"account": "ana", "password": "\ud800"}]
)
async def test_credentials_of_the_wrong_shape_are_refused_in_words(house: House, body: dict[str, Any]) -> None:
    client = await house.stranger()
    answer = await client.post(
        "/api/v1/session", content=json.dumps(body), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "body" in answer.json()["detail"]


async def test_the_first_account_is_made_once_and_works(house: House) -> None:
    first = await service.ensure_first_account(["north"], house.clock.now_ns)
    assert first is not None
    assert await service.ensure_first_account(["north"], house.clock.now_ns) is None
    answer = await sign_in(await house.stranger(), first.name, first.password)
    assert answer.json() == {"account": "admin", "role": "admin", "sites": ["north"]}


async def test_two_processes_that_start_together_make_one_first_account(house: House) -> None:
    made = await asyncio.gather(*(service.ensure_first_account(["north"], 1) for _ in range(4)))
    assert sum(one is not None for one in made) == 1


@pytest.mark.parametrize(
    ("name", "password"), [("Ana", PASSWORD), ("", PASSWORD), ("a" * 65, PASSWORD), ("eva", "short")]
)
async def test_a_bad_name_or_a_short_password_makes_no_account(house: House, name: str, password: str) -> None:
    with pytest.raises(Refused):
        async with in_transaction() as connection:
            await service.create_account(connection, Principal.system("t"), name, password, Role.ops, ["north"], 1)


async def test_a_lost_password_is_renewed_and_the_old_one_and_its_sessions_end(house: House) -> None:
    await make_account(house, "ana")
    client = await house.stranger()
    await sign_in(client, "ana", PASSWORD)
    given = await service.give_access("ana", Role.clinician, (), house.clock.now_ns)
    assert (await client.get("/api/v1/session")).status_code == 401
    assert (await sign_in(client, "ana", PASSWORD)).status_code == 401
    assert (await sign_in(client, "ana", given.password)).status_code == 200


async def test_a_new_account_needs_a_site_and_a_known_one_takes_none(house: House) -> None:
    with pytest.raises(Refused, match="a --role and at least one --site"):
        await service.give_access("ben", Role.clinician, (), house.clock.now_ns)
    given = await service.give_access("ben", Role.clinician, ("north",), house.clock.now_ns)
    assert (await sign_in(await house.stranger(), "ben", given.password)).status_code == 200
    with pytest.raises(Refused, match="leave out --site"):
        await service.give_access("ben", Role.clinician, ("south",), house.clock.now_ns)
