"""The uploader without its process: takes the plan's next step, does it, tells the plan what came of it.

The pin of a clip goes by the cloud's word alone, in the same transaction as the clip's last stage.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from edge_agent.clips.store import ClipStore
from edge_agent.ring.folder import PROXIES, SEGMENTS
from edge_agent.transfer.cloud_client import Absent, ChunkRefused, CloudClient, Incomplete
from edge_agent.transfer.plan import AskClip, ClipEnd, CompleteObject, SendChunk, Step, UploadPlan
from shared.clip import CHUNK_BYTES
from shared.clock import NS_PER_S, Clock
from shared.errors import Refused, Transient
from shared.segment import hash_file


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
    troubles: list[str] = field(default_factory=list)


class Uploader:
    """Use from one thread, with a store of its own."""

    def __init__(self, folder: Path, store: ClipStore, client: CloudClient, clock: Clock, dice: random.Random) -> None:
        self._folder = folder
        self._store = store
        self._client = client
        self._clock = clock
        self._plan = UploadPlan(dice)

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
        step = self._plan.next(self._clock.monotonic_ns())
        if step is None:
            return turn
        turn.busy = True
        try:
            self._do(step, turn)
        except Absent as error:
            self._absent(step, error, turn)
        except Transient as error:
            turn.troubles.append(error.sentence)
            least_s = error.facts.get("retry_after_s", 0)
            wait_ns = least_s * NS_PER_S if isinstance(least_s, int) else 0
            self._plan.failed(self._clock.monotonic_ns(), wait_ns)
        except Refused as error:
            self._bury(step.event_id, error.sentence, turn)
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
        if end is None:
            return
        self._store.finish(step.event_id, stored=end is ClipEnd.stored)
        self._plan.drop(step.event_id)
        size_bytes = sum(each.size_bytes for each in manifest.segments) + sum(
            each.size_bytes for each in manifest.proxies
        )
        turn.done = Done(step.event_id, end, len(manifest.segments), size_bytes)
        for proxy in manifest.proxies:
            if not self._store.needs_proxy(proxy.sha256):
                (self._folder / PROXIES / f"{proxy.sha256}.mp4").unlink(missing_ok=True)

    def _send(self, step: SendChunk, turn: UploadTurn) -> None:
        body = self._read(step)
        try:
            self._client.put_chunk(step.sha256, step.size_bytes, step.chunk, body)
        except ChunkRefused as error:
            turn.troubles.append(error.sentence)
            if self._plan.chunk_refused(step, self._clock.monotonic_ns()):
                raise Refused(error.sentence) from error
            return
        self._plan.chunk_sent(step)
        turn.sent = step

    def _complete(self, step: CompleteObject, turn: UploadTurn) -> None:
        try:
            self._client.complete(step.sha256, step.size_bytes)
        except Incomplete as error:
            turn.troubles.append(error.sentence)
            if self._plan.lacks(step, error.missing, self._clock.monotonic_ns()):
                self._check_own(step)
            return
        self._plan.completed(step, self._clock.monotonic_ns())

    def _path(self, step: SendChunk | CompleteObject) -> Path:
        if self._plan.is_proxy(step):
            return self._folder / PROXIES / f"{step.sha256}.mp4"
        return self._folder / SEGMENTS / f"{step.sha256}.seg"

    def _read(self, step: SendChunk) -> bytes:
        """One chunk from the disk. Raises Refused when the file is not there any more or is shorter than it was."""
        path = self._path(step)
        start = step.chunk * CHUNK_BYTES
        wanted = min(CHUNK_BYTES, step.size_bytes - start)
        try:
            with path.open("rb") as file:
                file.seek(start)
                body = file.read(wanted)
        except FileNotFoundError as error:
            raise Refused(f"{path.name} is not at the bed any more.") from error
        except OSError as error:
            raise Transient(f"{path.name} cannot be read now: {error.strerror}.") from error
        if len(body) != wanted:
            raise Refused(f"{path.name} is shorter than the {step.size_bytes} bytes that it had.")
        return body

    def _check_own(self, step: CompleteObject) -> None:
        """The cloud says again and again that it is not whole. Raises Refused when the bed's own file is damaged."""
        path = self._path(step)
        try:
            whole = hash_file(path) == step.sha256
        except OSError as error:
            raise Refused(f"{path.name} cannot be read: {error.strerror}.") from error
        if not whole:
            raise Refused(f"{path.name} is damaged at the bed: its bytes do not hash to its name any more.")

    def _absent(self, step: Step, error: Absent, turn: UploadTurn) -> None:
        turn.troubles.append(error.sentence)
        if isinstance(step, AskClip):
            self._plan.clip_unknown(step.event_id, self._clock.monotonic_ns())
        else:
            self._plan.object_unknown(step, self._clock.monotonic_ns())

    def _bury(self, event_id: UUID, sentence: str, turn: UploadTurn) -> None:
        """The clip's bytes stay pinned; a person decides."""
        try:
            self._store.bury(event_id, sentence, self._clock.utc_ns())
        except Transient as error:
            turn.troubles.append(error.sentence)
            self._plan.failed(self._clock.monotonic_ns())
            return
        self._plan.drop(event_id)
        turn.dead = event_id
        turn.troubles.append(sentence)
