"""Generated requests against every operation of the real application: no fault of the server, no undocumented answer.

A short run with a fixed seed: 20 examples an operation, by two persons of two sites in turn, half of them about things that
exist. What is generated does not always fit the document on purpose.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import schemathesis
from argon2 import PasswordHasher
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cloud.accounts import service
from cloud.accounts.routes import COOKIE
from cloud.audit.tables import AuditEntry
from cloud.database import DatabaseAddress, open_tables
from cloud.openapi import openapi_document
from tests.cloud.people_house import ORIGIN, House, open_house

EXAMPLES = 20
SEED = 20_261_122
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
SITES = ("north", "south")
OPERATIONS: list[APIOperation[Any, Any, Any, Any]] = [
    found.ok() for found in schemathesis.openapi.from_dict(openapi_document()).get_all_operations()
]
T = TypeVar("T")


@dataclass
class Served:
    """The application on a loop of its own thread, with a person, a bed and a filmed event in each of two sites."""

    house: House
    loop: asyncio.AbstractEventLoop
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)
    statuses: set[int] = field(default_factory=set)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    async def fill(self) -> None:
        for site in SITES:
            for bed in ("bed-1", "bed-2"):
                await self.house.bed(site, bed)
            event_id = await self.house.event(site)
            await self.house.clip(event_id)
            self.events[site] = str(event_id)
            self.clients[site] = await self.house.person(f"pat-{site}", "admin", site)

    async def send(self, case: Case, site: str, *, real: bool) -> httpx.Response:
        """Sends the case as the site's person, who signs in anew; `real`: about the site's own event and beds."""
        if real:
            known = {"site": site, "bed": "bed-1", "event_id": self.events[site], "stream": "ir"}
            case.path_parameters.update({name: known[name] for name in case.path_parameters if name in known})
        wanted = case.as_transport_kwargs(base_url=ORIGIN)
        client = self.clients[site]
        client.cookies.clear()
        client.cookies.set(COOKIE, await self.house.session(f"pat-{site}"))
        headers = {**dict(wanted["headers"]), "origin": ORIGIN}
        return await client.request(
            wanted["method"],
            wanted["url"],
            params=wanted.get("params"),
            headers=headers,
            json=wanted.get("json"),
            content=wanted.get("data"),
        )


@pytest.fixture(scope="module")
def served(module_database: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The filled application; logins hash cheaply here."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stack = AsyncExitStack()

    async def open_all(folder: Path) -> Served:
        await stack.enter_async_context(open_tables(module_database, connections=6))
        found = Served(await stack.enter_async_context(open_house(folder)), loop)
        await found.fill()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        opened = asyncio.run_coroutine_threadsafe(open_all(tmp_path_factory.mktemp("house")), loop).result(60)
        yield opened
        opened.wait(stack.aclose())
    loop.call_soon_threadsafe(loop.stop)
    thread.join(30)
    loop.close()


def cases(operation: APIOperation[Any, Any, Any, Any]) -> st.SearchStrategy[Case]:
    fitting = operation.as_strategy(GenerationMode.POSITIVE)
    if not list(operation.iter_parameters()) and not operation.body:
        return fitting
    return fitting | operation.as_strategy(GenerationMode.NEGATIVE)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)
def test_no_generated_request_breaks_the_server_or_gets_an_undocumented_answer(
    served: Served, operation: APIOperation[Any, Any, Any, Any]
) -> None:
    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases(operation), site=st.sampled_from(SITES), real=st.booleans())
    def run(case: Case, site: str, real: bool) -> None:
        answer = served.wait(served.send(case, site, real=real))
        served.statuses.add(answer.status_code)
        other = next(name for name in SITES if name != site)
        assert served.events[other] not in answer.text or served.events[other] in str(answer.request.url)
        case.validate_response(answer, checks=CHECKS)

    run()


def test_the_generated_requests_reached_both_the_inside_and_the_fence(served: Served) -> None:
    assert {200, 404, 422} <= served.statuses
    assert served.wait(_refusals())


async def _refusals() -> bool:
    return await AuditEntry.filter(deed="refused").exists()
