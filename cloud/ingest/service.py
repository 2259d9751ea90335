"""Takes a bed's message: validate, one transaction, then the receipt. The same message again has no effect but the same receipt."""

from __future__ import annotations

import hashlib
import time

import structlog

import cloud.review.service
from cloud import audit
from cloud.clips.tables import Event
from cloud.database import Connection, defer_in_transaction, in_transaction
from cloud.devices import service as devices
from cloud.ingest import rules
from cloud.ingest.rules import Incoming
from cloud.ingest.tables import BedMessage
from cloud.principal import Principal
from shared.envelope import Envelope, unseal
from shared.errors import Refused
from shared.event import EventPhase, EventReport
from shared.heartbeat import BedState, Heartbeat
from shared.receipt import Receipt, ReceiptKind
from shared.topics import RULES, Address, Topic, parse_topic

WATCH_JOB = "watch_clip"
PAYLOAD_KEPT = 4_096
DEAD_LETTERS_A_BED = 1_000
NOBODY = "-"
_log = structlog.get_logger(__name__)

Reply = tuple[Address, Receipt]


async def take(incoming: Incoming, clip_overdue_s: int) -> Reply | None:
    """Does what the message asks for and returns the receipt to publish, if it is one that is answered.

    Never raises for what a message says: a bad one becomes a dead letter. Raises what the database raises when it is away.
    """
    address: Address | None = None
    try:
        address = parse_topic(incoming.topic)
        if not RULES[address.topic].from_bed:
            raise Refused("A bed does not write this topic.")
        if address.topic is Topic.event:
            envelope, report = unseal(address, incoming.payload, EventReport)
            rules.must_be_numbered(envelope.sequence)
            return _at(address), await store_event(address, envelope, report, clip_overdue_s)
        await _take_health(address, incoming.payload)
    except Refused as refused:
        return await refuse(address, incoming, refused.sentence)
    return None


def _at(address: Address) -> Address:
    return Address(address.site, address.bed, Topic.receipt)


async def _take_health(address: Address, payload: bytes) -> None:
    async with in_transaction() as connection:
        if address.topic is Topic.state:
            _, state = unseal(address, payload, BedState)
            await devices.ensure_bed(connection, address.site, address.bed)
            await devices.note_state(connection, address.site, address.bed, state)
        else:
            _, heartbeat = unseal(address, payload, Heartbeat)
            await devices.ensure_bed(connection, address.site, address.bed)
            await devices.note_heartbeat(connection, address.site, address.bed, heartbeat)


async def store_event(address: Address, envelope: Envelope, report: EventReport, clip_overdue_s: int) -> Receipt:
    """Event, review task, jobs and audit entry in one transaction. Raises Refused for an event of another bed."""
    site, bed = address.site, address.bed
    async with in_transaction() as connection:
        committed_ns = time.time_ns()
        fresh = await _note_message(connection, address, envelope.sequence, report, committed_ns)
        if fresh:
            await devices.ensure_bed(connection, site, bed)
            new = await _keep_event(connection, address, envelope.sequence, report, committed_ns)
            await cloud.review.service.open_task(connection, report.event_id, site)
            if new:
                await _follow_up(connection, address, envelope.sequence, report, clip_overdue_s)
        else:
            committed_ns = await _committed_before(connection, address, envelope.sequence, report)
    if fresh:
        _log.info(
            "event_stored",
            event_id=str(report.event_id),
            site=site,
            bed=bed,
            phase=report.phase.value,
            sequence=envelope.sequence,
        )
    return Receipt(
        event_id=report.event_id,
        sequence=envelope.sequence,
        kind=ReceiptKind.stored,
        committed_utc_ns=committed_ns,
    )


async def _note_message(
    connection: Connection, address: Address, sequence: int, report: EventReport, committed_ns: int
) -> bool:
    """Writes the message into the ledger. False: it was there."""
    rows = await connection.execute_query_dict(
        "INSERT INTO bed_message (site, bed, sequence, event_id, revision, committed_at_ns)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (site, bed, sequence, event_id, revision) DO NOTHING RETURNING id",
        [address.site, address.bed, sequence, str(report.event_id), report.revision, committed_ns],
    )
    return bool(rows)


async def _committed_before(connection: Connection, address: Address, sequence: int, report: EventReport) -> int:
    row = await BedMessage.get(
        site=address.site,
        bed=address.bed,
        sequence=sequence,
        event_id=report.event_id,
        revision=report.revision,
        using_db=connection,
    )
    return int(row.committed_at_ns)


async def _keep_event(
    connection: Connection, address: Address, sequence: int, report: EventReport, now_ns: int
) -> bool:
    """Inserts the event or brings it up to the report's revision. Returns whether it is new."""
    body = report.model_dump()
    body |= {"phase": report.phase.value, "cause": report.cause.value, "sequence": sequence, "updated_at_ns": now_ns}
    row = Event(**body, site=address.site, bed=address.bed, received_at_ns=now_ns)
    await Event.bulk_create([row], ignore_conflicts=True, using_db=connection)
    kept = await Event.filter(event_id=report.event_id).using_db(connection).select_for_update().get()
    if (kept.site, kept.bed) != (address.site, address.bed):
        raise Refused("The event belongs to another bed.", event_id=str(report.event_id))
    new = bool(kept.received_at_ns == now_ns and kept.sequence == sequence)
    if not new and rules.replaces(kept.revision, EventPhase(kept.phase), report):
        del body["event_id"]
        await Event.filter(event_id=report.event_id).using_db(connection).update(**body)
    return new


async def _follow_up(
    connection: Connection, address: Address, sequence: int, report: EventReport, clip_overdue_s: int
) -> None:
    name = str(report.event_id)
    lock = f"watch:{name}"
    await defer_in_transaction(
        connection, WATCH_JOB, {"event_id": name}, scheduled_in_s=clip_overdue_s, queueing_lock=lock
    )
    principal = Principal.bed(address.site, address.bed)
    details = {"sequence": sequence, "cause": report.cause.value}
    await audit.record(connection, principal, "event_stored", site=address.site, subject=name, details=details)


async def refuse(address: Address | None, incoming: Incoming, reason: str) -> Reply | None:
    """Puts the message aside where ops see it, with an audit entry the first time, and answers `refused` where it can."""
    site, bed = (address.site, address.bed) if address is not None else (NOBODY, NOBODY)
    reason = rules.storable(reason, rules.REASON_LIMIT)
    told = address is not None and address.topic is Topic.event
    receipt = rules.refusal(incoming.payload, reason, time.time_ns()) if told else None
    async with in_transaction() as connection:
        new = await _dead_letter(connection, (site, bed, receipt.sequence if receipt else None), incoming, reason)
        if new and (address is None or address.topic is not Topic.heartbeat):
            principal = Principal.bed(site, bed) if address is not None else Principal.system("ingester")
            details = {"reason": reason, "topic": rules.storable(incoming.topic, 200)}
            await audit.record(connection, principal, "message_refused", site=site, subject=bed, details=details)
    _log.warning("message_refused", site=site, bed=bed, topic=rules.storable(incoming.topic, 200), reason=reason)
    return None if receipt is None or address is None else (_at(address), receipt)


async def _dead_letter(
    connection: Connection, origin: tuple[str, str, int | None], incoming: Incoming, reason: str
) -> bool:
    """Keeps the letter of (site, bed, sequence), or counts it once more; each bed keeps its newest thousand.

    Returns whether it is new.
    """
    digest = hashlib.sha256(incoming.topic.encode("utf-8", "replace") + b"\n" + incoming.payload).hexdigest()
    start = rules.storable(incoming.payload[:PAYLOAD_KEPT].decode("utf-8", "replace"), PAYLOAD_KEPT)
    rows = await connection.execute_query_dict(
        "INSERT INTO dead_letter (site, bed, sequence, topic, reason, payload_start, payload_bytes, digest, times, first_at_ns,"
        " last_at_ns) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $9) ON CONFLICT (digest) DO UPDATE"
        " SET times = dead_letter.times + 1, last_at_ns = excluded.last_at_ns RETURNING times",
        [*origin, rules.storable(incoming.topic, 256), reason, start, len(incoming.payload), digest, time.time_ns()],
    )
    new = int(rows[0]["times"]) == 1
    if new:
        await connection.execute_query(
            "DELETE FROM dead_letter WHERE id IN (SELECT id FROM dead_letter WHERE site = $1 AND bed = $2"
            " ORDER BY last_at_ns DESC OFFSET $3)",
            [*origin[:2], DEAD_LETTERS_A_BED],
        )
    return new
