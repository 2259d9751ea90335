"""I10: while workers and ingesters run, what is due is done. A cloud that is stopped makes no progress and no fault."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from cloud.check_rows import Look, rows

LATE_S = 600
"""What was due ten minutes ago and was not begun stands still."""
ALIVE_S = 60
_ALIVE = "SELECT count(*) AS n FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => $1)"
_LATE = (
    "SELECT queue_name, task_name, count(*) AS n FROM procrastinate_jobs WHERE status = 'todo'"
    " AND greatest(coalesce(scheduled_at, to_timestamp(0)), (SELECT max(at) FROM procrastinate_events"
    " WHERE job_id = procrastinate_jobs.id)) < now() - make_interval(secs => $1)"
    " GROUP BY queue_name, task_name ORDER BY 1, 2 LIMIT 1000"
)
_STALLED = (
    "SELECT procrastinate_jobs.id, task_name FROM procrastinate_jobs LEFT JOIN procrastinate_workers"
    " ON procrastinate_workers.id = worker_id WHERE status = 'doing'"
    " AND coalesce(last_heartbeat, to_timestamp(0)) < now() - make_interval(secs => $1) ORDER BY 1 LIMIT 1000"
)
_UNTOLD = (
    "SELECT site, bed, version FROM desired WHERE version > published_version"
    " AND (body->>'issued_utc_ns')::bigint < $1 ORDER BY site, bed LIMIT 1000"
)


async def workers_run() -> bool:
    """Whether any worker gave a sign of life within a minute."""
    return int(str((await rows(_ALIVE, float(ALIVE_S)))[0]["n"])) > 0


async def work_goes_on(_look: Look) -> AsyncIterator[str]:
    """Jobs that are due are taken, no job hangs with a dead worker, wishes reach the broker."""
    if not await workers_run():
        return
    for row in await rows(_LATE, float(LATE_S)):
        yield f"{row['n']} jobs {row['task_name']} of the queue {row['queue_name']} were due {LATE_S // 60} minutes ago"
    for row in await rows(_STALLED, float(LATE_S)):
        yield f"job {row['id']} ({row['task_name']}) is being done by a worker that is gone"
    for row in await rows(_UNTOLD, time.time_ns() - LATE_S * 1_000_000_000):
        yield f"version {row['version']} of what is wanted of bed {row['site']}.{row['bed']} never reached the broker"
