"""The bed's side of the reconciliation: pages of what became of its messages and clips, and what the cloud asks for again.

Remembered are the messages of the events whose rows the bed still keeps, `DELIVERED_LIMIT` at most; a clip can be brought
again while some of its segments are in the ring.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from uuid import UUID

from edge_agent.outbox.store import MESSAGE_SEQUENCE, Outbox
from edge_agent.outbox.transaction import add_to_counter, read_counter, transaction
from shared.event import EventReport
from shared.failpoints import hit
from shared.reconciliation import (
    PAGE_MESSAGES,
    Digest,
    KeptClip,
    KeptMessage,
    MessageState,
    ResendRequest,
    hash_of_objects,
)

_MESSAGES = (
    "SELECT sequence, event_id, max(revision) AS revision, min(rank) AS rank FROM ("
    "SELECT sequence, event_id, 0 AS revision, 0 AS rank FROM messages WHERE sequence <= :above"
    " UNION ALL SELECT sequence, event_id, revision, 1 FROM delivered WHERE sequence <= :above"
    " UNION ALL SELECT sequence, event_id, 0, 2 FROM dead_letters WHERE sequence <= :above)"
    " GROUP BY sequence ORDER BY sequence DESC LIMIT :limit"
)
_STATES = (MessageState.waiting, MessageState.delivered, MessageState.dead)


@dataclass(slots=True)
class PutBack:
    """What a request of the cloud brought back: message numbers that wait again, clips that are made again."""

    messages: list[int] = field(default_factory=list)
    clips: list[UUID] = field(default_factory=list)


class History:
    """Use from the thread of the connection."""

    def __init__(self, connection: sqlite3.Connection, outbox: Outbox) -> None:
        self._connection = connection
        self._outbox = outbox

    def page(self, run: UUID, number: int, above: int | None, limit: int = PAGE_MESSAGES) -> Digest:
        """The page of at most `limit` messages up to number `above` (None: from the newest on), for one run."""
        highest = read_counter(self._connection, MESSAGE_SEQUENCE)
        last = highest if above is None else min(above, highest)
        rows = self._connection.execute(_MESSAGES, {"above": last, "limit": limit}).fetchall()
        messages = [
            KeptMessage(sequence=row[0], event_id=UUID(row[1]), revision=row[2], state=_STATES[row[3]])
            for row in reversed(rows)
        ]
        first = messages[0].sequence if len(messages) == limit else 1
        delivered = [message.event_id for message in messages if message.state is MessageState.delivered]
        clips = [self._clip(event_id) for event_id in dict.fromkeys(delivered)]
        return Digest(
            run=run, page=number, first=first, last=last, highest=highest, messages=messages,
            clips=[clip for clip in clips if clip is not None],
        )  # fmt: skip

    def _clip(self, event_id: UUID) -> KeptClip | None:
        row = self._connection.execute(
            "SELECT manifest, report FROM clips JOIN events USING (event_id)"
            " WHERE event_id = ? AND stage = 'stored' AND manifest NOT NULL",
            (str(event_id),),
        ).fetchone()
        if row is None:
            return None
        manifest = json.loads(row[0])
        hashes = [each["sha256"] for each in (*manifest["segments"], *manifest["proxies"])]
        return KeptClip(event_id=event_id, objects_sha256=hash_of_objects(hashes), held=self._held(row[1]))

    def _held(self, report: str) -> bool:
        span = EventReport.model_validate_json(report)
        query = "SELECT 1 FROM segments WHERE boot_id = ? AND end_mono_ns > ? AND start_mono_ns < ? LIMIT 1"
        bounds = (span.boot_id, span.clip_start_mono_ns, span.clip_end_mono_ns)
        return self._connection.execute(query, bounds).fetchone() is not None

    def put_back(self, request: ResendRequest, utc_ns: int) -> PutBack:
        """Queues again what the cloud lacks, under the old numbers, and pins clips anew. Twice the same request does no more."""
        back = PutBack()
        with transaction(self._connection):
            for sequence in request.messages:
                if self._message_back(sequence, utc_ns):
                    back.messages.append(sequence)
            for event_id in request.clips:
                if self._clip_back(str(event_id)):
                    back.clips.append(event_id)
            behind = request.count_from - read_counter(self._connection, MESSAGE_SEQUENCE)
            if behind > 0:
                add_to_counter(self._connection, MESSAGE_SEQUENCE, behind)
            hit("before_put_back_commit")
        return back

    def _message_back(self, sequence: int, utc_ns: int) -> bool:
        row = self._connection.execute("SELECT event_id FROM delivered WHERE sequence = ?", (sequence,)).fetchone()
        if row is None or self._outbox.queue_again(row[0], utc_ns, sequence) is None:
            return False
        self._connection.execute("UPDATE events SET known = 0 WHERE event_id = ?", (row[0],))
        return True

    def _clip_back(self, event_id: str) -> bool:
        """The clip is made from the ring again: its proxies went when it was stored."""
        row = self._connection.execute(
            "SELECT report FROM events JOIN clips USING (event_id) WHERE event_id = ? AND stage = 'stored'", (event_id,)
        ).fetchone()
        if row is None or not self._held(row[0]):
            return False
        span = EventReport.model_validate_json(row[0])
        self._connection.execute(
            "INSERT INTO pins (event_id, boot_id, start_mono_ns, end_mono_ns) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (event_id) DO NOTHING",
            (event_id, span.boot_id, span.clip_start_mono_ns, span.clip_end_mono_ns),
        )
        self._connection.execute(
            "UPDATE clips SET stage = 'recording', manifest = NULL, reason = 'the cloud asked again' WHERE event_id = ?",
            (event_id,),
        )
        return True
