"""What trust costs: `make bench-trust`. The people's interface with row-level security and audit, and the same without, in turn.

40,000 events of one site; a reader's round of requests (session, worklist pages, events, frame index, a video's first bytes).
Each event is opened by a session for the first time, so each round pays for its entries in the audit log. The cost is the
median round with, over the median round without, less one.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

import httpx

from cloud.database import DatabaseAddress, ensure_database, open_tables
from cloud.schema import migrate_database
from cloud.scope import Asking
from shared.results import Figure, print_results, write_results
from tests.bench import worklist_million
from tests.cloud.people_house import House, open_house
from tests.drills.audit import a_server

COMMAND = "make bench-trust"
EVENTS = 40_000
GOAL = 0.10
API = "/api/v1"


@contextmanager
def without() -> Iterator[None]:
    """The same program with neither the fence nor the log."""

    @contextmanager
    def open_ground() -> Iterator[Asking]:
        yield Asking()

    async def says_nothing(*_: object, **__: object) -> None:
        return None

    with (
        patch("cloud.app.fenced", open_ground),
        patch("cloud.audit.looks.Looks.note", says_nothing),
        patch("cloud.review.service.note_view", says_nothing),
    ):
        yield


async def round_ms(client: httpx.AsyncClient, event_id: UUID) -> float:
    """A reader comes to the list, opens an event and its video, and goes back to the list."""
    paths = (
        "/session",
        "/worklist?limit=50",
        f"/events/{event_id}",
        f"/events/{event_id}/frames/ir",
        f"/events/{event_id}/proxies/ir",
        f"/events/{event_id}/annotation",
        f"/events/{event_id}",
        "/worklist?limit=50&state=all",
        "/worklist?limit=50&bed=bed-7",
    )
    began = time.perf_counter()
    for path in paths:
        answer = await client.get(f"{API}{path}")
        assert answer.status_code == 200, (path, answer.text)
    return 1_000 * (time.perf_counter() - began)


async def measure(house: House, rounds: int) -> tuple[list[float], list[float]]:
    """Rounds with and without, one after the other, each on an event of its own; the first four warm up."""
    with patch.object(worklist_million, "EVENTS", EVENTS), patch.object(worklist_million, "BATCH", EVENTS // 2):
        await worklist_million.fill()
    client = await house.person("ana")
    events = [await house.event() for _ in range(2 * (rounds + 4))]
    for event_id in events:
        await house.clip(event_id)
    took: tuple[list[float], list[float]] = ([], [])
    for number, event_id in enumerate(events):
        if number % 2:
            with without():
                took[1].append(await round_ms(client, event_id))
        else:
            took[0].append(await round_ms(client, event_id))
    return took[0][4:], took[1][4:]


async def run(server: DatabaseAddress, folder: Path, rounds: int) -> dict[str, Figure]:
    """On a database of its own."""
    address = await ensure_database(server, "bench")
    await migrate_database(address)
    async with open_tables(address, 4), open_house(folder) as house:
        trusted, bare = await measure(house, rounds)
    cost = statistics.median(trusted) / statistics.median(bare) - 1
    return {
        "scoping_audit_latency_cost": Figure(round(cost, 3), "of the time", f"<= {GOAL}", cost <= GOAL),
        "round_with_ms": Figure(round(statistics.median(trusted), 1), "ms, 9 requests"),
        "round_without_ms": Figure(round(statistics.median(bare), 1), "ms, 9 requests"),
        "rounds": Figure(len(trusted), "each way"),
    }


def main() -> int:
    """Measures and writes the figures; 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    rounds: int = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="deepepil-bench-", dir="/tmp") as name, a_server(Path(name)) as server:
        figures = asyncio.run(run(server, Path(name), rounds))
    print_results(figures)
    write_results("bench-trust", COMMAND, figures)
    return 0 if all(figure.holds is not False for figure in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
