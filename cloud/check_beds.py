"""I4: nothing that a bed told is missing. By the cloud's own ledger, and by the histories that beds wrote (`deepepil-edge check --history`)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from cloud.check_rows import PAGE_ROWS, Look, rows
from shared.history_file import HistoryHead, read_history
from shared.reconciliation import Digest, KeptClip, MessageState, hash_of_objects

STILL_SENDING_NS = 600_000_000_000
"""For ten minutes a bed may be sending an older message again; after that a hole is a fault."""
_TOLD = (
    "SELECT sequence, min(at_ns) AS at_ns FROM (SELECT sequence, committed_at_ns AS at_ns FROM bed_message"
    " WHERE site = $1 AND bed = $2 UNION ALL SELECT sequence, first_at_ns FROM dead_letter"
    " WHERE site = $1 AND bed = $2 AND sequence IS NOT NULL) AS told GROUP BY sequence"
)
_HOLES = (
    "SELECT previous + 1 AS first, sequence - 1 AS last FROM (SELECT sequence, at_ns, lag(sequence, 1, 0::bigint)"
    " OVER (ORDER BY sequence) AS previous FROM (TOLD) AS numbers) AS steps"
    " WHERE sequence > previous + 1 AND at_ns < $3 AND NOT EXISTS (SELECT 1 FROM difference WHERE site = $1 AND bed = $2"
    " AND state = 'final' AND first_sequence <= previous + 1 AND last_sequence >= sequence - 1)"
    " ORDER BY sequence LIMIT $4"
).replace("TOLD", _TOLD)
_TAKEN = "SELECT DISTINCT sequence FROM bed_message WHERE site = $1 AND bed = $2 AND sequence = ANY($3::bigint[])"
_HERE = (
    "SELECT DISTINCT sequence FROM (SELECT sequence FROM bed_message WHERE site = $1 AND bed = $2"
    " AND sequence = ANY($3::bigint[]) UNION ALL SELECT sequence FROM dead_letter WHERE site = $1 AND bed = $2"
    " AND sequence = ANY($3::bigint[])) AS found"
)
_OBJECTS = (
    "SELECT clip.event_id, clip_object.sha256, stored_object.id IS NOT NULL AS stored, clip_object.kind,"
    " clip.stored_at_ns IS NOT NULL AS clip_stored, clip.raw_decision FROM clip JOIN clip_object USING (event_id)"
    " LEFT JOIN stored_object ON stored_object.site = clip_object.site AND stored_object.sha256 = clip_object.sha256"
    " WHERE clip.site = $1 AND clip.bed = $2 AND clip.event_id = $3"
)


async def sequence_gaps(_look: Look) -> AsyncIterator[str]:
    """A bed's messages are numbered from 1 without a hole; a dead letter explains one, a shown difference, a bed still sending."""
    beds = await rows("SELECT DISTINCT site, bed FROM bed_message UNION SELECT DISTINCT site, bed FROM dead_letter")
    for bed in sorted(beds, key=lambda row: (str(row["site"]), str(row["bed"]))):
        name = (bed["site"], bed["bed"])
        for row in await rows(_HOLES, *name, time.time_ns() - STILL_SENDING_NS, PAGE_ROWS):
            which = (
                f"message {row['first']}"
                if row["first"] == row["last"]
                else f"messages {row['first']} to {row['last']}"
            )
            yield f"bed {name[0]}.{name[1]}: {which} never came"


async def bed_histories(look: Look) -> AsyncIterator[str]:
    """What a bed holds for delivered is in the database; what it does not know is here or a dead letter; what it calls stored is."""
    for path in look.histories:
        head, pages = read_history(path)
        shown = 0
        for page in pages:
            async for sentence in _compare(head, page):
                yield f"bed {head.site}.{head.bed}: {sentence}"
            shown += len(page.messages)
            look.progress(f"{shown} messages of {head.site}.{head.bed} compared")


async def _compare(head: HistoryHead, page: Digest) -> AsyncIterator[str]:
    owner = (head.site, head.bed)
    told = [each.sequence for each in page.messages if each.state is MessageState.delivered]
    taken = {int(str(row["sequence"])) for row in await rows(_TAKEN, *owner, told)}
    for sequence in told:
        if sequence not in taken:
            yield f"message {sequence} has a receipt at the bed and is not in the database"
    if page.page == 0:
        listed = {each.sequence for each in page.messages}
        unknown = [number for number in range(page.first, page.last + 1) if number not in listed][:PAGE_ROWS]
        known = {int(str(row["sequence"])) for row in await rows(_HERE, *owner, unknown)}
        for sequence in unknown:
            if sequence not in known:
                yield f"message {sequence} is known to neither the bed nor the cloud"
    for clip in page.clips:
        sentence = await _clip_fault(owner, clip)
        if sentence is not None:
            yield sentence


async def _clip_fault(owner: tuple[str, str], clip: KeptClip) -> str | None:
    found = await rows(_OBJECTS, *owner, str(clip.event_id))
    if not found:
        return f"the clip of event {clip.event_id} is stored by the bed's word and not here at all"
    if not found[0]["clip_stored"]:
        return f"the clip of event {clip.event_id} is stored by the bed's word and not by the cloud's"
    if any(not row["stored"] and (row["kind"] == "proxy" or row["raw_decision"] == "send") for row in found):
        return f"the clip of event {clip.event_id} is stored by the bed's word and lacks objects here"
    if hash_of_objects(str(row["sha256"]) for row in found) != clip.objects_sha256:
        return f"the clip of event {clip.event_id} has other objects here than at the bed"
    return None
