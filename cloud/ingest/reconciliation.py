"""Takes a page of a bed's history: reads what the cloud has of it, notes what differs, and says what the bed shall send again."""

from __future__ import annotations

import hashlib
import time
from uuid import UUID

import structlog

from cloud import audit
from cloud.clips.tables import Event
from cloud.database import Connection, in_transaction
from cloud.ingest.comparison import COUNT_BEHIND, Compared, Difference, Held, compare
from cloud.principal import Principal
from shared.failpoints import hit
from shared.reconciliation import Digest, ResendRequest, hash_of_objects
from shared.topics import Address

HOLES_A_PAGE = 200
DIFFERENCES_A_BED = 1_000
_HOLES = (
    "WITH known AS (SELECT sequence FROM bed_message WHERE site = $1 AND bed = $2 AND sequence BETWEEN $3 AND $4 UNION"
    " SELECT sequence FROM dead_letter WHERE site = $1 AND bed = $2 AND sequence BETWEEN $3 AND $4 UNION"
    " SELECT unnest($5::bigint[]) UNION SELECT $3::bigint - 1 UNION SELECT $4::bigint + 1)"
    " SELECT previous + 1 AS first, sequence - 1 AS last FROM"
    " (SELECT sequence, lag(sequence) OVER (ORDER BY sequence) AS previous FROM known) AS steps"
    " WHERE sequence > previous + 1 ORDER BY sequence LIMIT $6"
)
_log = structlog.get_logger(__name__)


async def take_page(address: Address, digest: Digest) -> ResendRequest:
    """Compares and notes in one transaction. The same page again has the same answer, as long as nothing changed."""
    site, bed = address.site, address.bed
    async with in_transaction() as connection:
        compared = compare(digest, await _held(connection, site, bed, digest))
        await _explain(connection, site, bed, compared.dead)
        found = await _keep(connection, site, bed, compared)
        resolved = await _resolve(connection, (site, bed), digest, compared.differences)
        if found or resolved:
            first = compared.differences[0].sentence if compared.differences else ""
            details: dict[str, audit.Detail] = {"found": found, "resolved": resolved, "first": first}
            principal = Principal.bed(site, bed)
            await audit.record(connection, principal, "histories_compared", site=site, subject=bed, details=details)
        hit("before_comparison_commit")
    if found or resolved:
        _log.warning("differences_noted", site=site, bed=bed, found=found, resolved=resolved)
    return compared.request


async def _held(connection: Connection, site: str, bed: str, digest: Digest) -> Held:
    listed = [message.sequence for message in digest.messages]
    rows = await connection.execute_query_dict(
        "SELECT sequence, false AS dead FROM bed_message WHERE site = $1 AND bed = $2 AND sequence = ANY($3::bigint[]) UNION"
        " SELECT sequence, true FROM dead_letter WHERE site = $1 AND bed = $2 AND sequence = ANY($3::bigint[])",
        [site, bed, listed],
    )
    ids = list({message.event_id for message in digest.messages})
    events = await Event.filter(event_id__in=ids, site=site, bed=bed).using_db(connection).only("event_id", "revision")
    holes = await connection.execute_query_dict(_HOLES, [site, bed, digest.first, digest.last, listed, HOLES_A_PAGE])
    highest = await connection.execute_query_dict(
        "SELECT coalesce(max(sequence), 0) AS highest FROM bed_message WHERE site = $1 AND bed = $2", [site, bed]
    )
    return Held(
        frozenset(int(row["sequence"]) for row in rows if not row["dead"]),
        frozenset(int(row["sequence"]) for row in rows if row["dead"]),
        {event.event_id: event.revision for event in events},
        await _stored_clips(connection, site, [clip.event_id for clip in digest.clips]),
        [(int(row["first"]), int(row["last"])) for row in holes],
        int(highest[0]["highest"]),
    )


async def _stored_clips(connection: Connection, site: str, event_ids: list[UUID]) -> dict[UUID, str]:
    """The hash over the objects of each of these clips that is stored and of which no wanted object is missing."""
    rows = await connection.execute_query_dict(
        "SELECT clip.event_id, array_agg(clip_object.sha256) AS hashes FROM clip JOIN clip_object USING (event_id)"
        " LEFT JOIN stored_object ON stored_object.site = clip_object.site AND stored_object.sha256 = clip_object.sha256"
        " WHERE clip.event_id = ANY($1::uuid[]) AND clip.site = $2 AND clip.stored_at_ns IS NOT NULL GROUP BY clip.event_id"
        " HAVING bool_and(stored_object.id IS NOT NULL OR (clip_object.kind <> 'proxy' AND clip.raw_decision <> 'send'))",
        [event_ids, site],
    )
    return {UUID(str(row["event_id"])): hash_of_objects(row["hashes"]) for row in rows}


async def _explain(connection: Connection, site: str, bed: str, sequences: list[int]) -> None:
    """A number that the bed itself put aside is no hole: a dead letter here says so."""
    now_ns = time.time_ns()
    for sequence in sequences:
        digest = hashlib.sha256(f"bed-dead-letter\n{site}\n{bed}\n{sequence}".encode()).hexdigest()
        await connection.execute_query(
            "INSERT INTO dead_letter (site, bed, sequence, topic, reason, payload_start, payload_bytes, digest, times,"
            " first_at_ns, last_at_ns) VALUES ($1, $2, $3, 'event', $4, '', 0, $5, 1, $6, $6) ON CONFLICT (digest) DO NOTHING",
            [site, bed, sequence, "The bed could not send it and keeps it as a dead letter.", digest, now_ns],
        )


async def _keep(connection: Connection, site: str, bed: str, compared: Compared) -> int:
    """Notes the differences; returns how many are new or came again."""
    now_ns, found = time.time_ns(), 0
    for each in compared.differences:
        state = "final" if each.final else "open"
        rows = await connection.execute_query_dict(
            "INSERT INTO difference (site, bed, kind, subject, first_sequence, last_sequence, sentence, state, found_at_ns,"
            " last_at_ns) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) ON CONFLICT (site, bed, kind, subject) DO UPDATE"
            " SET sentence = excluded.sentence, last_at_ns = excluded.last_at_ns, state = excluded.state, resolved_at_ns = NULL,"
            " found_at_ns = CASE WHEN difference.state = 'resolved' THEN excluded.found_at_ns ELSE difference.found_at_ns END"
            " RETURNING found_at_ns",
            [site, bed, each.kind, each.subject, each.first, each.last, each.sentence, state, now_ns],
        )
        found += int(rows[0]["found_at_ns"]) == now_ns
    if found:
        await connection.execute_query(
            "DELETE FROM difference WHERE id IN (SELECT id FROM difference WHERE site = $1 AND bed = $2"
            " ORDER BY (state = 'resolved'), last_at_ns DESC OFFSET $3)",
            [site, bed, DIFFERENCES_A_BED],
        )
    return found


async def _resolve(
    connection: Connection, owner: tuple[str, str], digest: Digest, differences: list[Difference]
) -> int:
    """What was noted for this page's numbers and is not so any more is resolved; returns how many."""
    still = [f"{each.kind} {each.subject}" for each in differences]
    rows = await connection.execute_query_dict(
        "UPDATE difference SET state = 'resolved', resolved_at_ns = $1 WHERE site = $2 AND bed = $3 AND state <> 'resolved'"
        " AND (kind = $4 OR last_sequence BETWEEN $5 AND $6) AND NOT (kind || ' ' || subject) = ANY($7::text[]) RETURNING id",
        [time.time_ns(), *owner, COUNT_BEHIND, digest.first, digest.last, still],
    )
    return len(rows)
