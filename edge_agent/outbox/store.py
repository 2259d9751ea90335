"""The outbox: what the bed promised to tell, kept until the cloud's receipt. In: event reports, receipts. Out: sealed messages.

An event's row, its message with the next sequence number, its clip's row and the pin on its segments commit together.
Bounds: `limit` messages and `limit_bytes` bytes. From four fifths on a report takes the place of the event's waiting message
and updates without one travel with the close. At the bound a new event is parked: its row and pin are kept, a dead letter and
an alarm tell, and it is queued when half of the outbox is free. The close of a known event is always taken.
"""

from __future__ import annotations

import json
import sqlite3
from enum import StrEnum

from edge_agent.outbox.dead_letters import add_dead_letter
from edge_agent.outbox.transaction import add_to_counter, read_counter, transaction
from shared.envelope import seal
from shared.errors import Refused
from shared.event import EventCause, EventPhase, EventReport
from shared.failpoints import hit
from shared.receipt import Receipt, ReceiptKind
from shared.topics import Address, Topic

MESSAGE_LIMIT = 50_000
BYTES_LIMIT = 256 * 1024 * 1024
DELIVERED_LIMIT = 100_000
"""Answered messages that are remembered for the reconciliation; they also go with their event's row."""
PRESSURE = 0.8
ROOM_AGAIN = 0.5
PARKED_A_TURN = 100
MESSAGE_SEQUENCE = "message_sequence"
MESSAGE_BYTES = "message_bytes"
MQTT_SESSION = "mqtt_session"
EVENTS_PARKED = "events_parked"


class ReceiptOutcome(StrEnum):
    """What a receipt did."""

    removed = "removed"
    dead = "dead"
    unknown = "unknown"
    """No such message waits: it was answered before."""
    mismatched = "mismatched"
    """The receipt names another event than the message of its sequence number; it has no effect."""
    outdated = "outdated"
    """A newer report took the message's place meanwhile; it goes on waiting."""


class Outbox:
    """The durable side of delivery for one bed; use one in each process, with a connection of its own."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        site: str,
        bed: str,
        limit: int = MESSAGE_LIMIT,
        limit_bytes: int = BYTES_LIMIT,
    ) -> None:
        self._connection = connection
        self._address = Address(site, bed, Topic.event)
        self._limit = limit
        self._limit_bytes = limit_bytes

    def record(self, report: EventReport, utc_ns: int) -> int | None:
        """Keeps a report and queues its message, in one transaction; returns the message's sequence number.

        None: the outbox is under pressure; the report is kept in the event's row and travels with a later message. Raises
        Refused, and keeps nothing, for a revision that is not newer than the kept one and for a report after the close.
        """
        with transaction(self._connection):
            sequence = self.record_within(report, utc_ns)
            hit("before_outbox_commit")
        hit("after_outbox_commit")
        return sequence

    def record_within(self, report: EventReport, utc_ns: int) -> int | None:
        """`record` inside the caller's transaction."""
        self._keep_event(report)
        self._keep_pin(report)
        return self._place(report, utc_ns)

    def _place(self, report: EventReport, utc_ns: int) -> int | None:
        event_id, fill = str(report.event_id), self.fill()
        if fill < PRESSURE:
            self._end_parking(event_id)
            return self._queue(report, utc_ns)
        waiting = self._connection.execute(
            "SELECT sequence FROM messages WHERE event_id = ? ORDER BY sequence DESC LIMIT 1", (event_id,)
        ).fetchone()
        if waiting is not None:
            return self._replace(int(waiting[0]), report, utc_ns)
        if self._is_parked(event_id):
            return None
        if fill >= 1.0 and report.phase is EventPhase.opened:
            self._park(event_id, utc_ns)
            return None
        return None if report.phase is EventPhase.updated else self._queue(report, utc_ns)

    def fill(self) -> float:
        """How full the outbox is, by count or bytes, whichever is more; 1 and above is the bound."""
        waiting_bytes = read_counter(self._connection, MESSAGE_BYTES)
        return max(self.waiting() / self._limit, waiting_bytes / self._limit_bytes)

    def _is_parked(self, event_id: str) -> bool:
        query = "SELECT 1 FROM dead_letters WHERE event_id = ? AND kind = 'event' LIMIT 1"
        return self._connection.execute(query, (event_id,)).fetchone() is not None

    def _park(self, event_id: str, utc_ns: int) -> None:
        add_to_counter(self._connection, EVENTS_PARKED)
        sentence = (
            f"The outbox was full ({self.waiting()} messages); event {event_id} waits at the bed until there is room."
        )
        add_dead_letter(self._connection, "event", event_id, sentence, utc_ns)

    def _end_parking(self, event_id: str) -> None:
        self._connection.execute("DELETE FROM dead_letters WHERE event_id = ? AND kind = 'event'", (event_id,))

    def queue_parked(self, utc_ns: int) -> list[int]:
        """Queues events that were parked, oldest first, a hundred at most, once half of the outbox is free."""
        found = self._connection.execute(
            "SELECT event_id FROM dead_letters WHERE kind = 'event' GROUP BY event_id ORDER BY min(number) LIMIT ?",
            (PARKED_A_TURN,),
        ).fetchall()
        if not found or self.fill() > ROOM_AGAIN:
            return []
        with transaction(self._connection):
            for row in found:
                self._end_parking(row[0])
            queued = [self.queue_again(row[0], utc_ns) for row in found]
        return [sequence for sequence in queued if sequence is not None]

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

    def _queue(self, report: EventReport, utc_ns: int, sequence: int | None = None) -> int:
        number = add_to_counter(self._connection, MESSAGE_SEQUENCE) if sequence is None else sequence
        body = seal(self._address, report, utc_ns, sequence=number)
        self._connection.execute(
            "INSERT INTO messages (sequence, event_id, body, queued_utc_ns) VALUES (?, ?, ?, ?)",
            (number, str(report.event_id), body, utc_ns),
        )
        add_to_counter(self._connection, MESSAGE_BYTES, len(body))
        return number

    def _replace(self, sequence: int, report: EventReport, utc_ns: int) -> int:
        """The newer report under the number of the older one: what was answered for that one does not end this one."""
        self._remove(sequence)
        return self._queue(report, utc_ns, sequence)

    def _remove(self, sequence: int) -> tuple[str, bytes] | None:
        """Takes a message out; returns its event and its bytes."""
        row = self._connection.execute(
            "DELETE FROM messages WHERE sequence = ? RETURNING event_id, body", (sequence,)
        ).fetchone()
        if row is None:
            return None
        add_to_counter(self._connection, MESSAGE_BYTES, -len(row[1]))
        return str(row[0]), bytes(row[1])

    def queue_again(self, event_id: str, utc_ns: int, sequence: int | None = None) -> int | None:
        """Inside a transaction: the event's newest report as a message, under its old number where one is given.

        None when the bed has no row of the event any more, or the number waits already.
        """
        row = self._connection.execute("SELECT report FROM events WHERE event_id = ?", (event_id,)).fetchone()
        if row is None or (sequence is not None and self.body(sequence) is not None):
            return None
        self._connection.execute("DELETE FROM delivered WHERE sequence = ?", (sequence,))
        return self._queue(EventReport.model_validate_json(row[0]), utc_ns, sequence)

    def waiting(self) -> int:
        """How many messages wait for a receipt."""
        return int(self._connection.execute("SELECT count(*) FROM messages").fetchone()[0])

    def sequences_after(self, sequence: int) -> list[int]:
        """The sequence numbers of all waiting messages after this one, in order."""
        found = self._connection.execute("SELECT sequence FROM messages WHERE sequence > ? ORDER BY 1", (sequence,))
        return [row[0] for row in found]

    def body(self, sequence: int) -> bytes | None:
        """The sealed message, the same bytes at every call until a newer report replaces it; None when it was answered."""
        row = self._connection.execute("SELECT body FROM messages WHERE sequence = ?", (sequence,)).fetchone()
        return bytes(row[0]) if row else None

    def open_events(self, cause: EventCause = EventCause.detector) -> list[EventReport]:
        """The last reports of all events of this cause that are not closed, oldest first."""
        found = self._connection.execute(
            "SELECT report FROM events WHERE phase <> 'closed' AND report ->> 'cause' = ? ORDER BY event_id", (cause,)
        )
        return [EventReport.model_validate_json(row[0]) for row in found]

    def newest_event(self, cause: EventCause = EventCause.detector) -> EventReport | None:
        """The last report of the event of this cause that was kept last."""
        row = self._connection.execute(
            "SELECT report FROM events WHERE report ->> 'cause' = ? ORDER BY event_id DESC LIMIT 1", (cause,)
        ).fetchone()
        return EventReport.model_validate_json(row[0]) if row else None

    def receive(self, receipt: Receipt, utc_ns: int) -> ReceiptOutcome:
        """Takes the cloud's word on one message. One that came before, or of another event or revision, changes nothing."""
        with transaction(self._connection):
            outcome = self._outcome(receipt)
            if outcome is ReceiptOutcome.removed:
                hit("after_receipt_before_delete")
                outcome = self._settle(receipt, utc_ns)
        if outcome is ReceiptOutcome.removed:
            hit("after_receipt_delete")
        return outcome

    def _outcome(self, receipt: Receipt) -> ReceiptOutcome:
        row = self._connection.execute(
            "SELECT event_id, body FROM messages WHERE sequence = ?", (receipt.sequence,)
        ).fetchone()
        if row is None:
            return ReceiptOutcome.unknown
        if row[0] != str(receipt.event_id):
            return ReceiptOutcome.mismatched
        older = receipt.revision is not None and receipt.revision < revision_of(row[1])
        return ReceiptOutcome.outdated if older else ReceiptOutcome.removed

    def _settle(self, receipt: Receipt, utc_ns: int) -> ReceiptOutcome:
        event_id, body = self._remove(receipt.sequence) or (str(receipt.event_id), b"")
        if receipt.kind is ReceiptKind.refused:
            reason = f"The cloud refused the message: {receipt.reason or 'no reason given'}"
            self._make_dead(receipt.sequence, event_id, body, reason, utc_ns)
            return ReceiptOutcome.dead
        self._connection.execute(
            "INSERT OR REPLACE INTO delivered (sequence, event_id, revision, receipt_utc_ns) VALUES (?, ?, ?, ?)",
            (receipt.sequence, event_id, revision_of(body), utc_ns),
        )
        self._connection.execute(
            "DELETE FROM delivered WHERE sequence <= (SELECT max(sequence) FROM delivered) - ?", (DELIVERED_LIMIT,)
        )
        self._connection.execute("UPDATE events SET known = 1 WHERE event_id = ?", (event_id,))
        if receipt.kind is ReceiptKind.released:
            self._release(event_id, receipt.reason)
        return ReceiptOutcome.removed

    def bury(self, sequence: int, reason: str, utc_ns: int) -> None:
        """Makes a dead letter of a message that can never be sent, such as one above the broker's limit."""
        with transaction(self._connection):
            removed = self._remove(sequence)
            if removed is not None:
                self._make_dead(sequence, *removed, reason, utc_ns)

    def _make_dead(self, sequence: int, event_id: str, body: bytes, reason: str, utc_ns: int) -> None:
        """The pin stays, for a person to decide. A clip whose event the cloud never took cannot be sent: it ends here too."""
        add_dead_letter(self._connection, "message", event_id, reason, utc_ns, sequence=sequence, body=body)
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


def revision_of(body: bytes) -> int:
    """The revision of the report in a sealed message of ours; 0 when it cannot be read."""
    try:
        return int(json.loads(bytes(body))["data"]["revision"])
    except (ValueError, TypeError, KeyError):
        return 0
