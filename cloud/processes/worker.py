"""The worker: takes jobs from the queue. One of it, or as many as there are machines."""

from __future__ import annotations

import asyncio
from uuid import UUID

import structlog
from procrastinate import App

from cloud.audit.signed_heads import HeadsFile
from cloud.clips.service import way_of
from cloud.database import CLASSIFY_QUEUE, UPKEEP_QUEUE, database_server, open_tables
from cloud.jobs import BEAT_PERIOD_S, STALLED_AFTER_S, WorkParts, create_jobs_app
from cloud.objects import Objects
from cloud.processes.run import until_stopped
from cloud.schema import must_be_current
from cloud.settings import AuditSection, CloudSettings
from shared.clock import SystemClock

_log = structlog.get_logger(__name__)


async def run_worker(settings: CloudSettings, stop: asyncio.Event) -> None:
    """Until `stop`: the upkeep queue beside the classification queue, so that a long job never delays the upkeep."""
    from cloud.classify.clip_classifier import ClipClassifier
    from cloud.classify.service import ClassifyParts, classify_event

    objects = Objects(settings.objects)
    classifier = ClipClassifier(settings.worker.releases_folder, settings.worker.classifier, settings.worker.threads)
    classify_parts = ClassifyParts(objects, classifier, SystemClock())

    async def classify(event_id: UUID) -> None:
        await classify_event(event_id, classify_parts)

    parts = WorkParts(objects, way_of(objects), classify, heads_file(settings.audit))
    async with database_server(settings.database) as address, open_tables(address, settings.database.connections):
        await must_be_current(address)
        app = create_jobs_app(address)
        async with app.open_async():
            _log.info("worker_started", classifier=settings.worker.classifier)
            queues = ((UPKEEP_QUEUE, 1), (CLASSIFY_QUEUE, settings.worker.jobs_at_once))
            await until_stopped(stop, *(serve(app, queue, at_once, parts) for queue, at_once in queues))
    classifier.close()


def heads_file(section: AuditSection) -> HeadsFile | None:
    """Where signed heads go; None where the settings name no file. Raises Misconfigured for a bad key."""
    if section.heads_file is None or section.signing_key_file is None:
        return None
    return HeadsFile.open(section.heads_file, section.signing_key_file)


async def serve(app: App, queue: str, at_once: int, parts: WorkParts, *, wait: bool = True) -> None:
    """Takes jobs of one queue until cancelled, or with `wait=False` until none is left."""
    await app.run_worker_async(
        queues=[queue],
        name=queue,
        concurrency=at_once,
        wait=wait,
        install_signal_handlers=False,
        delete_jobs="successful",
        shutdown_graceful_timeout=5,
        update_heartbeat_interval=BEAT_PERIOD_S,
        stalled_worker_timeout=STALLED_AFTER_S,
        additional_context={"parts": parts},
    )
