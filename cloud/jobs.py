"""The jobs of the cloud and who retries them. Jobs are queued by `cloud.database.defer_in_transaction` and taken by workers.

A worker that is killed leaves its job in `doing`; `retry_stalled_jobs` gives it back, ten times at most, then it is parked.
A classification parks itself earlier (cloud/classify/service.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import structlog
from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status

from cloud.audit import anchors
from cloud.audit.signed_heads import HeadsFile
from cloud.clips.service import CLASSIFY_JOB, mark_overdue
from cloud.clips.transfer import drop_abandoned
from cloud.clips.way import Way
from cloud.database import CLASSIFY_QUEUE, UNREACHABLE, UPKEEP_QUEUE, DatabaseAddress
from cloud.ingest.service import WATCH_JOB
from cloud.objects import Objects
from shared.errors import Transient

MAX_FAULTS = 3
MAX_TRIES = 1_000
"""Tries that ended because something else was away; with 5 minutes between them that is more than three days."""
MAX_STALLS = 10
LONGEST_WAIT_S = 300
STALLED_AFTER_S = 30.0
BEAT_PERIOD_S = 5.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkParts:
    """What a worker hands to its jobs."""

    objects: Objects
    way: Way
    classify: Callable[[UUID], Awaitable[None]]
    heads: HeadsFile | None = None


def _parts(context: JobContext) -> WorkParts:
    parts: WorkParts = context.additional_context["parts"]
    return parts


class Again(BaseRetryStrategy):
    """What is away is waited for; a stop gives the job back at once; any other fault is tried three times."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """None parks the job as failed."""
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision()
        patient = isinstance(exception, (Transient, *UNREACHABLE))
        if job.attempts + 1 >= (MAX_TRIES if patient else MAX_FAULTS):
            return None
        return RetryDecision(retry_in={"seconds": min(LONGEST_WAIT_S, 2 ** min(job.attempts + 1, 9))})


async def classify_event(context: JobContext, event_id: str) -> None:
    """A network's suggestion on a clip whose proxies are all stored."""
    await _parts(context).classify(UUID(event_id))


async def watch_clip(event_id: str) -> None:
    """Some time after an event came: is its clip there?"""
    await mark_overdue(UUID(event_id))


async def retry_stalled_jobs(context: JobContext, timestamp: int) -> None:  # noqa: ARG001  periodic tasks are handed it
    """Gives back the jobs of workers that gave no sign of life for 30 s."""
    await take_over_stalled(context.app)


async def keep_audit_heads(context: JobContext, timestamp: int) -> None:  # noqa: ARG001
    """Writes the heads of the audit chains outside the database: to the object store, and signed to the file of the settings."""
    parts = _parts(context)
    await anchors.keep_heads(parts.objects, parts.heads)


async def drop_abandoned_uploads(context: JobContext, timestamp: int) -> None:  # noqa: ARG001
    """Removes what beds began to send and left alone for a day."""
    await drop_abandoned(_parts(context).way)


async def take_over_stalled(app: App) -> int:
    """Returns how many jobs were given back; those that stalled ten times are parked as failed."""
    given_back = 0
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_S):
        if job.attempts >= MAX_STALLS:
            await _park(app, job, "it brought down its worker again and again")
            continue
        try:
            await app.job_manager.retry_job(job)
        except ConnectorException:
            await _park(app, job, "its twin is queued already")
            continue
        given_back += 1
        _log.warning("job_taken_over", task=job.task_name, job=job.id, attempts=job.attempts + 1)
    return given_back


async def _park(app: App, job: Job, reason: str) -> None:
    await app.job_manager.finish_job(job, Status.FAILED, delete_job=False)
    _log.error("job_parked", task=job.task_name, job=job.id, attempts=job.attempts + 1, reason=reason)


def create_jobs_app(address: DatabaseAddress) -> App:
    """The queue in this database with all jobs; open it with `open_async()` before use."""
    app = App(connector=PsycopgConnector(conninfo=address.url, min_size=1, max_size=4))
    again = Again()
    app.task(name=CLASSIFY_JOB, queue=CLASSIFY_QUEUE, retry=again, pass_context=True)(classify_event)
    app.task(name=WATCH_JOB, queue=UPKEEP_QUEUE, retry=again)(watch_clip)
    stalled = app.task(name="retry_stalled_jobs", queue=UPKEEP_QUEUE, pass_context=True)(retry_stalled_jobs)
    heads = app.task(name="keep_audit_heads", queue=UPKEEP_QUEUE, pass_context=True)(keep_audit_heads)
    uploads = app.task(name="drop_abandoned_uploads", queue=UPKEEP_QUEUE, pass_context=True)(drop_abandoned_uploads)
    app.periodic(cron="* * * * * */30")(stalled)
    app.periodic(cron="* * * * *")(heads)
    app.periodic(cron="17 * * * *")(uploads)
    return app
