"""A video that is under way ends with its session, over a real connection, within five seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from cloud.accounts.own import end_session
from cloud.accounts.routes import COOKIE
from cloud.accounts.rules import ABSOLUTE_END_NS
from cloud.accounts.service import session_of
from cloud.accounts.tables import Account, PersonSession
from cloud.processes.listeners import people_listener
from cloud.settings import PeopleSection
from tests.brokers import free_port
from tests.cloud.people_house import House
from tests.cloud.processes.test_listeners import serving

VIDEO = bytes(32 * 1024 * 1024)
PATIENCE_S = 30.0


async def length_of(pieces: AsyncIterator[bytes]) -> int:
    return sum([len(piece) async for piece in pieces])


async def signs_out(house: House) -> None:
    client = await house.stranger()
    client.cookies.set(COOKIE, "token-of-ana")
    assert (await client.delete("/api/v1/session")).status_code == 204


async def ends_it_elsewhere(house: House) -> None:
    person = await session_of("token-of-ana", house.clock.now_ns, background=True)
    assert person is not None
    await end_session(person, person.session[:16])


async def is_disabled(house: House) -> None:
    await Account.filter(name="ana").update(active=False)


async def grows_too_old(house: House) -> None:
    house.clock.now_ns += ABSOLUTE_END_NS


@pytest.mark.parametrize("deed", [signs_out, ends_it_elsewhere, is_disabled, grows_too_old])
async def test_a_video_under_way_ends_with_its_session(house: House, deed: Callable[[House], Awaitable[None]]) -> None:
    event_id = await house.event("north")
    await house.clip(event_id, VIDEO)
    await house.person("ana", "clinician", "north")
    section = PeopleSection(port=free_port())
    async with serving(lambda heard: people_listener(house.app, section, heard)):
        address = f"http://127.0.0.1:{section.port}/api/v1/events/{event_id}/proxies/ir"
        async with (
            httpx.AsyncClient(cookies={COOKIE: "token-of-ana"}) as client,
            client.stream("GET", address) as answer,
        ):
            assert answer.status_code == 200
            pieces = answer.aiter_raw()
            received = len(await anext(pieces))
            await deed(house)
            async with asyncio.timeout(PATIENCE_S):
                while house.app.state.open_answers.count:
                    await asyncio.sleep(0.02)
            with pytest.raises(httpx.RemoteProtocolError):
                received += await length_of(pieces)
            assert received < len(VIDEO)


async def test_a_living_session_keeps_its_video(house: House) -> None:
    await house.person("ana")
    cut: list[str] = []
    answers = house.app.state.open_answers
    (row,) = await PersonSession.all()
    with answers.held(lambda: row.token_sha256, lambda: cut.append("living")), answers.held(lambda: "", list):
        assert await answers.look() == 0
        await row.delete()
        assert await answers.look() == 1
        assert await answers.look() == 1
    assert cut == ["living"]
