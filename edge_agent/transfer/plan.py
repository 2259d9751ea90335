"""What to send to the cloud next. Pure: in: clips that are ready, the cloud's answers, the time; out: one step at a time.

Clips are asked about first, then proxies go, then raw segments, oldest clip first, so that a new proxy waits for one chunk of
another clip's raw bytes at most. An object that several clips share is sent once.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from edge_agent.outbox.backoff import Backoff
from shared.clip import ClipAnswer, ClipManifest, MissingObject, RawDecision, chunk_count
from shared.clock import NS_PER_S

RETRY = Backoff(first_s=1.0, longest_s=60.0)
WAIT_NS = 30 * NS_PER_S
WAITING_A_PERIOD = 20
"""So many clips that wait for a verdict are asked about in one period; with more of them the period grows."""
ROUNDS_BEFORE_DOUBT = 3
"""Times that a chunk may arrive otherwise than it was sent before the bed gives the clip up."""


@dataclass(frozen=True, slots=True)
class AskClip:
    """PUT the clip's manifest."""

    event_id: UUID


@dataclass(frozen=True, slots=True)
class SendChunk:
    """PUT one chunk of an object; `event_id` is the clip for which it goes. `direct`: to the store itself."""

    event_id: UUID
    sha256: str
    size_bytes: int
    chunk: int
    direct: bool = False


@dataclass(frozen=True, slots=True)
class CompleteObject:
    """POST that all chunks of an object are there."""

    event_id: UUID
    sha256: str
    size_bytes: int


Step = AskClip | SendChunk | CompleteObject


class ClipEnd(StrEnum):
    """How the cloud ends the bed's duty for a clip."""

    stored = "stored"
    released = "released"


@dataclass(slots=True)
class _Clip:
    sizes: dict[str, int]
    proxies: frozenset[str]
    wanted: list[str] = field(default_factory=list)
    ask_at_ns: int = 0
    failures: int = 0
    waits: bool = False
    completed: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Object:
    missing: deque[int]
    doubts: int = 0


class UploadPlan:
    """All clips in hand. Every method takes the time where it matters; nothing here waits."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._clips: dict[UUID, _Clip] = {}
        self._objects: dict[str, _Object] = {}
        self._failures = 0
        self._resume_at_ns = 0
        self._direct = False

    @property
    def event_ids(self) -> set[UUID]:
        """The clips in hand."""
        return set(self._clips)

    def is_proxy(self, step: SendChunk | CompleteObject) -> bool:
        """The object is a proxy of that clip, not a segment."""
        return step.sha256 in self._clips[step.event_id].proxies

    def add(self, manifest: ClipManifest) -> None:
        """A clip that is ready; one that is known stays as it is."""
        if manifest.event_id not in self._clips:
            proxies = {proxy.sha256: proxy.size_bytes for proxy in manifest.proxies}
            segments = {segment.sha256: segment.size_bytes for segment in manifest.segments}
            self._clips[manifest.event_id] = _Clip(proxies | segments, frozenset(proxies))

    def drop(self, event_id: UUID) -> None:
        """The clip is done, dead or gone; objects that no other clip wants are forgotten."""
        self._clips.pop(event_id, None)
        wanted = {sha256 for clip in self._clips.values() for sha256 in clip.wanted}
        self._objects = {sha256: each for sha256, each in self._objects.items() if sha256 in wanted}

    def next(self, now_ns: int) -> Step | None:
        """The next step, or None while there is nothing to do."""
        if self.resting(now_ns):
            return None
        for event_id, clip in self._clips.items():
            if not clip.wanted and now_ns >= clip.ask_at_ns:
                return AskClip(event_id)
        for raw in (False, True):
            for event_id, clip in self._clips.items():
                if clip.wanted and now_ns >= clip.ask_at_ns and (clip.wanted[0] not in clip.proxies) == raw:
                    return self._step_of(event_id, clip)
        return None

    def _step_of(self, event_id: UUID, clip: _Clip) -> Step:
        sha256 = clip.wanted[0]
        missing = self._objects[sha256].missing
        if missing:
            return SendChunk(event_id, sha256, clip.sizes[sha256], missing[0], self._direct)
        return CompleteObject(event_id, sha256, clip.sizes[sha256])

    def answered(self, answer: ClipAnswer, now_ns: int) -> ClipEnd | None:
        """The cloud's answer to a manifest. Returns how the clip ends, if it does."""
        self._healthy()
        self._direct = answer.direct
        clip = self._clips[answer.event_id]
        known = [each for each in answer.missing if each.sha256 in clip.sizes]
        clip.wanted = sorted((each.sha256 for each in known), key=lambda sha256: sha256 not in clip.proxies)
        for each in known:
            self._note_missing(each, clip.sizes[each.sha256])
        if answer.clip_stored:
            return ClipEnd.stored
        if (
            not answer.missing and answer.raw is RawDecision.released
        ):  # the cloud may want what the manifest never named
            return ClipEnd.released
        clip.waits = not clip.wanted
        if clip.waits:
            waiting = sum(other.waits for other in self._clips.values())
            clip.ask_at_ns = now_ns + WAIT_NS * max(1, waiting // WAITING_A_PERIOD)
        elif clip.completed.intersection(clip.wanted):
            self._postpone(clip, now_ns)
        else:
            clip.ask_at_ns = now_ns
        return None

    def _note_missing(self, missing: MissingObject, size_bytes: int) -> None:
        chunks = deque(sorted({chunk for chunk in missing.chunks if chunk < chunk_count(size_bytes)}))
        found = self._objects.setdefault(missing.sha256, _Object(chunks))
        found.missing = chunks

    def chunk_sent(self, step: SendChunk) -> None:
        """The cloud has this chunk."""
        self._healthy()
        found = self._objects[step.sha256]
        if step.chunk in found.missing:
            found.missing.remove(step.chunk)

    def completed(self, step: CompleteObject, now_ns: int) -> None:
        """The cloud stores this object: no clip sends it any more."""
        self._healthy()
        self._objects.pop(step.sha256, None)
        for clip in self._clips.values():
            if step.sha256 in clip.wanted:
                clip.wanted.remove(step.sha256)
                clip.completed.add(step.sha256)
                clip.ask_at_ns = now_ns

    def lacks(self, step: CompleteObject, missing: MissingObject, now_ns: int) -> None:
        """The cloud lacks chunks of an object that the bed called complete."""
        self._healthy()
        self._note_missing(MissingObject(sha256=step.sha256, chunks=missing.chunks), step.size_bytes)
        self._doubt(step, now_ns)

    def chunk_refused(self, step: SendChunk, now_ns: int) -> bool:
        """The chunk did not arrive as it was sent. True: it happened too often."""
        self._healthy()
        return self._doubt(step, now_ns)

    def _doubt(self, step: SendChunk | CompleteObject, now_ns: int) -> bool:
        found = self._objects[step.sha256]
        found.doubts += 1
        self._postpone(self._clips[step.event_id], now_ns)
        return found.doubts >= ROUNDS_BEFORE_DOUBT

    def resting(self, now_ns: int) -> bool:
        """After a failure nothing is asked for a while."""
        return now_ns < self._resume_at_ns

    def clip_later(self, event_id: UUID, now_ns: int, wait_ns: int) -> None:
        """The cloud takes no more clips now: this one waits so long, the others a moment."""
        clip = self._clips[event_id]
        self._postpone(clip, now_ns)
        clip.ask_at_ns = max(clip.ask_at_ns, now_ns + wait_ns)
        self.failed(now_ns)

    def clip_unknown(self, event_id: UUID, now_ns: int) -> None:
        """The cloud does not know the event yet: this clip waits, others go on."""
        self._healthy()
        self._postpone(self._clips[event_id], now_ns)

    def object_unknown(self, step: SendChunk | CompleteObject, now_ns: int) -> None:
        """The cloud does not expect this object (any more): the manifest goes again, a little later."""
        self._healthy()
        clip = self._clips[step.event_id]
        clip.wanted = []
        self._postpone(clip, now_ns)

    def _postpone(self, clip: _Clip, now_ns: int) -> None:
        clip.failures += 1
        clip.ask_at_ns = now_ns + RETRY.wait_ns(clip.failures, self._dice)

    def failed(self, now_ns: int, least_wait_ns: int = 0) -> None:
        """The cloud could not be reached or could not do it now: everything waits."""
        self._failures += 1
        self._resume_at_ns = now_ns + max(least_wait_ns, RETRY.wait_ns(self._failures, self._dice))

    def _healthy(self) -> None:
        self._failures = 0
