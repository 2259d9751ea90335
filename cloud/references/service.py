"""What happens to reference seizures: a file is imported whole or not at all, taken away, and the missed ones are pulled."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

import cloud.devices.queries
import cloud.pulls.queries
import cloud.pulls.service
from cloud import audit
from cloud.accounts.service import refuse
from cloud.database import Connection, in_transaction
from cloud.principal import Principal
from cloud.pulls.rules import OPEN_LIMIT, PullState, Standing, standing_of
from cloud.pulls.service import Wish
from cloud.pulls.tables import Pull
from cloud.references import queries, rules
from cloud.references.edf import is_edf, read_edf
from cloud.references.queries import TimedEvent
from cloud.references.rules import Match, UnitSeizure
from cloud.references.seizure import ReadFile
from cloud.references.tables import ReferenceList, ReferenceSeizure
from cloud.references.tsv import read_tsv
from cloud.stays.tables import Stay
from shared.clock import NS_PER_S
from shared.heartbeat import Heartbeat
from shared.ids import uuid7

HOUR_NS = 3600 * NS_PER_S
ASK_AGAIN = frozenset({PullState.refused.value, PullState.expired.value})


@dataclass(frozen=True, slots=True)
class Import:
    """A file as somebody handed it in. `clock_offset_ns`: the EEG's clock minus the unit's."""

    name: str
    content: bytes
    recording_start_ns: int | None
    clock_offset_ns: int
    zone: ZoneInfo

    @property
    def settings(self) -> str:
        """What besides the bytes makes an import the same as another."""
        return f"{self.recording_start_ns} {self.clock_offset_ns} {self.zone.key}"[:200]


@dataclass(frozen=True, slots=True)
class FoundSeizure:
    """One reference seizure with what is known of it at the bed and in the cloud."""

    row: ReferenceSeizure
    match: Match
    event_id: UUID | None
    pull: Pull | None
    standing: Standing | None
    coverage: float | None
    in_ring: bool | None


@dataclass(frozen=True, slots=True)
class FoundReferences:
    """All of one stay."""

    stay: Stay
    lists: list[ReferenceList]
    seizures: list[FoundSeizure]


@dataclass(frozen=True, slots=True)
class Asked:
    """What pulling the missed ones did: asked now, waiting already, gone from the ring, not asked for want of room."""

    asked: int
    waiting: int
    gone: int
    left: int


async def stays(principal: Principal, limit: int) -> list[tuple[Stay, int]]:
    """The newest stays with the number of their reference seizures."""
    rows = await queries.stays(principal, limit)
    counts = await queries.counts(principal, [row.stay_id for row in rows])
    return [(row, counts.get(row.stay_id, 0)) for row in rows]


async def of_stay(principal: Principal, stay_id: UUID, now_ns: int) -> FoundReferences:
    """The reference seizures of a stay and how each stands. 404, audited, when the stay is absent or not the person's."""
    stay = await _stay(principal, stay_id)
    rows = await queries.seizures(principal, stay_id)
    pulls = await cloud.pulls.queries.of_references(principal, [row.reference_id for row in rows])
    here = await cloud.pulls.queries.arrived(principal, list(pulls.values()))
    told = await cloud.devices.queries.heartbeats(principal)
    heartbeat = told.get((stay.site, stay.bed), (None, 0))[0]
    events = await _events_near(principal, stay, rows)
    found = []
    for row in rows:
        match, event = rules.match_of((row.start_utc_ns, row.end_utc_ns), events)
        pull = pulls.get(row.reference_id)
        parts = [here[event_id] for event_id in cloud.pulls.queries.events_of(pull)] if pull else []
        standing = standing_of(PullState(pull.state), parts) if pull else None
        ring_hours = heartbeat.ring_hours if heartbeat else None
        held = rules.in_ring(row.start_utc_ns, ring_hours, now_ns)
        event_id = event.event_id if isinstance(event, TimedEvent) else None
        coverage = coverage_at(heartbeat, row.start_utc_ns)
        found.append(FoundSeizure(row, match, event_id, pull, standing, coverage, held))
    return FoundReferences(stay, await queries.lists(principal, stay_id), found)


async def _events_near(principal: Principal, stay: Stay, rows: list[ReferenceSeizure]) -> list[TimedEvent]:
    if not rows:
        return []
    within = rules.bounds_of([(row.start_utc_ns, row.end_utc_ns) for row in rows])
    return await queries.events(principal, stay.site, stay.bed, within)


def coverage_at(heartbeat: Heartbeat | None, utc_ns: int) -> float | None:
    """Recorded of wanted in the hour of that moment, the worst stream's; None where the heartbeat does not reach so far."""
    for hour in heartbeat.coverage_hours if heartbeat else []:
        if hour.start_utc_ns <= utc_ns < hour.start_utc_ns + HOUR_NS:
            shares = [each.recorded / each.wanted for each in hour.streams.values() if each.wanted > 0]
            return min(shares, default=None)
    return None


async def take_in(principal: Principal, stay_id: UUID, wish: Import, now_ns: int) -> ReferenceList:
    """Imports a file for a stay, all of it or nothing. The same file with the same settings changes nothing.

    Raises Refused, naming bad rows by their lines; 404, audited, when the stay is absent or not the person's.
    """
    stay = await _stay(principal, stay_id)
    read = _read(wish)
    end_ns = stay.discharged_utc_ns if stay.discharged_utc_ns is not None else now_ns
    seizures = rules.on_unit_clock(read, wish.clock_offset_ns, (stay.admitted_utc_ns, end_ns))
    digest = hashlib.sha256(wish.content).hexdigest()
    async with in_transaction() as connection:
        await Stay.filter(stay_id=stay_id).using_db(connection).select_for_update().get()
        before = await ReferenceList.filter(stay_id=stay_id, file_sha256=digest).using_db(connection).first()
        if before is not None and before.settings == wish.settings:
            return before
        if before is not None:
            await _remove(connection, before)
        kept = await _write(connection, principal, stay, wish, (digest, read.passed_over, seizures), now_ns)
        details: dict[str, audit.Detail] = {
            "seizures": len(seizures), "replaced": before is not None, "clock_offset_ns": wish.clock_offset_ns,
            "file_sha256": digest,
        }  # fmt: skip
        await audit.record(
            connection, principal, "references_imported", site=stay.site, subject=str(stay_id), details=details
        )
    return kept


def _read(wish: Import) -> ReadFile:
    reader = read_edf if is_edf(wish.content) else read_tsv
    return reader(wish.content, wish.recording_start_ns, wish.zone)


async def _write(
    connection: Connection,
    principal: Principal,
    stay: Stay,
    wish: Import,
    read: tuple[str, int, list[UnitSeizure]],
    now_ns: int,
) -> ReferenceList:
    digest, passed_over, seizures = read
    kept = await ReferenceList.create(
        using_db=connection,
        list_id=uuid7(now_ns),
        site=stay.site,
        stay_id=stay.stay_id,
        name=rules.kept_name(wish.name, digest),
        file_sha256=digest,
        settings=wish.settings,
        clock_offset_ns=wish.clock_offset_ns,
        seizures=len(seizures),
        passed_over=passed_over,
        imported_by=principal.name,
        imported_at_ns=now_ns,
    )
    rows = [
        ReferenceSeizure(
            reference_id=uuid7(now_ns),
            list_id=kept.list_id,
            site=stay.site,
            stay_id=stay.stay_id,
            start_utc_ns=each.start_utc_ns,
            end_utc_ns=each.end_utc_ns,
            kind=each.kind,
            line=each.line,
        )
        for each in seizures
    ]
    await ReferenceSeizure.bulk_create(rows, using_db=connection)
    return kept


async def _remove(connection: Connection, kept: ReferenceList) -> None:
    await ReferenceSeizure.filter(list_id=kept.list_id).using_db(connection).delete()
    await ReferenceList.filter(list_id=kept.list_id).using_db(connection).delete()


async def remove(principal: Principal, stay_id: UUID, list_id: UUID) -> None:
    """Takes an imported file away; what was pulled for it stays. 404, audited, when it is absent or not the person's."""
    stay = await _stay(principal, stay_id)
    async with in_transaction() as connection:
        kept = await ReferenceList.filter(list_id=list_id, stay_id=stay_id).using_db(connection).first()
        if kept is not None:
            await _remove(connection, kept)
            details: dict[str, audit.Detail] = {"seizures": kept.seizures, "file_sha256": kept.file_sha256}
            await audit.record(
                connection, principal, "references_removed", site=stay.site, subject=str(stay_id), details=details
            )
    if kept is None:
        await refuse(principal, str(list_id))


async def pull_missed(principal: Principal, stay_id: UUID, now_ns: int) -> Asked:
    """Asks the bed for every missed seizure that is not gone and for which no wish stands, the oldest first, as room allows."""
    found = await of_stay(principal, stay_id, now_ns)
    stay = found.stay
    end_ns = min(now_ns, stay.discharged_utc_ns if stay.discharged_utc_ns is not None else now_ns)
    missed = [each for each in found.seizures if each.match is Match.missed]
    waiting = [each for each in missed if each.pull is not None and each.pull.state not in ASK_AGAIN]
    due = [each for each in missed if each not in waiting and each.in_ring is not False]
    asked = 0
    async with in_transaction() as connection:
        room = OPEN_LIMIT - await cloud.pulls.queries.waiting(connection, stay.site, stay.bed)
        for each in due[: max(0, room)]:
            span = rules.span_to_pull((each.row.start_utc_ns, each.row.end_utc_ns), (stay.admitted_utc_ns, end_ns))
            if span is not None:
                wish = Wish(stay.site, stay.bed, *span, reference_id=each.row.reference_id)
                await cloud.pulls.service.keep(connection, principal, wish, now_ns)
                asked += 1
    gone = len(missed) - len(waiting) - len(due)
    return Asked(asked, len(waiting), gone, len(due) - asked)


async def _stay(principal: Principal, stay_id: UUID) -> Stay:
    stay = await queries.stay(principal, stay_id)
    return stay if stay is not None else await refuse(principal, str(stay_id))
