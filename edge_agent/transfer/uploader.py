"""The uploader without its process: takes the plan's next step, does it, tells the plan what came of it.

The pin of a clip goes by the cloud's word alone, in the same transaction as the clip's last stage. A segment that is lost
at the bed makes the clip partial and says so; a proxy that is lost is made again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from edge_agent.clips.partial import without_segment
from edge_agent.clips.store import ClipStore
from edge_agent.ring.folder import PROXIES
from edge_agent.transfer.clip_files import ClipFiles
from edge_agent.transfer.cloud_client import CloudClient
from edge_agent.transfer.failures import (
    Absent,
    CertificateRefused,
    ChunkRefused,
    Incomplete,
    LostAtBed,
    StoreNotAllowed,
    TooManyClips,
)
from edge_agent.transfer.plan import AskClip, ClipEnd, CompleteObject, SendChunk, Step, UploadPlan
from shared.clip import ClipManifest
from shared.clock import NS_PER_S, Clock
from shared.errors import Refused, Transient
from shared.failpoints import hit

WANTED_PERIOD_NS = 300 * NS_PER_S
"""So often the bed asks which clips are wanted after they were released."""
CERTIFICATE_ALARM = "upload_certificate"
STORE_ALARM = "upload_store"


@dataclass(frozen=True, slots=True)
class Done:
    """A clip that the cloud took (stored) or does not want (released); bytes and segments of its manifest."""

    event_id: UUID
    end: ClipEnd
    segments: int
    size_bytes: int


@dataclass(slots=True)
class UploadTurn:
    """What one turn did; `busy`: call again at once."""

    busy: bool = False
    done: Done | None = None
    sent: SendChunk | None = None
    dead: UUID | None = None
    partial: UUID | None = None
    reopened: list[UUID] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


class Uploader:
    """Use from one thread, with a store of its own."""

    def __init__(self, folder: Path, store: ClipStore, client: CloudClient, clock: Clock, dice: random.Random) -> None:
        self._folder = folder
        self._files = ClipFiles(folder)
        self._store = store
        self._client = client
        self._clock = clock
        self._plan = UploadPlan(dice)
        self._alarms: dict[str, str | None] = {}
        self._wanted_at_ns = clock.monotonic_ns()

    def look(self) -> None:
        """Takes up clips that became ready, lets go of those that are no more."""
        ready = self._store.to_send()
        for event_id in self._plan.event_ids - set(ready):
            self._plan.drop(event_id)
        for event_id in ready:
            if event_id not in self._plan.event_ids and (manifest := self._store.manifest(event_id)) is not None:
                self._plan.add(manifest)

    def turn(self) -> UploadTurn:
        """One request, or nothing to do."""
        turn = UploadTurn()
        now_ns = self._clock.monotonic_ns()
        step = self._plan.next(now_ns)
        try:
            if step is None:
                self._ask_wanted(now_ns, turn)
                return turn
            turn.busy = True
            self._do(step, turn)
            self._all_clear()
        except Absent as error:
            self._absent(step, error, turn)
        except Transient as error:
            self._troubled(step, error, turn)
        except LostAtBed as error:
            self._lost(step, error, turn)
        except Refused as error:
            self._bury(step, error.sentence, turn)
        return turn

    def _do(self, step: Step, turn: UploadTurn) -> None:
        if isinstance(step, AskClip):
            self._ask(step, turn)
        elif isinstance(step, SendChunk):
            self._send(step, turn)
        else:
            self._complete(step, turn)

    def _ask(self, step: AskClip, turn: UploadTurn) -> None:
        manifest = self._store.manifest(step.event_id)
        if manifest is None:
            self._plan.drop(step.event_id)
            return
        end = self._plan.answered(self._client.put_clip(manifest), self._clock.monotonic_ns())
        if end is not None:
            self._finish(manifest, end, turn)

    def _finish(self, manifest: ClipManifest, end: ClipEnd, turn: UploadTurn) -> None:
        hit("after_clip_receipt_before_unpin")
        self._store.finish(manifest.event_id, stored=end is ClipEnd.stored)
        self._plan.drop(manifest.event_id)
        sizes = [each.size_bytes for each in manifest.segments] + [each.size_bytes for each in manifest.proxies]
        turn.done = Done(manifest.event_id, end, len(manifest.segments), sum(sizes))
        hit("after_unpin_before_proxy_removal")
        for proxy in manifest.proxies:
            if not self._store.needs_proxy(proxy.sha256):
                (self._folder / PROXIES / f"{proxy.sha256}.mp4").unlink(missing_ok=True)

    def _send(self, step: SendChunk, turn: UploadTurn) -> None:
        body = self._files.read(step, proxy=self._plan.is_proxy(step))
        hit("after_chunk_read_before_put")
        put = self._client.put_chunk_directly if step.direct else self._client.put_chunk
        try:
            put(step.sha256, step.size_bytes, step.chunk, body)
        except ChunkRefused as error:
            turn.troubles.append(error.sentence)
            if self._plan.chunk_refused(step, self._clock.monotonic_ns()):
                raise Refused(error.sentence) from error
            return
        hit("after_chunk_sent_before_note")
        self._plan.chunk_sent(step)
        turn.sent = step

    def _complete(self, step: CompleteObject, turn: UploadTurn) -> None:
        try:
            self._client.complete(step.sha256, step.size_bytes)
        except Incomplete as error:
            turn.troubles.append(error.sentence)
            self._plan.lacks(step, error.missing, self._clock.monotonic_ns())
            self._files.check(step, proxy=self._plan.is_proxy(step))
            return
        hit("after_object_completed_before_note")
        self._plan.completed(step, self._clock.monotonic_ns())

    def _ask_wanted(self, now_ns: int, turn: UploadTurn) -> None:
        """Now and then, when nothing else is to do: which released clips are wanted after all."""
        if now_ns < self._wanted_at_ns or self._plan.resting(now_ns):
            return
        self._wanted_at_ns = now_ns + WANTED_PERIOD_NS
        wanted = self._client.wanted().event_ids
        self._all_clear()
        turn.reopened = [event_id for event_id in wanted if self._store.reopen(event_id)]

    def _absent(self, step: Step | None, error: Absent, turn: UploadTurn) -> None:
        turn.troubles.append(error.sentence)
        if isinstance(step, AskClip):
            self._plan.clip_unknown(step.event_id, self._clock.monotonic_ns())
        elif step is not None:
            self._plan.object_unknown(step, self._clock.monotonic_ns())

    def _troubled(self, step: Step | None, error: Transient, turn: UploadTurn) -> None:
        turn.troubles.append(error.sentence)
        least_s = error.facts.get("retry_after_s", 0)
        wait_ns = least_s * NS_PER_S if isinstance(least_s, int) else 0
        if isinstance(error, TooManyClips) and step is not None:
            self._plan.clip_later(step.event_id, self._clock.monotonic_ns(), wait_ns)
            return
        self._plan.failed(self._clock.monotonic_ns(), wait_ns)
        if isinstance(error, CertificateRefused):
            self._alarm(CERTIFICATE_ALARM, f"No clip is taken from this bed: {error.sentence}", turn)
        elif isinstance(error, StoreNotAllowed):
            self._alarm(STORE_ALARM, f"No clip leaves this bed: {error.sentence}", turn)

    def _lost(self, step: Step | None, error: LostAtBed, turn: UploadTurn) -> None:
        """A segment: the clip is partial from now on. A proxy: all are made again, once."""
        assert isinstance(step, SendChunk | CompleteObject)
        turn.troubles.append(error.sentence)
        try:
            if self._plan.is_proxy(step):
                if not self._store.remake(step.event_id):
                    self._bury(step, error.sentence, turn)
            elif (manifest := self._store.manifest(step.event_id)) is not None:
                self._store.replace_manifest(without_segment(manifest, step.sha256, error.reason))
                turn.partial = step.event_id
        except Transient as trouble:
            turn.troubles.append(trouble.sentence)
            self._plan.failed(self._clock.monotonic_ns())
            return
        self._plan.drop(step.event_id)
        self.look()

    def _bury(self, step: Step | None, sentence: str, turn: UploadTurn) -> None:
        """The clip's bytes stay pinned; a person decides."""
        assert step is not None
        try:
            self._store.bury(step.event_id, sentence, self._clock.utc_ns())
        except Transient as error:
            turn.troubles.append(error.sentence)
            self._plan.failed(self._clock.monotonic_ns())
            return
        self._plan.drop(step.event_id)
        turn.dead = step.event_id
        turn.troubles.append(sentence)

    def _all_clear(self) -> None:
        """The cloud answered as it should: what was refused before is mended."""
        for name in (CERTIFICATE_ALARM, STORE_ALARM):
            if self._alarms.get(name, "unknown") is not None:
                self._store.alarm(name, None, self._clock.utc_ns())
                self._alarms[name] = None

    def _alarm(self, name: str, sentence: str, turn: UploadTurn) -> None:
        if self._alarms.get(name) == sentence:
            return
        try:
            self._store.alarm(name, sentence[:500], self._clock.utc_ns())
            self._alarms[name] = sentence
        except Transient as error:
            turn.troubles.append(error.sentence)
