"""Sends what the cloud lacks of each clip: wires the uploader to the database, the bus and the cloud's address."""

from __future__ import annotations

import random
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.bus_messages import BusTopic, UploadProgress
from edge_agent.clips.store import ClipStore
from edge_agent.runner import Context
from edge_agent.settings import UploadSettings
from edge_agent.transfer.cloud_client import CloudAddress, CloudClient
from edge_agent.transfer.pace import Pace, RatePlan, RateWindow
from edge_agent.transfer.plan import ClipEnd
from edge_agent.transfer.uploader import Uploader, UploadTurn
from shared.clock import NS_PER_S

IDLE_TURN_MS = 500
LOOK_NS = 2 * NS_PER_S


def client_of(context: Context) -> CloudClient:
    """The cloud by the settings. Raises Misconfigured when a certificate file cannot be used."""
    settings = context.settings
    mqtt, cloud = settings.mqtt, settings.cloud
    upload = settings.upload
    address = CloudAddress(
        cloud.url, cloud.ca_file or mqtt.ca_file, mqtt.certificate_file, mqtt.key_file, upload.store_origin,
        upload.store_ca_file,
    )  # fmt: skip
    return CloudClient(address, Pace(rate_plan(upload), context.clock, context.stop.wait, context.beat))


def rate_plan(upload: UploadSettings) -> RatePlan:
    """The rate by time of day, as the settings say."""
    windows = [
        RateWindow(time.fromisoformat(each.start), time.fromisoformat(each.end), each.rate_bytes_per_s)
        for each in upload.windows
    ]
    return RatePlan(upload.rate_bytes_per_s, windows, ZoneInfo(upload.time_zone))


def changed_ns(certificate: Path | None) -> int:
    """When the file changed last; 0 for none, or one that is being replaced."""
    try:
        return certificate.stat().st_mtime_ns if certificate is not None else 0
    except OSError:
        return 0


def run(context: Context) -> None:
    """Until the stop: one request a turn; looks for new clips every two seconds and when the bus speaks of one.

    It ends by itself when the bed's certificate is a new one: started again, it shows that.
    """
    certificate = context.settings.mqtt.certificate_file
    shown = changed_ns(certificate)
    client = client_of(context)
    uploader = Uploader(context.folder, ClipStore(context.database()), client, context.clock, random.Random())
    inbox = context.subscribe(BusTopic.clip)
    look_at_ns, last_trouble = 0, ""
    while not context.stop.is_set():
        if context.clock.monotonic_ns() >= look_at_ns:
            if changed_ns(certificate) != shown:
                context.log.info("certificate_changed")
                break
            uploader.look()
            look_at_ns = context.clock.monotonic_ns() + LOOK_NS
        turn = uploader.turn()
        last_trouble = _tell(context, turn, client, last_trouble)
        context.beat(sent_bytes=client.sent_bytes)
        if inbox.receive(0 if turn.busy else IDLE_TURN_MS) is not None:
            look_at_ns = 0
    client.close()


def _tell(context: Context, turn: UploadTurn, client: CloudClient, last_trouble: str) -> str:
    """Log and bus; returns the last trouble, which is not told twice in a row."""
    for sentence in turn.troubles:
        if sentence != last_trouble:
            context.log.warning("upload_troubled", sentence=sentence)
            last_trouble = sentence
    if turn.dead is not None:
        context.log.error("clip_refused", event_id=str(turn.dead))
    if turn.partial is not None:
        context.log.error("clip_became_partial", event_id=str(turn.partial))
    for event_id in turn.reopened:
        context.log.info("clip_reopened", event_id=str(event_id))
    if turn.done is not None:
        word = "clip_stored" if turn.done.end is ClipEnd.stored else "clip_released"
        context.log.info(
            word, event_id=str(turn.done.event_id), segments=turn.done.segments, bytes=turn.done.size_bytes
        )
        progress = UploadProgress(event_id=turn.done.event_id, what=word, sent_bytes=client.sent_bytes)
        context.publish(BusTopic.upload, progress)
    return last_trouble
