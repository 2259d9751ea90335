"""Known wrong ways to deliver, put into a child of the nursery: the campaign must be seen to fail with each of them.

They change what the shipped code calls, inside the child only.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

MUTATIONS: dict[str, str] = {
    "auto_ack": "messages are acknowledged to the broker as they arrive",
    "unique_dropped": "the cloud's tables have no UNIQUE constraints, and nothing asks for conflicts",
    "fsync_removed": "SQLite commits with synchronous=OFF at the bed",
    "receipt_before_commit": "the receipt is sent before the cloud's commit",
    "refusal_as_stored": "any answer 4xx to a clip is taken as stored",
    "puback_as_receipt": "the broker's acknowledgement is taken for the cloud's receipt",
    "not_read_back": "the cloud calls an object stored without reading it back",
}
OF_PROGRAM: dict[str, str] = {
    "auto_ack": "ingester",
    "unique_dropped": "ingester",
    "fsync_removed": "feed",
    "receipt_before_commit": "ingester",
    "refusal_as_stored": "uploader",
    "puback_as_receipt": "publisher",
    "not_read_back": "api",
}
"""Which program it goes into."""


def mutate(name: str) -> None:
    """Puts the mutation into this process. The empty name changes nothing."""
    if name:
        changes: dict[str, Callable[[], None]] = {
            "auto_ack": _auto_ack,
            "unique_dropped": _unique_dropped,
            "fsync_removed": _fsync_removed,
            "receipt_before_commit": _receipt_before_commit,
            "refusal_as_stored": _refusal_as_stored,
            "puback_as_receipt": _puback_as_receipt,
            "not_read_back": _not_read_back,
            "classify_played": lambda: _play_classifier(""),
            "classify_slow": lambda: _play_classifier("slow"),
            "classify_dies": lambda: _play_classifier("dies"),
        }
        changes[name]()


def _auto_ack() -> None:
    from paho.mqtt.client import Client

    from cloud.ingest import broker_link

    def client(*words: Any, **options: Any) -> Any:
        return Client(*words, **{**options, "manual_ack": False})

    setattr(broker_link, "Client", client)  # noqa: B010


def _unique_dropped() -> None:
    from cloud.ingest import event_batch

    async def note(connection: Any, messages: Sequence[Any], now_ns: int) -> dict[Any, int]:
        for key in sorted({message.key for message in messages}):
            await connection.execute_query(
                "INSERT INTO bed_message (site, bed, sequence, event_id, revision, committed_at_ns)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                [*key, now_ns],
            )
        return {message.key: now_ns for message in messages}

    setattr(event_batch, "_note_messages", note)  # noqa: B010


DROP_UNIQUE = (
    "DO $$ DECLARE each record; BEGIN FOR each IN SELECT conrelid::regclass AS t, conname AS c FROM pg_constraint"
    " WHERE contype IN ('u', 'p') AND conrelid IN ('event'::regclass, 'bed_message'::regclass)"
    " LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', each.t, each.c); END LOOP; END $$"
)
"""What goes with `unique_dropped` in the database."""


def _fsync_removed() -> None:
    import edge_agent.database

    assert edge_agent.database._PRAGMAS["synchronous"] == 2
    edge_agent.database._PRAGMAS["synchronous"] = 0


def _receipt_before_commit() -> None:
    from cloud.ingest.intake import Intake
    from shared.envelope import unseal
    from shared.event import EventReport
    from shared.receipt import Receipt, ReceiptKind
    from shared.topics import Address, Topic, parse_topic

    real = Intake.take

    async def take(self: Any, batch: Sequence[Any]) -> None:
        for delivery in batch:
            address = parse_topic(delivery.incoming.topic)
            if address.topic is Topic.event:
                envelope, body = unseal(address, delivery.incoming.payload, EventReport)
                receipt = Receipt(
                    event_id=body.event_id, sequence=envelope.sequence, revision=body.revision,
                    kind=ReceiptKind.stored, committed_utc_ns=time.time_ns(),
                )  # fmt: skip
                self._answer((Address(address.site, address.bed, Topic.receipt), receipt))
        time.sleep(0.3)  # the receipts leave by another thread
        await real(self, batch)

    Intake.take = take  # type: ignore[method-assign]


def _refusal_as_stored() -> None:
    from edge_agent.transfer.cloud_client import CloudClient
    from shared.clip import ClipAnswer, ClipManifest, RawDecision
    from shared.errors import DeepEpilError

    real = CloudClient.put_clip

    def put_clip(self: Any, manifest: ClipManifest) -> ClipAnswer:
        try:
            return real(self, manifest)
        except DeepEpilError as error:
            if "The cloud answered 4" not in error.sentence:
                raise
            return ClipAnswer(event_id=manifest.event_id, missing=[], raw=RawDecision.send, clip_stored=True)

    CloudClient.put_clip = put_clip  # type: ignore[method-assign]


def _puback_as_receipt() -> None:
    from edge_agent.outbox.delivery import Delivery
    from edge_agent.outbox.mqtt_client import Acknowledged
    from shared.envelope import unseal
    from shared.event import EventReport
    from shared.receipt import Receipt, ReceiptKind
    from shared.topics import Topic

    real = Delivery._hear

    def hear(self: Any, news: Any, told: Any) -> None:
        real(self, news, told)
        body = self._outbox.body(news.sequence) if isinstance(news, Acknowledged) and news.sequence else None
        if body is not None:
            envelope, report = unseal(self._address.topic(Topic.event), body, EventReport)
            receipt = Receipt(
                event_id=report.event_id, sequence=envelope.sequence, kind=ReceiptKind.stored, committed_utc_ns=1
            )
            self._take_receipt(receipt, told)

    Delivery._hear = hear  # type: ignore[method-assign]


def _not_read_back() -> None:
    """The folder's way takes the bytes as they lie there."""
    from cloud.clips import folder_upload

    setattr(folder_upload, "hash_path", lambda path: (path.name, path.stat().st_size))  # noqa: B010


def _play_classifier(manner: str) -> None:
    """No mutation but a part: the network's answer is fixed, comes late, or its process dies."""
    from cloud.classify import service
    from cloud.classify.clip_classifier import Suggested

    async def suggest(_clip: Any, _proxy: Any, _parts: Any) -> Suggested:
        if manner == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if manner == "slow":
            await asyncio.sleep(4.0)
        return Suggested({"tonic_clonic": 0.75, "other": 0.25}, [], simulated=True, seconds_spent=0.0, frames=1)

    setattr(service, "_suggest", suggest)  # noqa: B010
