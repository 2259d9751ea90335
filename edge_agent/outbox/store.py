"""The outbox: what the bed promised to tell, kept until the cloud's receipt. In: event reports, receipts. Out: sealed messages.

An event's row, its message with the next sequence number, its clip's row and the pin on its segments commit together.
Bounds: at `limit` waiting messages a new event is refused (a dead letter and an alarm), updates of an open event are
skipped, and its close is still taken, so that at most one message an open event goes past the limit.
"""

from __future__ import annotations

import sqlite3
from enum import StrEnum

from edge_agent.outbox.dead_letters import add_dead_letter
from edge_agent.outbox.transaction import add_to_counter, transaction
from shared.envelope import seal
from shared.errors import Refused
from shared.event import EventPhase, EventReport
from shared.receipt import Receipt, ReceiptKind
from shared.topics import Address, Topic

MESSAGE_LIMIT = 50_000
MESSAGE_SEQUENCE = "message_sequence"
MQTT_SESSION = "mqtt_session"
EVENTS_REFUSED = "events_refused"


class ReceiptOutcome(StrEnum):
    """What a receipt did."""

    removed = "removed"
    dead = "dead"
    unknown = "unknown"
    """No such message waits: it was answered before."""
    mismatched = "mismatched"
    """The receipt names another event than the message of its sequence number; it has no effect."""


class Outbox:
    """The durable side of delivery for one bed; use one in each process, with a connection of its own."""

    def __init__(self, connection: sqlite3.Connection, site: str, bed: str, limit: int = MESSAGE_LIMIT) -> None:
        self._connection = connection
        self._address = Address(site, bed, Topic.event)
        self._limit = limit

    def record(self, report: EventReport, utc_ns: int) -> int | None:
        """Keeps a report and queues its message, in one transaction; returns the message's sequence number.

        None: the outbox is full and this update travels with the close. Raises Refused for a new event when the outbox is
        full, for a revision that is not newer than the kept one, and for a report after the close.
        """
        full = self.waiting() >= self._limit
        if full and report.phase is EventPhase.opened:
            self._refuse(report, utc_ns)
        with transaction(self._connection):
            self._keep_event(report)
            self._keep_pin(report)
            if full and report.phase is EventPhase.updated:
                return None
            return self._queue(report, utc_ns)

    def _refuse(self, report: EventReport, utc_ns: int) -> None:
        sentence = f"The outbox holds {self._limit} unanswered messages; event {report.event_id} was not taken."
        with transaction(self._connection):
            add_to_counter(self._connection, EVENTS_REFUSED)
            body = report.model_dump_json().encode()
            add_dead_letter(self._connection, "event", str(report.event_id), sentence, utc_ns, body=body)
        raise Refused(sentence, event_id=str(report.event_id), limit=self._limit)

    def _keep_event(self, report: EventReport) -> None:
        event_id = str(report.event_id)
        kept = self._connection.execute("SELECT phase, revision FROM events WHERE event_id = ?", (event_id,)).fetchone()
        if kept and (kept[0] == EventPhase.closed or report.revision <= kept[1]):
            raise Refused(
                f"Event {event_id} is {kept[0]} at revision {kept[1]}; revision {report.revision} comes too late.",
                event_id=event_id,
            )
        self._connection.execute(
            "INSERT INTO events (event_id, phase, revision, report) VALUES (?, ?, ?, ?) ON CONFLICT (event_id) DO UPDATE"
            " SET phase = excluded.phase, revision = excluded.revision, report = excluded.report",
            (event_id, report.phase.value, report.revision, report.model_dump_json()),
        )
        self._connection.execute(
            "INSERT INTO clips (event_id, stage) VALUES (?, 'recording') ON CONFLICT (event_id) DO NOTHING", (event_id,)
        )

    def _keep_pin(self, report: EventReport) -> None:
        """Pins the clip's span, unless the clip has left its first stage (released while it was still open)."""
        self._connection.execute(
            "INSERT INTO pins (event_id, boot_id, start_mono_ns, end_mono_ns) SELECT event_id, ?, ?, ? FROM clips"
            " WHERE event_id = ? AND stage = 'recording' ON CONFLICT (event_id) DO UPDATE"
            " SET start_mono_ns = excluded.start_mono_ns, end_mono_ns = excluded.end_mono_ns",
            (report.boot_id, report.clip_start_mono_ns, report.clip_end_mono_ns, str(report.event_id)),
        )

    def _queue(self, report: EventReport, utc_ns: int) -> int:
        sequence = add_to_counter(self._connection, MESSAGE_SEQUENCE)
        body = seal(self._address, report, utc_ns, sequence=sequence)
        self._connection.execute(
            "INSERT INTO messages (sequence, event_id, body, queued_utc_ns) VALUES (?, ?, ?, ?)",
            (sequence, str(report.event_id), body, utc_ns),
        )
        return sequence

    def waiting(self) -> int:
        """How many messages wait for a receipt."""
        return int(self._connection.execute("SELECT count(*) FROM messages").fetchone()[0])

    def sequences_after(self, sequence: int) -> list[int]:
        """The sequence numbers of all waiting messages after this one, in order."""
        found = self._connection.execute("SELECT sequence FROM messages WHERE sequence > ? ORDER BY 1", (sequence,))
        return [row[0] for row in found]

    def body(self, sequence: int) -> bytes | None:
        """The sealed message, the same bytes at every call; None when it was answered meanwhile."""
        row = self._connection.execute("SELECT body FROM messages WHERE sequence = ?", (sequence,)).fetchone()
        return bytes(row[0]) if row else None

    def open_events(self) -> list[EventReport]:
        """The last reports of all events that are not closed, oldest first."""
        found = self._connection.execute("SELECT report FROM events WHERE phase <> 'closed' ORDER BY event_id")
        return [EventReport.model_validate_json(row[0]) for row in found]

    def newest_event(self) -> EventReport | None:
        """The last report of the event that was kept last."""
        row = self._connection.execute("SELECT report FROM events ORDER BY event_id DESC LIMIT 1").fetchone()
        return EventReport.model_validate_json(row[0]) if row else None

    def receive(self, receipt: Receipt, utc_ns: int) -> ReceiptOutcome:
        """Takes the cloud's word on one message. A receipt that came before, or of another event, changes nothing."""
        with transaction(self._connection):
            row = self._connection.execute(
                "SELECT event_id, body FROM messages WHERE sequence = ?", (receipt.sequence,)
            ).fetchone()
            if row is None:
                return ReceiptOutcome.unknown
            if row[0] != str(receipt.event_id):
                return ReceiptOutcome.mismatched
            self._connection.execute("DELETE FROM messages WHERE sequence = ?", (receipt.sequence,))
            if receipt.kind is ReceiptKind.refused:
                self._bury(receipt, bytes(row[1]), utc_ns)
                return ReceiptOutcome.dead
            self._connection.execute("UPDATE events SET known = 1 WHERE event_id = ?", (row[0],))
            if receipt.kind is ReceiptKind.released:
                self._release(row[0], receipt.reason)
            return ReceiptOutcome.removed

    def bury(self, sequence: int, reason: str, utc_ns: int) -> None:
        """Makes a dead letter of a message that can never be sent, such as one above the broker's limit."""
        with transaction(self._connection):
            row = self._connection.execute(
                "DELETE FROM messages WHERE sequence = ? RETURNING event_id, body", (sequence,)
            ).fetchone()
            if row is not None:
                add_dead_letter(self._connection, "message", row[0], reason, utc_ns, sequence=sequence, body=row[1])
                self._give_up_clip(row[0], reason)

    def _bury(self, receipt: Receipt, body: bytes, utc_ns: int) -> None:
        reason = f"The cloud refused the message: {receipt.reason or 'no reason given'}"
        event_id = str(receipt.event_id)
        add_dead_letter(self._connection, "message", event_id, reason, utc_ns, sequence=receipt.sequence, body=body)
        self._give_up_clip(event_id, reason)

    def _give_up_clip(self, event_id: str, reason: str) -> None:
        """A clip whose event the cloud never took cannot be sent; its pin stays, for a person to decide."""
        self._connection.execute(
            "UPDATE clips SET stage = 'dead', reason = ? WHERE event_id = ? AND stage IN ('recording', 'ready')"
            " AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.event_id = clips.event_id)"
            " AND EXISTS (SELECT 1 FROM events WHERE events.event_id = clips.event_id AND phase = 'closed' AND known = 0)",
            (reason, event_id),
        )

    def _release(self, event_id: str, reason: str) -> None:
        self._connection.execute(
            "UPDATE clips SET stage = 'released', reason = ? WHERE event_id = ? AND stage IN ('recording', 'ready')",
            (reason, event_id),
        )
        self._connection.execute("DELETE FROM pins WHERE event_id = ?", (event_id,))

    def next_session(self) -> int:
        """The number of the next MQTT connection; grows for ever, over restarts too."""
        with transaction(self._connection):
            return add_to_counter(self._connection, MQTT_SESSION)
