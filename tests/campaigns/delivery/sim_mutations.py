"""Known wrong ways to deliver, put into a worker for good: each must be seen by the check that is named for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import edge_agent.database
from cloud.database import Connection
from cloud.ingest import event_batch
from cloud.ingest.broker_link import Delivery
from cloud.ingest.event_batch import EventMessage, Key
from cloud.ingest.intake import Intake
from edge_agent.outbox.delivery import Delivery as BedDelivery
from edge_agent.outbox.delivery import Happenings
from edge_agent.outbox.mqtt_client import Acknowledged, News
from edge_agent.outbox.sending import Sending
from edge_agent.transfer.cloud_client import CloudClient
from shared.clip import ClipAnswer, ClipManifest, RawDecision
from shared.envelope import seal, unseal
from shared.errors import DeepEpilError
from shared.event import EventReport
from shared.receipt import Receipt, ReceiptKind
from shared.topics import Address, Topic, parse_topic
from tests.campaigns.delivery.sim_checks import DOUBLED, FALSE_STORED, LOST
from tests.campaigns.delivery.sim_cloud import CloudHost, key_of
from tests.campaigns.delivery.sim_order import STARVED


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is wrong, and which check must say so."""

    sentence: str
    check: str
    apply: Callable[[CloudHost], None]


def mutate(name: str, host: CloudHost) -> None:
    """Puts it into this process and its database; there is no way back."""
    MUTATIONS[name].apply(host)


def _auto_ack(_host: CloudHost) -> None:
    shipped = Intake.take

    async def take(self: Any, batch: Sequence[Delivery]) -> None:
        for delivery in batch:
            self._link.acknowledge(delivery)
        await shipped(self, batch)

    Intake.take = take  # type: ignore[method-assign]


def _receipt_first(_host: CloudHost) -> None:
    shipped = Intake.take

    async def take(self: Any, batch: Sequence[Delivery]) -> None:
        for delivery in batch:
            key = key_of(delivery.incoming)
            if key is not None:
                address = parse_topic(delivery.incoming.topic)
                receipt = Receipt(
                    event_id=key[2], sequence=key[1], revision=key[3], kind=ReceiptKind.stored, committed_utc_ns=1
                )
                place = Address(address.site, address.bed, Topic.receipt)
                self._link.publish(place.text, seal(place, receipt, 1), qos=1)
        await shipped(self, batch)

    Intake.take = take  # type: ignore[method-assign]


def _no_unique(host: CloudHost) -> None:
    rows = host.rows("SELECT conname FROM pg_constraint WHERE conrelid = 'bed_message'::regclass AND contype = 'u'")
    names = [row["conname"] for row in rows]
    indexes = host.rows(
        "SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid = 'bed_message'::regclass AND indisunique"
        " AND NOT indisprimary"
    )
    host.execute("; ".join(f'ALTER TABLE bed_message DROP CONSTRAINT "{name}"' for name in names) or "SELECT 1")
    if not names:
        host.execute("; ".join(f"DROP INDEX {row['name']}" for row in indexes))

    async def note(connection: Connection, messages: Iterable[EventMessage], now_ns: int) -> dict[Key, int]:
        keys = sorted({message.key for message in messages})
        for key in keys:
            await connection.execute_query(
                "INSERT INTO bed_message (site, bed, sequence, event_id, revision, committed_at_ns)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                [*key, now_ns],
            )
        return dict.fromkeys(keys, now_ns)

    event_batch._note_messages = note


def _no_second_look(host: CloudHost) -> None:
    """The event's job is queued for every message, without its lock."""
    shipped: Callable[..., Awaitable[None]] = event_batch._follow_up

    async def follow(connection: Connection, new: Sequence[EventMessage], clip_overdue_s: int) -> None:
        await shipped(connection, new, clip_overdue_s)
        for message in new:
            await connection.execute_query(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, args)"
                " VALUES ('upkeep', 'watch_clip', jsonb_build_object('event_id', $1::text))",
                [str(message.report.event_id)],
            )

    event_batch._follow_up = follow


def _any_4xx_is_stored(_host: CloudHost) -> None:
    shipped = CloudClient.put_clip

    def put_clip(self: CloudClient, manifest: ClipManifest) -> ClipAnswer:
        try:
            return shipped(self, manifest)
        except DeepEpilError as error:
            if " 4" not in error.sentence:
                raise
            return ClipAnswer(event_id=manifest.event_id, missing=[], raw=RawDecision.send, clip_stored=True)

    CloudClient.put_clip = put_clip  # type: ignore[method-assign]


def _pin_ends_at_puback(_host: CloudHost) -> None:
    shipped = BedDelivery._hear

    def hear(self: Any, news: News, told: Happenings) -> None:
        if isinstance(news, Acknowledged) and news.sequence is not None:
            self._connection.execute(
                "DELETE FROM pins WHERE event_id = (SELECT event_id FROM messages WHERE sequence = ?)", (news.sequence,)
            )
        shipped(self, news, told)

    BedDelivery._hear = hear  # type: ignore[method-assign]


def _gone_at_puback(_host: CloudHost) -> None:
    """The message leaves the outbox as the broker has it, as if that were a receipt."""
    shipped = BedDelivery._hear

    def hear(self: Any, news: News, told: Happenings) -> None:
        if isinstance(news, Acknowledged) and news.sequence is not None:
            body = self._outbox.body(news.sequence)
            if body is not None:
                address = Address(self._address.site, self._address.bed, Topic.event)
                report = unseal(address, body, EventReport)[1]
                receipt = Receipt(
                    event_id=UUID(str(report.event_id)), sequence=news.sequence, revision=report.revision,
                    kind=ReceiptKind.released, committed_utc_ns=1,
                )  # fmt: skip
                self._take_receipt(receipt, told)
        shipped(self, news, told)

    BedDelivery._hear = hear  # type: ignore[method-assign]


def _newest_first(_host: CloudHost) -> None:
    def next_message(self: Any, now_ns: int) -> int | None:
        del now_ns
        newest: int | None = self._pop_fresh(newest=True)
        if newest is not None:
            return newest
        while self._again:
            self._again.sort()
            sequence: int = self._again.pop()[1]
            if sequence in self._sends:
                return sequence
        return None

    Sending._next = next_message  # type: ignore[method-assign]


def _log_not_flushed(_host: CloudHost) -> None:
    shipped = edge_agent.database._set_pragmas

    def set_pragmas(connection: sqlite3.Connection) -> None:
        shipped(connection)
        connection.execute("PRAGMA synchronous = NORMAL")

    edge_agent.database._set_pragmas = set_pragmas


MUTATIONS: dict[str, Mutation] = {
    "auto_ack": Mutation("a message is acknowledged before it is kept", "acknowledged before commit", _auto_ack),
    "receipt_before_commit": Mutation("the receipt goes before the commit", "receipt before commit", _receipt_first),
    "unique_dropped": Mutation("the ledger takes a message twice", DOUBLED, _no_unique),
    "job_without_lock": Mutation("the job of an event is queued twice", DOUBLED, _no_second_look),
    "4xx_is_stored": Mutation("any 4xx answer to a manifest counts as stored", FALSE_STORED, _any_4xx_is_stored),
    "pin_ends_at_puback": Mutation("the broker's word ends a pin", "pin without receipt", _pin_ends_at_puback),
    "puback_is_receipt": Mutation("the broker's word counts as a receipt", "pin without receipt", _gone_at_puback),
    "newest_starves_oldest": Mutation("the newest message always goes first", STARVED, _newest_first),
    "fsync_removed": Mutation("SQLite does not flush at a commit", LOST, _log_not_flushed),
}
