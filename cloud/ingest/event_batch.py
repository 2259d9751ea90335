"""Keeps a batch of the beds' event messages in one transaction: events, review tasks, jobs and audit entries, or nothing.

All rows are written in a fixed order, so that several ingesters with the same messages wait for each other and never in a ring.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import cloud.review.service
from cloud import audit
from cloud.clips.tables import Event
from cloud.database import Connection, defer_all_in_transaction, in_transaction
from cloud.devices import service as devices
from cloud.ingest import rules
from cloud.principal import Principal
from shared.event import EventPhase, EventReport
from shared.failpoints import hit
from shared.receipt import Receipt, ReceiptKind
from shared.topics import Address

WATCH_JOB = "watch_clip"
FOREIGN = "The event belongs to another bed."
_REPORTED = [name for name in EventReport.model_fields if name != "event_id"]
_UPDATE = (
    f"UPDATE event SET {', '.join(f'{name} = ${number}' for number, name in enumerate(_REPORTED, start=4))},"  # noqa: S608
    " sequence = $2, updated_at_ns = $3 WHERE event_id = $1"
)


Key = tuple[str, str, int, str, int]
"""Site, bed, sequence, event and revision: what makes a message the same as another."""


@dataclass(frozen=True, slots=True)
class EventMessage:
    """A valid message on an event."""

    address: Address
    sequence: int
    report: EventReport

    @property
    def key(self) -> Key:
        """What makes it the same message as another."""
        return self.address.site, self.address.bed, self.sequence, str(self.report.event_id), self.report.revision

    def receipt(self, kind: ReceiptKind, committed_ns: int, reason: str = "") -> Receipt:
        """The answer to it."""
        return Receipt(
            event_id=self.report.event_id, sequence=self.sequence, revision=self.report.revision, kind=kind,
            reason=reason, committed_utc_ns=committed_ns,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kept:
    """What a batch became: for each message the time of its commit, and which events were new. None: another bed's event."""

    committed_ns: list[int | None]
    new: list[EventMessage]
    fresh: int


async def keep_events(messages: Sequence[EventMessage], clip_overdue_s: int) -> Kept:
    """Keeps them all. A message that was kept before gets the time of its first commit and has no effect."""
    now_ns = time.time_ns()
    async with in_transaction() as connection:
        times = await _note_messages(connection, messages, now_ns)
        fresh = list({each.key: each for each in messages if times[each.key] == now_ns}.values())
        foreign: set[Key] = set()
        new: list[EventMessage] = []
        if fresh:
            await devices.ensure_beds(connection, {(each.address.site, each.address.bed) for each in fresh})
            new, foreign = await _keep_rows(connection, fresh, now_ns)
            await _follow_up(connection, new, clip_overdue_s)
        hit("before_event_commit")
    return Kept([None if each.key in foreign else times[each.key] for each in messages], new, len(fresh))


async def _note_messages(connection: Connection, messages: Iterable[EventMessage], now_ns: int) -> dict[Key, int]:
    """Writes the messages into the ledger; returns when each was first written."""
    keys = sorted({message.key for message in messages})
    columns = [list(column) for column in zip(*keys, strict=True)]
    names = "site, bed, sequence, event_id, revision"
    source = f"unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[], $5::bigint[]) AS told ({names})"
    rows = await connection.execute_query_dict(
        f"INSERT INTO bed_message ({names}, committed_at_ns) SELECT {names}, $6 FROM {source}"  # noqa: S608
        f" ON CONFLICT ({names}) DO NOTHING RETURNING {names}",
        [*columns, now_ns],
    )
    times = {_key(row): now_ns for row in rows}
    if len(times) < len(keys):
        rows = await connection.execute_query_dict(
            f"SELECT {names}, committed_at_ns FROM bed_message JOIN {source} USING ({names})",  # noqa: S608
            columns,
        )
        times = {_key(row): int(row["committed_at_ns"]) for row in rows} | times
    return times


def _key(row: dict[str, object]) -> Key:
    number, revision = int(str(row["sequence"])), int(str(row["revision"]))
    return str(row["site"]), str(row["bed"]), number, str(row["event_id"]), revision


async def _keep_rows(
    connection: Connection, fresh: Sequence[EventMessage], now_ns: int
) -> tuple[list[EventMessage], set[Key]]:
    """Inserts or brings up the events. Returns the messages of new events, and those that name another bed's event."""
    best: dict[UUID, EventMessage] = {}
    for message in fresh:
        held = best.get(message.report.event_id)
        if held is None or (
            held.address == message.address and rules.replaces(held.report.revision, held.report.phase, message.report)
        ):
            best[message.report.event_id] = message
    ids = sorted(best, key=str)
    await Event.bulk_create([_row(best[name], now_ns) for name in ids], ignore_conflicts=True, using_db=connection)
    kept = await Event.filter(event_id__in=ids).using_db(connection).order_by("event_id").select_for_update()
    owners = {row.event_id: (row.site, row.bed) for row in kept}
    foreign = {each.key for each in fresh if owners[each.report.event_id] != (each.address.site, each.address.bed)}
    new, changed = [], []
    for row in kept:
        message = best[row.event_id]
        if message.key in foreign:
            continue
        if row.received_at_ns == now_ns and row.sequence == message.sequence:
            new.append(message)
        elif rules.replaces(row.revision, EventPhase(row.phase), message.report):
            changed.append(message)
    await _update(connection, changed, now_ns)
    await _forget(connection, sorted(foreign))
    await cloud.review.service.open_tasks(connection, [_row(message, now_ns) for message in [*new, *changed]])
    return new, foreign


def _row(message: EventMessage, now_ns: int) -> Event:
    body = {**message.report.model_dump(), "phase": message.report.phase.value, "cause": message.report.cause.value}
    place = {"site": message.address.site, "bed": message.address.bed, "sequence": message.sequence}
    return Event(**body, **place, received_at_ns=now_ns, updated_at_ns=now_ns)


async def _update(connection: Connection, messages: Sequence[EventMessage], now_ns: int) -> None:
    rows = []
    for message in messages:
        body = {
            **message.report.model_dump(),
            "phase": message.report.phase.value,
            "cause": message.report.cause.value,
        }
        rows.append([message.report.event_id, message.sequence, now_ns, *(body[name] for name in _REPORTED)])
    if rows:
        await connection.execute_many(_UPDATE, rows)


async def _forget(connection: Connection, foreign: Iterable[Key]) -> None:
    """A message on another bed's event leaves nothing in the ledger: it is refused, and refused again if it comes again."""
    for key in foreign:
        await connection.execute_query(
            "DELETE FROM bed_message WHERE site = $1 AND bed = $2 AND sequence = $3 AND event_id = $4 AND revision = $5",
            list(key),
        )


async def _follow_up(connection: Connection, new: Sequence[EventMessage], clip_overdue_s: int) -> None:
    """A look at the clip in a while, and an audit entry, for each new event."""
    jobs = {f"watch:{each.report.event_id}": {"event_id": str(each.report.event_id)} for each in new}
    await defer_all_in_transaction(connection, WATCH_JOB, jobs, scheduled_in_s=clip_overdue_s)
    for site in sorted({message.address.site for message in new}):
        deeds = [_deed(message) for message in new if message.address.site == site]
        await audit.record_all(connection, site, deeds)


def _deed(message: EventMessage) -> audit.Deed:
    details = {"sequence": message.sequence, "cause": message.report.cause.value}
    principal = Principal.bed(message.address.site, message.address.bed)
    return audit.Deed(principal, "event_stored", str(message.report.event_id), details)
