"""What happens to clips: a bed shows a manifest, its objects become stored, a clip becomes watchable, complete or overdue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import structlog

from cloud import audit
from cloud.clips import queries, rules
from cloud.clips.direct_way import DirectWay
from cloud.clips.folder_way import FolderWay
from cloud.clips.rules import ManifestChange
from cloud.clips.tables import Clip, ClipObject, Event, StoredObject
from cloud.clips.way import Way
from cloud.database import CLASSIFY_QUEUE, Connection, defer_in_transaction, in_transaction
from cloud.objects import Objects
from cloud.principal import Principal
from cloud.problems import HttpProblem, absent
from shared.clip import ClipAnswer, ClipManifest, MissingObject, RawDecision, RawPolicy
from shared.errors import Refused
from shared.event import EventCause
from shared.review import Verdict

CLASSIFY_JOB = "classify_event"
HASHES_AT_ONCE = 2
_log = structlog.get_logger(__name__)


VerdictOf = Callable[[UUID], Awaitable[Verdict | None]]


@dataclass(frozen=True, slots=True)
class ClipParts:
    """What the clips' service is handed: the store, the sites' policies, an event's label so far, and the bounds of a bed."""

    objects: Objects
    policy_of: Callable[[str], RawPolicy]
    verdict_of: VerdictOf
    way: Way
    open_clips: int
    hashing: asyncio.Semaphore
    """Objects that are read back at a time: each costs a core for its length."""

    @classmethod
    def of(
        cls, objects: Objects, policy_of: Callable[[str], RawPolicy], verdict_of: VerdictOf, open_clips: int = 5_000
    ) -> ClipParts:
        """With the way that fits the store."""
        return cls(objects, policy_of, verdict_of, way_of(objects), open_clips, asyncio.Semaphore(HASHES_AT_ONCE))


def way_of(objects: Objects) -> Way:
    """How bytes come into this store."""
    return DirectWay(objects) if objects.folder is None else FolderWay(objects, objects.folder)


@dataclass(frozen=True, slots=True)
class Caller:
    """A bed, as its certificate names it."""

    site: str
    bed: str

    @property
    def owner(self) -> tuple[str, str]:
        return self.site, self.bed

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

    Raises HttpProblem: 404 for an event that this bed never told, 409 for a manifest that contradicts a clip that is
    stored, 429 for a new clip of a bed that has too many open. Raises Refused for a manifest of another boot than its
    event's, or with one hash of two sizes.
    """
    wanted = rules.objects_of(manifest)
    policy, verdict = parts.policy_of(caller.site), await parts.verdict_of(manifest.event_id)
    async with in_transaction() as connection:
        event = await queries.locked_event(connection, caller.principal, manifest.event_id)
        if event is not None and event.bed == caller.bed:
            decision = rules.raw_decision(rules.policy_for(EventCause(event.cause), policy), verdict)
            await _keep_manifest(connection, event, manifest, wanted, parts.open_clips)
            change, complete = await _refresh(connection, caller.principal, event, decision)
            missing = await _missing(parts, connection, caller, manifest.event_id, decision)
    if event is None or event.bed != caller.bed:
        foreign = await Event.filter(event_id=manifest.event_id).exists()
        await audit_absence(caller, str(manifest.event_id), foreign)
        raise absent()
    _tell([change])
    return ClipAnswer(
        event_id=manifest.event_id, missing=missing, raw=decision, clip_stored=complete, direct=parts.way.direct
    )


async def audit_absence(caller: Caller, subject: str, foreign: bool) -> None:
    """A bed that asks for what is another bed's is a refusal to audit; asking too early for its own is not."""
    if foreign:
        async with in_transaction() as connection:
            await audit.record(connection, caller.principal, "refused", site=caller.site, subject=subject)


async def _keep_manifest(
    connection: Connection, event: Event, manifest: ClipManifest, wanted: list[rules.WantedObject], open_clips: int
) -> None:
    if manifest.boot_id != event.boot_id:
        raise Refused("boot_id: the manifest names another boot than its event.", event_id=str(event.event_id))
    body = manifest.model_dump(mode="json")
    old = await Clip.filter(event_id=event.event_id).using_db(connection).get_or_none()
    if old is not None and old.manifest == body:
        return
    if old is None and await queries.open_clips(connection, event.site, event.bed) >= open_clips:
        raise HttpProblem(429, f"The bed has {open_clips} clips that are not stored yet.", retry_after_s=300)
    kept_proxies_at = None
    if old is not None:
        change, same_proxies = await _compare(connection, event, old, wanted)
        if change is ManifestChange.covered:
            return
        if change is ManifestChange.contradicts:
            raise HttpProblem(
                409, "The clip of this event is stored already, with segments that this manifest leaves out."
            )
        kept_proxies_at = old.proxies_stored_at_ns if same_proxies else None
        if old.stored_at_ns is not None:
            who = Principal.bed(event.site, event.bed)
            await audit.record(connection, who, "clip_changed", site=event.site, subject=str(event.event_id))
    await Clip.filter(event_id=event.event_id).using_db(connection).delete()
    await ClipObject.filter(event_id=event.event_id).using_db(connection).delete()
    await _write_clip(connection, event, manifest, wanted, kept_proxies_at)


async def _compare(
    connection: Connection, event: Event, old: Clip, wanted: list[rules.WantedObject]
) -> tuple[ManifestChange, bool]:
    """What the new objects mean beside the kept ones, and whether the proxies are the same."""
    kept = await queries.wanted_objects(connection, event.event_id)
    stored = await queries.stored_of(connection, event.site, [item.sha256 for item in wanted])
    change = rules.manifest_change(wanted, kept, stored, clip_stored=old.stored_at_ns is not None)
    return change, {i for i in wanted if i.kind == rules.PROXY} == {i for i in kept if i.kind == rules.PROXY}


async def _write_clip(
    connection: Connection,
    event: Event,
    manifest: ClipManifest,
    wanted: list[rules.WantedObject],
    proxies_stored_at_ns: int | None,
) -> None:
    proxies = sum(item.kind == rules.PROXY for item in wanted)
    await Clip.create(
        using_db=connection,
        event_id=event.event_id,
        site=event.site,
        bed=event.bed,
        manifest=manifest.model_dump(mode="json"),
        raw_decision=RawDecision.wait.value,
        proxies_wanted=proxies,
        segments_wanted=len(wanted) - proxies,
        bytes_wanted=sum(item.size_bytes for item in wanted),
        segments_lost=len(manifest.lost),
        told_at_ns=time.time_ns(),
        proxies_stored_at_ns=proxies_stored_at_ns,
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


async def reopen_released(connection: Connection, event_id: UUID, verdict: Verdict) -> bool:
    """A verdict that wants the raw segments after all: the bed is told when it asks. Returns whether the clip was reopened."""
    if verdict is not Verdict.confirmed:
        return False
    released = Clip.filter(event_id=event_id, raw_decision=RawDecision.released.value).using_db(connection)
    lacking_some = (await released.get_or_none()) is not None
    if lacking_some:
        await released.update(raw_decision=rules.REOPENED, stored_at_ns=None)
    return lacking_some


async def _refresh(
    connection: Connection, principal: Principal, event: Event, decision: RawDecision | None = None
) -> tuple[Change, bool]:
    """Counts the clip anew; whatever becomes true for the first time takes effect in this transaction."""
    clip = await Clip.filter(event_id=event.event_id).using_db(connection).get()
    kept = RawDecision.send if clip.raw_decision == rules.REOPENED else RawDecision(clip.raw_decision)
    raw = kept if decision is None else decision
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
            raw_decision=clip.raw_decision if decision is None else raw.value,
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


async def _missing(
    parts: ClipParts, connection: Connection, caller: Caller, event_id: UUID, decision: RawDecision
) -> list[MissingObject]:
    items = await queries.wanted_objects(connection, event_id)
    now = [item for item in items if item.kind == rules.PROXY or decision is RawDecision.send]
    stored = await queries.stored_of(connection, caller.site, [item.sha256 for item in now])
    sizes = {item.sha256: item.size_bytes for item in now if item.sha256 not in stored}
    came = await parts.way.arrived(connection, caller.owner, sizes)
    return [rules.lacking(sha256, size_bytes, came.get(sha256, set())) for sha256, size_bytes in sizes.items()]


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
