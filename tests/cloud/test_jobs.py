"""Jobs on a real queue: they run, they are retried, and a killed worker's job is taken over."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from procrastinate import App

from cloud.clips.service import CLASSIFY_JOB, way_of
from cloud.clips.tables import Event
from cloud.database import CLASSIFY_QUEUE, UPKEEP_QUEUE, DatabaseAddress, defer_in_transaction, in_transaction
from cloud.ingest.service import WATCH_JOB
from cloud.jobs import MAX_STALLS, Again, WorkParts, create_jobs_app, take_over_stalled
from cloud.objects import Objects
from cloud.processes.worker import serve
from cloud.settings import ObjectsSection
from shared.errors import Refused, Transient
from tests.cloud.facts import stored_event

KILLED = """
import asyncio, sys
from cloud.database import DatabaseAddress
from cloud.jobs import WorkParts, create_jobs_app
from cloud.processes.worker import serve

async def classify(_event_id):
    print("begun", flush=True)
    await asyncio.Event().wait()

async def main():
    app = create_jobs_app(DatabaseAddress.parse(sys.argv[1]))
    async with app.open_async():
        await serve(app, "classify", 1, WorkParts(None, None, classify))

asyncio.run(main())
"""


class Work:
    """The queue, and a classifier that notes what it was asked."""

    def __init__(self, app: App, folder: Path) -> None:
        self.app = app
        self.classified: list[UUID] = []
        self.fault: Exception | None = None
        objects = Objects(ObjectsSection(url=f"file://{folder}"))
        self.parts = WorkParts(objects, way_of(objects), self._classify)

    async def _classify(self, event_id: UUID) -> None:
        self.classified.append(event_id)
        if self.fault is not None:
            raise self.fault

    async def queue_classification(self, event_id: UUID) -> None:
        async with in_transaction() as connection:
            args = {"event_id": str(event_id)}
            await defer_in_transaction(connection, CLASSIFY_JOB, args, queue=CLASSIFY_QUEUE, queueing_lock="x")

    async def work_off(self, queue: str) -> None:
        await serve(self.app, queue, 1, self.parts, wait=False)


@pytest.fixture
async def work(database: DatabaseAddress, tmp_path: Path) -> AsyncIterator[Work]:
    app = create_jobs_app(database)
    async with app.open_async():
        yield Work(app, tmp_path)


async def states(address: DatabaseAddress) -> list[tuple[str, int]]:
    connection = await asyncpg.connect(address.url)
    rows = await connection.fetch(
        "SELECT status::text, attempts FROM procrastinate_jobs WHERE task_name = 'classify_event'"
    )
    await connection.close()
    return [(row["status"], row["attempts"]) for row in rows]


async def run_sql(address: DatabaseAddress, query: str) -> None:
    connection = await asyncpg.connect(address.url)
    await connection.execute(query)
    await connection.close()


async def test_a_job_runs_and_is_gone(work: Work, database: DatabaseAddress) -> None:
    event_id = await stored_event()
    await work.queue_classification(event_id)
    await work.work_off(CLASSIFY_QUEUE)
    assert work.classified == [event_id]
    assert await states(database) == []


async def test_an_event_without_a_clip_becomes_overdue(work: Work) -> None:
    event_id = await stored_event()
    async with in_transaction() as connection:
        await defer_in_transaction(connection, WATCH_JOB, {"event_id": str(event_id)})
    await work.work_off(UPKEEP_QUEUE)
    assert (await Event.get(event_id=event_id)).clip_overdue


async def test_the_job_of_a_killed_worker_is_taken_over(work: Work, database: DatabaseAddress) -> None:
    event_id = await stored_event()
    await work.queue_classification(event_id)
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, database.url, stdout=asyncio.subprocess.PIPE
    )
    assert worker.stdout is not None
    assert await asyncio.wait_for(worker.stdout.readline(), 60) == b"begun\n"
    os.kill(worker.pid, signal.SIGKILL)
    await worker.wait()
    assert await take_over_stalled(work.app) == 0, "it was alive a moment ago"
    assert await states(database) == [("doing", 0)]
    await run_sql(database, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '31 s'")
    assert await take_over_stalled(work.app) == 1
    await work.work_off(CLASSIFY_QUEUE)
    assert work.classified == [event_id]
    assert await states(database) == []


async def test_a_job_that_stalls_again_and_again_is_parked(work: Work, database: DatabaseAddress) -> None:
    await work.queue_classification(await stored_event())
    await run_sql(database, f"UPDATE procrastinate_jobs SET status = 'doing', attempts = {MAX_STALLS}")  # noqa: S608
    assert await take_over_stalled(work.app) == 0
    assert await states(database) == [("failed", MAX_STALLS + 1)]


async def test_a_stalled_job_whose_twin_is_queued_is_parked(work: Work, database: DatabaseAddress) -> None:
    event_id = await stored_event()
    await work.queue_classification(event_id)
    await run_sql(database, "UPDATE procrastinate_jobs SET status = 'doing'")
    await work.queue_classification(event_id)
    assert await take_over_stalled(work.app) == 0
    assert sorted(await states(database)) == [("failed", 1), ("todo", 0)]


@pytest.mark.parametrize(
    ("fault", "tries"), [(Refused("no"), 3), (ArithmeticError(), 3), (Transient("away"), 1_000), (OSError(), 1_000)]
)
def test_what_is_away_is_waited_for_and_any_other_fault_is_tried_three_times(fault: Exception, tries: int) -> None:
    from procrastinate.jobs import Job

    def job(attempts: int) -> Job:
        return Job(id=1, queue="q", lock=None, queueing_lock=None, task_name="t", attempts=attempts)

    decisions = [Again().get_retry_decision(exception=fault, job=job(attempts)) for attempts in range(tries)]
    assert all(decision is not None for decision in decisions[:-1])
    assert decisions[-1] is None


async def test_a_failing_job_is_tried_again_later(work: Work, database: DatabaseAddress) -> None:
    await work.queue_classification(await stored_event())
    work.fault = Transient("The store is away.")
    await work.work_off(CLASSIFY_QUEUE)
    assert await states(database) == [("todo", 1)]
    work.fault = None
    await run_sql(database, "UPDATE procrastinate_jobs SET scheduled_at = now() - interval '1 s'")
    await work.work_off(CLASSIFY_QUEUE)
    assert await states(database) == []
