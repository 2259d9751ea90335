"""The cloud's figures for Prometheus: every bed by its newest heartbeat, readers' work, jobs, certificates. No patient's code.

They are of all sites, so they have a listener of their own, on this machine alone unless the settings say otherwise.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloud.check_rows import rows
from cloud.clips.service import CLASSIFY_JOB
from cloud.database import UNREACHABLE
from cloud.devices.queries import connections, heartbeats
from cloud.ingest.service import WATCH_JOB
from cloud.principal import Principal
from cloud.settings import CloudSettings
from shared.bed_metrics import BedNews, bed_metrics
from shared.clock import NS_PER_S
from shared.finding import certificate_end_ns
from shared.metrics import CONTENT_TYPE, Metric, metrics_text

ANSWER_WITHIN_S = 10.0
_SYSTEM = Principal.system("metrics")
_REVIEW = (
    "SELECT site, count(*) AS n, min(opened_utc_ns) AS oldest FROM review_task WHERE state = 'open' GROUP BY site"
    " ORDER BY site LIMIT 1000"
)
_DUE = (
    "SELECT queue, count(*) AS n, extract(epoch FROM now() - min(due))::float8 AS age FROM (SELECT queue_name AS queue,"
    " greatest(coalesce(scheduled_at, to_timestamp(0)), (SELECT max(at) FROM procrastinate_events"
    " WHERE job_id = procrastinate_jobs.id)) AS due FROM procrastinate_jobs WHERE status = 'todo') AS job"
    " WHERE due <= now() GROUP BY queue ORDER BY queue LIMIT 1000"
)
_FAILED = (
    "SELECT task_name AS task, count(*) AS n FROM procrastinate_jobs WHERE status = 'failed' GROUP BY task_name"
    " ORDER BY task_name LIMIT 1000"
)
_GLASS = "SELECT site, count(*) FILTER (WHERE until_utc_ns > $1) AS n FROM broken_glass GROUP BY site ORDER BY site LIMIT 1000"
_GLASS = "SELECT site, count(*) FILTER (WHERE until_utc_ns > $1) AS n FROM broken_glass GROUP BY site ORDER BY site LIMIT 1000"
_DEAD = "SELECT site, bed, count(*) AS n FROM dead_letter GROUP BY site, bed ORDER BY site, bed LIMIT 10000"


@dataclass(frozen=True, slots=True)
class CloudFigures:
    """The metrics of the cloud itself, empty at first."""

    reachable: Metric = field(
        default_factory=lambda: Metric("database_reachable_ratio", "1 while the database answers")
    )
    online: Metric = field(
        default_factory=lambda: Metric("bed_online_ratio", "1 while the bed's agent is connected to the broker")
    )
    waiting: Metric = field(default_factory=lambda: Metric("review_waiting", "events that wait for a reader"))
    oldest: Metric = field(
        default_factory=lambda: Metric("review_oldest_age_seconds", "since the event that waits longest was made")
    )
    due: Metric = field(default_factory=lambda: Metric("jobs_due", "jobs that are due and not taken, by queue"))
    due_age: Metric = field(
        default_factory=lambda: Metric("jobs_oldest_due_age_seconds", "since the oldest of them was due")
    )
    failed: Metric = field(
        default_factory=lambda: Metric(
            "jobs_failed", "jobs parked after all their tries, until a person deals with them"
        )
    )
    dead: Metric = field(
        default_factory=lambda: Metric("dead_letters", "messages of a bed that will never be taken, by bed")
    )
    glass: Metric = field(
        default_factory=lambda: Metric("broken_glass", "people who see a site now without a grant, by site")
    )
    certificates: Metric = field(
        default_factory=lambda: Metric("certificate_end_timestamp_seconds", "when a certificate ends")
    )

    @property
    def metrics(self) -> list[Metric]:
        """All of them, in the order of the page."""
        return [
            self.reachable, self.online, self.waiting, self.oldest, self.due, self.due_age, self.failed, self.dead,
            self.glass, self.certificates,
        ]  # fmt: skip


def certificates_of(settings: CloudSettings) -> dict[str, Path]:
    """The certificates that this installation shows, by a name for people."""
    found = {"server": settings.beds.certificate_file}
    if settings.mqtt.certificate_file is not None:
        found["cloud"] = settings.mqtt.certificate_file
    return found


async def metrics_page(certificates: Mapping[str, Path], now_ns: int) -> str:
    """The page now (UTC ns). A database that is away, or answers later than 10 s, is a figure of its own."""
    figures = CloudFigures()
    for name, path in certificates.items():
        end_ns = certificate_end_ns(path)
        if end_ns is not None:
            figures.certificates.add(end_ns / NS_PER_S, of=name)
    beds: list[Metric] = []
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            beds = await _beds(figures, now_ns)
            await _work(figures, now_ns)
        figures.reachable.add(1)
    except UNREACHABLE:
        figures.reachable.add(0)
    return metrics_text([*figures.metrics, *beds])


async def _beds(figures: CloudFigures, now_ns: int) -> list[Metric]:
    for (site, bed), connection in sorted((await connections(_SYSTEM)).items()):
        figures.online.add(connection.online, site=site, bed=bed)
    news = [
        BedNews(site, bed, heartbeat, max(0.0, (now_ns - received_ns) / NS_PER_S))
        for (site, bed), (heartbeat, received_ns) in sorted((await heartbeats(_SYSTEM)).items())
    ]
    return bed_metrics(news)


async def _work(figures: CloudFigures, now_ns: int) -> None:
    for row in await rows(_REVIEW):
        site = str(row["site"])
        figures.waiting.add(int(str(row["n"])), site=site)
        figures.oldest.add(max(0.0, (now_ns - int(str(row["oldest"]))) / NS_PER_S), site=site)
    for row in await rows(_DUE):
        queue = str(row["queue"])
        figures.due.add(int(str(row["n"])), queue=queue)
        figures.due_age.add(float(str(row["age"])), queue=queue)
    parked = {CLASSIFY_JOB: 0, WATCH_JOB: 0}
    parked |= {str(row["task"]): int(str(row["n"])) for row in await rows(_FAILED)}
    for task, count in sorted(parked.items()):
        figures.failed.add(count, task=task)
    for row in await rows(_GLASS, now_ns):
        figures.glass.add(int(str(row["n"])), site=str(row["site"]))
    for row in await rows(_DEAD):
        figures.dead.add(int(str(row["n"])), site=str(row["site"]), bed=str(row["bed"]))


def create_metrics_app(certificates: Mapping[str, Path]) -> Starlette:
    """Answers GET /metrics and nothing else; the tables must be open."""

    async def page(_request: Request) -> Response:
        return Response(await metrics_page(certificates, time.time_ns()), media_type=CONTENT_TYPE)

    return Starlette(routes=[Route("/metrics", page)])
