"""Tells the health of the bed every few seconds: on the bus for the publisher, in `run/heartbeat.json` for `status`."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import psutil

from edge_agent.bus_messages import BusTopic
from edge_agent.health import Health
from edge_agent.metrics import MetricsListener, page_of
from edge_agent.ring.disk_space import free_bytes_of
from edge_agent.ring.folder import RUN
from edge_agent.runner import Context
from edge_agent.settings import Settings
from shared.clock import NS_PER_S, utc_error_ns
from shared.finding import certificate_findings
from shared.heartbeat import Heartbeat

PERIOD_NS = 5 * NS_PER_S
TURN_MS = 500
MOST_ALARMS = 32
HEARTBEAT_FILE = "heartbeat.json"


def usage_of(pid: int) -> tuple[float, int] | None:
    """CPU seconds and resident bytes; None when the process is gone."""
    try:
        process = psutil.Process(pid)
        times = process.cpu_times()
        return times.user + times.system, process.memory_info().rss
    except psutil.Error:
        return None


def write_heartbeat(folder: Path, heartbeat: Heartbeat) -> None:
    """Whole or not at all. Raises OSError."""
    partial = folder / RUN / f"{HEARTBEAT_FILE}.partial"
    partial.write_text(heartbeat.model_dump_json())
    partial.replace(folder / RUN / HEARTBEAT_FILE)


def completed(heartbeat: Heartbeat, settings: Settings, now_ns: int) -> Heartbeat:
    """With the hash of the settings, and an alarm when the certificate ends soon: then nothing has renewed it."""
    certificate = settings.mqtt.certificate_file
    found = [each.sentence for each in certificate_findings(certificate, now_ns)] if certificate is not None else []
    alarms = [*heartbeat.alarms, *found][:MOST_ALARMS]
    return heartbeat.model_copy(update={"config": settings.file_sha256, "alarms": alarms})


def run(context: Context) -> None:
    """Until the stop: hears the others, tells each five seconds."""
    storage = context.settings.storage
    health = Health(storage, context.database(), context.clock, usage_of, free_bytes_of(storage.folder), utc_error_ns)
    inbox = context.subscribe(
        BusTopic.beat, BusTopic.camera, BusTopic.score, BusTopic.link, BusTopic.live, BusTopic.processes
    )
    listener = MetricsListener(context.settings.metrics.port) if context.settings.metrics.port else None
    next_ns = context.clock.monotonic_ns() + PERIOD_NS // 2
    while not context.stop.is_set():
        found = inbox.receive(TURN_MS)
        if found is not None:
            health.hear(*found)
        context.beat()
        if context.clock.monotonic_ns() < next_ns:
            continue
        next_ns = context.clock.monotonic_ns() + PERIOD_NS
        try:
            heartbeat = completed(health.heartbeat(), context.settings, context.clock.utc_ns())
            context.publish(BusTopic.heartbeat, heartbeat)
            write_heartbeat(storage.folder, heartbeat)
            if listener is not None:
                bed, mqtt = context.settings.bed, context.settings.mqtt
                listener.show(page_of(bed.site, bed.bed, heartbeat, mqtt.certificate_file))
        except (OSError, sqlite3.OperationalError) as error:
            context.log.error("heartbeat_failed", sentence=f"No heartbeat could be made: {error}.")
    if listener is not None:
        listener.close()
