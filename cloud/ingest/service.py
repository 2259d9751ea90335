"""Takes the beds' messages: validate, one transaction, then the answers. The same message again has no effect but the same receipt."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import asyncpg
import structlog
from tortoise.exceptions import IntegrityError

from cloud import audit
from cloud.database import Connection, in_transaction
from cloud.devices import service as devices
from cloud.ingest import reconciliation, rules
from cloud.ingest.event_batch import FOREIGN, WATCH_JOB, EventMessage, keep_events
from cloud.ingest.fair_queue import Quotas
from cloud.ingest.rules import Incoming
from cloud.live_view import service as live_view
from cloud.principal import Principal
from cloud.pulls import service as pulls
from shared.contract import Contract
from shared.envelope import unseal
from shared.errors import Refused
from shared.event import EventReport
from shared.heartbeat import BedState, Heartbeat
from shared.live_view import ViewReport
from shared.pull import PullAnswer
from shared.receipt import ReceiptKind
from shared.reconciliation import Digest
from shared.topics import RULES, Address, Topic, parse_topic

PAYLOAD_KEPT = 4_096
DEAD_LETTERS_A_BED = 1_000
REFUSALS_A_MINUTE = 6.0
"""Audit entries on refused messages of one bed; more of them are counted in the next entry."""
NOBODY = "-"
_PERMANENT = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    IntegrityError,
)
_log = structlog.get_logger(__name__)

Reply = tuple[Address, Contract]


def is_permanent(error: BaseException) -> bool:
    """Whether the database will refuse this very message each time: its values, not the database's state, are the cause."""
    unencodable = isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)
    return unencodable or isinstance(error, _PERMANENT) or isinstance(error.__cause__, _PERMANENT)


@dataclass(slots=True)
class _Sorted:
    """Messages by what they are; each with its place in the batch."""

    events: list[tuple[int, EventMessage]] = field(default_factory=list)
    states: list[tuple[Address, BedState]] = field(default_factory=list)
    heartbeats: dict[tuple[str, str], Heartbeat] = field(default_factory=dict)
    digests: list[tuple[int, Address, Digest]] = field(default_factory=list)
    answers: list[tuple[Address, PullAnswer]] = field(default_factory=list)
    views: list[tuple[Address, ViewReport]] = field(default_factory=list)
    refused: list[tuple[int, Address | None, str]] = field(default_factory=list)


class Taker:
    """Takes batches of messages into the open database. One in each ingester; `stored` counts what was new."""

    def __init__(self, clip_overdue_s: int, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.stored = 0
        self._clip_overdue_s = clip_overdue_s
        self._refusals = Quotas(REFUSALS_A_MINUTE, monotonic_ns)

    async def take(self, incoming: Incoming) -> Reply | None:
        """One message alone."""
        return (await self.take_all([incoming]))[0]

    async def take_all(self, batch: Sequence[Incoming]) -> list[Reply | None]:
        """Does what the messages ask for and returns, for each, the answer to publish, if it is one that is answered.

        Never raises for what a message says: a bad one becomes a dead letter. Raises what the database raises when it is
        away, and, for more than one message, when it refuses one of them: then take each alone.
        """
        replies: list[Reply | None] = [None] * len(batch)
        found = _sort(batch)
        await self._take_events(found, replies)
        await _take_health(found)
        for address, answer in found.answers:
            await pulls.take_answer(address, answer)
        for address, view in found.views:
            await live_view.take_report(address, view)
        for place, address, digest in found.digests:
            page = await reconciliation.take_page(address, digest)
            replies[place] = Address(address.site, address.bed, Topic.resend), page
        for place, origin, reason in found.refused:
            replies[place] = await self.refuse(origin, batch[place], reason)
        return replies

    async def _take_events(self, found: _Sorted, replies: list[Reply | None]) -> None:
        messages = [message for _, message in found.events]
        if not messages:
            return
        try:
            kept = await keep_events(messages, self._clip_overdue_s)
        except Exception as error:
            if len(messages) > 1 or not is_permanent(error):
                raise
            reason = f"The database cannot keep this message: {type(error).__name__}."
            found.refused.append((found.events[0][0], messages[0].address, reason))
            return
        self.stored += kept.fresh
        for (place, message), committed_ns in zip(found.events, kept.committed_ns, strict=True):
            address = message.address
            if committed_ns is None:
                found.refused.append((place, address, FOREIGN))
            else:
                receipt = message.receipt(ReceiptKind.stored, committed_ns)
                replies[place] = Address(address.site, address.bed, Topic.receipt), receipt
        for message in kept.new:
            _log.info(
                "event_stored", event_id=str(message.report.event_id), site=message.address.site,
                bed=message.address.bed, phase=message.report.phase.value, sequence=message.sequence,
            )  # fmt: skip

    async def refuse(self, address: Address | None, incoming: Incoming, reason: str) -> Reply | None:
        """Puts the message aside where ops see it, with an audit entry that a flood cannot multiply, and answers `refused`."""
        site, bed = (address.site, address.bed) if address is not None else (NOBODY, NOBODY)
        reason = rules.storable(reason, rules.REASON_LIMIT)
        told = address is not None and address.topic is Topic.event
        receipt = rules.refusal(incoming.payload, reason, time.time_ns()) if told else None
        async with in_transaction() as connection:
            new = await _dead_letter(connection, (site, bed, receipt.sequence if receipt else None), incoming, reason)
            if new and self._refusals.allow(f"{site}.{bed}"):
                unsaid = sum(self._refusals.take_shed(f"{site}.{bed}").values())
                principal = Principal.bed(site, bed) if address is not None else Principal.system("ingester")
                details: dict[str, audit.Detail] = {
                    "reason": reason,
                    "topic": rules.storable(incoming.topic, 200),
                    "not_written_before": unsaid,
                }
                await audit.record(connection, principal, "message_refused", site=site, subject=bed, details=details)
        _log.warning("message_refused", site=site, bed=bed, topic=rules.storable(incoming.topic, 200), reason=reason)
        return None if receipt is None else (Address(site, bed, Topic.receipt), receipt)

    async def note_shed(self, counts: dict[str, int]) -> None:
        """Writes down how many messages of which beds (`{site}/{bed}`) were put off because they sent too many."""
        async with in_transaction() as connection:
            for name in sorted(counts):
                site, _, bed = name.partition("/")
                principal, details = Principal.system("ingester"), {"messages": counts[name]}
                await audit.record(connection, principal, "messages_put_off", site=site, subject=bed, details=details)


def _sort(batch: Sequence[Incoming]) -> _Sorted:
    found = _Sorted()
    for place, incoming in enumerate(batch):
        address: Address | None = None
        try:
            address = parse_topic(incoming.topic)
            _read(found, place, address, incoming.payload)
        except Refused as refused:
            found.refused.append((place, address, refused.sentence))
    return found


def _read(found: _Sorted, place: int, address: Address, payload: bytes) -> None:
    if not RULES[address.topic].from_bed:
        raise Refused("A bed does not write this topic.")
    if address.topic is Topic.event:
        envelope, report = unseal(address, payload, EventReport)
        rules.must_be_numbered(envelope.sequence)
        found.events.append((place, EventMessage(address, envelope.sequence, report)))
    elif address.topic is Topic.state:
        found.states.append((address, unseal(address, payload, BedState)[1]))
    elif address.topic is Topic.answer:
        found.answers.append((address, unseal(address, payload, PullAnswer)[1]))
    elif address.topic is Topic.view:
        found.views.append((address, unseal(address, payload, ViewReport)[1]))
    elif address.topic is Topic.digest:
        found.digests.append((place, address, unseal(address, payload, Digest)[1]))
    else:
        found.heartbeats[address.site, address.bed] = unseal(address, payload, Heartbeat)[1]


async def _take_health(found: _Sorted) -> None:
    beds = {*found.heartbeats, *((address.site, address.bed) for address, _ in found.states)}
    if not beds:
        return
    async with in_transaction() as connection:
        if not found.states:  # nobody was promised a heartbeat: it need not make the events' commits wait for the disk
            await connection.execute_query("SET LOCAL synchronous_commit TO off")
        await devices.ensure_beds(connection, beds)
        for address, state in sorted(found.states, key=lambda each: each[0].text):
            await devices.note_state(connection, address.site, address.bed, state)
        if found.heartbeats:
            await devices.note_heartbeats(connection, found.heartbeats)


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


__all__ = ["WATCH_JOB", "Reply", "Taker", "is_permanent"]
