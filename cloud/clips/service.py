"""What happens to clips: a bed shows a manifest, its objects become stored, a clip becomes watchable, complete or overdue."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import structlog

from cloud import audit
from cloud.clips import queries, rules
from cloud.clips.tables import Clip, ClipObject, Event, StoredObject
from cloud.database import CLASSIFY_QUEUE, Connection, defer_in_transaction, in_transaction
from cloud.objects import Objects
from cloud.principal import Principal
from cloud.problems import HttpProblem, absent
from shared.clip import ClipAnswer, ClipManifest, MissingObject, RawDecision, RawPolicy, chunk_count
from shared.errors import Refused
from shared.review import Verdict

CLASSIFY_JOB = "classify_event"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ClipParts:
    """What the clips' service is handed: the store, the site's policy and how to learn an event's label so far."""

    objects: Objects
    raw_policy: RawPolicy
    verdict_of: Callable[[UUID], Awaitable[Verdict | None]]


@dataclass(frozen=True, slots=True)
class Caller:
    """A bed, as its certificate names it."""

    site: str
    bed: str

    @property
    def principal(self) -> Principal:
        return Principal.bed(self.site, self.bed)


@dataclass(frozen=True, slots=True)
class Change:
    """What became true of a clip and is told once it is committed."""

    event_id: UUID
    bed: str
    became_watchable: bool
    became_complete: bool
    bytes_stored: int


async def accept_manifest(parts: ClipParts, caller: Caller, manifest: ClipManifest) -> ClipAnswer:
    """Keeps the manifest and answers what is wanted now. The same manifest again only asks.

    Raises HttpProblem: 404 for an event that this bed never told, 409 for another manifest of a clip that is stored.
    Raises Refused for a manifest of another boot than its event's, or with one hash of two sizes.
    """
    wanted = rules.objects_of(manifest)
    decision = rules.raw_decision(parts.raw_policy, await parts.verdict_of(manifest.event_id))
    async with in_transaction() as connection:
        event = await queries.locked_event(connection, caller.principal, manifest.event_id)
        if event is not None and event.bed == caller.bed:
            await _keep_manifest(connection, event, manifest, wanted)
            change, complete = await _refresh(connection, caller.principal, event, decision)
            answer = await _answer(connection, caller.site, manifest.event_id, decision, complete)
    if event is None or event.bed != caller.bed:
        foreign = await Event.filter(event_id=manifest.event_id).exists()
        await audit_absence(caller, str(manifest.event_id), foreign)
        raise absent()
    _tell([change])
    return answer


async def audit_absence(caller: Caller, subject: str, foreign: bool) -> None:
    """A bed that asks for what is another bed's is a refusal to audit; asking too early for its own is not."""
    if foreign:
        async with in_transaction() as connection:
            await audit.record(connection, caller.principal, "refused", site=caller.site, subject=subject)


async def _keep_manifest(
    connection: Connection, event: Event, manifest: ClipManifest, wanted: list[rules.WantedObject]
) -> None:
    if manifest.boot_id != event.boot_id:
        raise Refused("boot_id: the manifest names another boot than its event.", event_id=str(event.event_id))
    body = manifest.model_dump(mode="json")
    old = await Clip.filter(event_id=event.event_id).using_db(connection).get_or_none()
    if old is not None and old.manifest == body:
        return
    if old is not None and old.stored_at_ns is not None:
        raise HttpProblem(409, "The clip of this event is stored already, with another manifest.")
    await Clip.filter(event_id=event.event_id).using_db(connection).delete()
    await ClipObject.filter(event_id=event.event_id).using_db(connection).delete()
    proxies = sum(item.kind == rules.PROXY for item in wanted)
    await Clip.create(
        using_db=connection,
        event_id=event.event_id,
        site=event.site,
        bed=event.bed,
        manifest=body,
        raw_decision=RawDecision.wait.value,
        proxies_wanted=proxies,
        segments_wanted=len(wanted) - proxies,
        bytes_wanted=sum(item.size_bytes for item in wanted),
        told_at_ns=time.time_ns(),
    )
    links = [
        ClipObject(
            event_id=event.event_id,
            site=event.site,
            bed=event.bed,
            sha256=item.sha256,
            size_bytes=item.size_bytes,
            kind=item.kind,
            stream=item.stream,
            position=position,
        )
        for position, item in enumerate(wanted)
    ]
    await ClipObject.bulk_create(links, using_db=connection)


async def _refresh(
    connection: Connection, principal: Principal, event: Event, decision: RawDecision | None = None
) -> tuple[Change, bool]:
    """Counts the clip anew; whatever becomes true for the first time takes effect in this transaction."""
    clip = await Clip.filter(event_id=event.event_id).using_db(connection).get()
    raw = RawDecision(clip.raw_decision) if decision is None else decision
    wanted = await queries.wanted_objects(connection, event.event_id)
    stored = await queries.stored_of(connection, event.site, [item.sha256 for item in wanted])
    now = rules.progress(wanted, stored, raw)
    watchable = now.watchable and clip.proxies_stored_at_ns is None
    complete = now.complete and clip.stored_at_ns is None
    at_ns = time.time_ns()
    await (
        Clip.filter(event_id=event.event_id)
        .using_db(connection)
        .update(
            raw_decision=raw.value,
            proxies_stored=now.proxies_stored,
            segments_stored=now.segments_stored,
            bytes_stored=now.bytes_stored,
            proxies_stored_at_ns=at_ns if watchable else clip.proxies_stored_at_ns,
            stored_at_ns=at_ns if complete else clip.stored_at_ns,
        )
    )
    if watchable:
        await Event.filter(event_id=event.event_id).using_db(connection).update(clip_overdue=False)
        name = str(event.event_id)
        lock = f"classify:{name}"
        await defer_in_transaction(
            connection, CLASSIFY_JOB, {"event_id": name}, queue=CLASSIFY_QUEUE, queueing_lock=lock
        )
    if complete:
        await audit.record(
            connection,
            principal,
            "clip_stored",
            site=event.site,
            subject=str(event.event_id),
            details={"bytes": now.bytes_stored, "raw": raw.value},
        )
    return Change(event.event_id, event.bed, watchable, complete, now.bytes_stored), now.complete


async def _answer(
    connection: Connection, site: str, event_id: UUID, decision: RawDecision, complete: bool
) -> ClipAnswer:
    items = await queries.wanted_objects(connection, event_id)
    now = [item for item in items if item.kind == rules.PROXY or decision is RawDecision.send]
    hashes = [item.sha256 for item in now]
    stored = await queries.stored_of(connection, site, hashes)
    came = await queries.chunks_of(connection, site, hashes)
    missing = [
        lacking(item.sha256, item.size_bytes, came.get(item.sha256, {})) for item in now if item.sha256 not in stored
    ]
    return ClipAnswer(event_id=event_id, missing=missing, raw=decision, clip_stored=complete)


def lacking(sha256: str, size_bytes: int, came: dict[int, str]) -> MissingObject:
    """The object and which of its chunks did not come yet."""
    return MissingObject(sha256=sha256, chunks=[k for k in range(chunk_count(size_bytes)) if k not in came])


async def note_stored(
    connection: Connection, caller: Caller, sha256: str, size_bytes: int
) -> tuple[list[Change], list[ClipObject]]:
    """Writes that the store holds the object, and counts every clip anew that names it. Returns what to tell after the commit."""
    row = StoredObject(site=caller.site, sha256=sha256, size_bytes=size_bytes, stored_at_ns=time.time_ns())
    await StoredObject.bulk_create([row], ignore_conflicts=True, using_db=connection)
    links = await queries.clips_naming(connection, caller.site, sha256)
    locked = [await queries.locked_event(connection, caller.principal, link.event_id) for link in links]
    counted = [await _refresh(connection, caller.principal, event) for event in locked if event is not None]
    return [change for change, _ in counted], links


def tell_stored(changes: list[Change], links: list[ClipObject]) -> None:
    """Logs what `note_stored` made true, after its commit."""
    for link in links:
        if link.kind == rules.PROXY:
            _log.info(
                "proxy_stored", event_id=str(link.event_id), bed=link.bed, stream=link.stream, bytes=link.size_bytes
            )
    _tell(changes)


def _tell(changes: list[Change]) -> None:
    for change in changes:
        if change.became_watchable:
            _log.info("clip_watchable", event_id=str(change.event_id), bed=change.bed)
        if change.became_complete:
            _log.info("clip_stored", event_id=str(change.event_id), bed=change.bed, bytes=change.bytes_stored)


async def mark_overdue(event_id: UUID) -> bool:
    """Marks the event when its clip cannot be watched yet. Returns whether it is overdue."""
    async with in_transaction() as connection:
        event = await queries.locked_event(connection, Principal.system("worker"), event_id)
        watchable = (
            await Clip.filter(event_id=event_id, proxies_stored_at_ns__isnull=False).using_db(connection).exists()
        )
        if event is None or watchable:
            return False
        await Event.filter(event_id=event_id).using_db(connection).update(clip_overdue=True)
    _log.warning("clip_overdue", event_id=str(event_id), bed=event.bed)
    return True
