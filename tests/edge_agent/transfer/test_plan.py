"""The plan under any answers, cuts and clips: it always ends, sends nothing that is stored, and never calls a clip done itself."""

from __future__ import annotations

import random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.transfer.plan import AskClip, ClipEnd, CompleteObject, SendChunk, UploadPlan
from shared.clip import CHUNK_BYTES, ClipAnswer, ClipManifest, ManifestSegment, MissingObject, RawDecision, chunk_count
from shared.clock import NS_PER_S
from shared.ids import uuid7
from tests.edge_agent.hand_clock import BOOT, UTC_NS

SIZES = {f"{number:064x}": size for number, size in enumerate((1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES), 1)}


def make_manifest(shas: list[str]) -> ClipManifest:
    segments = [
        ManifestSegment(
            sha256=sha256,
            size_bytes=SIZES[sha256],
            sequence=at,
            start_mono_ns=at,
            end_mono_ns=at + 1,
            start_utc_ns=0,
            frames={},
        )
        for at, sha256 in enumerate(shas)
    ]
    return ClipManifest(
        event_id=uuid7(UTC_NS), boot_id=BOOT, start_mono_ns=0, end_mono_ns=9, start_utc_ns=0, segments=segments,
        proxies=[], gaps=[], coverage={}, scores=[],
    )  # fmt: skip


class Cloud:
    """Stores chunks and objects; `moods` says how each next request ends."""

    def __init__(self, moods: list[str]) -> None:
        self.moods = moods
        self.chunks: set[tuple[str, int]] = set()
        self.stored: set[str] = set()
        self.acknowledged: set[tuple[str, int]] = set()

    def mood(self) -> str:
        return self.moods.pop() if self.moods else "well"

    def lacking(self, sha256: str) -> list[int]:
        return [chunk for chunk in range(chunk_count(SIZES[sha256])) if (sha256, chunk) not in self.chunks]

    def answer(self, event_id: UUID, shas: list[str]) -> ClipAnswer:
        missing = [MissingObject(sha256=each, chunks=self.lacking(each)) for each in shas if each not in self.stored]
        return ClipAnswer(event_id=event_id, missing=missing, raw=RawDecision.send, clip_stored=not missing)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.lists(st.sampled_from(sorted(SIZES)), unique=True, max_size=4), min_size=1, max_size=4),
    st.lists(st.sampled_from(["well", "well", "cut", "lost reply", "forgot", "unknown"]), max_size=40),
)
def test_every_clip_is_stored_at_last_and_no_acknowledged_chunk_goes_twice(
    shas_of_clips: list[list[str]], moods: list[str]
) -> None:
    cloud, plan, now_ns = Cloud(moods), UploadPlan(random.Random(1)), 0
    clips = {manifest.event_id: manifest for manifest in map(make_manifest, shas_of_clips)}
    for manifest in clips.values():
        plan.add(manifest)
    for _ in range(2_000):
        step = plan.next(now_ns)
        if step is None:
            now_ns += NS_PER_S
        elif isinstance(step, AskClip):
            if take(plan, cloud, step, [each.sha256 for each in clips[step.event_id].segments], now_ns):
                plan.drop(step.event_id)
        else:
            move(plan, cloud, step, now_ns)
        if not plan.event_ids:
            break
    assert plan.event_ids == set()
    assert cloud.stored == {sha256 for shas in shas_of_clips for sha256 in shas}


def take(plan: UploadPlan, cloud: Cloud, step: AskClip, shas: list[str], now_ns: int) -> bool:
    mood = cloud.mood()
    if mood in {"cut", "lost reply"}:
        plan.failed(now_ns)
    elif mood == "unknown":
        plan.clip_unknown(step.event_id, now_ns)
    else:
        return plan.answered(cloud.answer(step.event_id, shas), now_ns) is ClipEnd.stored
    return False


def move(plan: UploadPlan, cloud: Cloud, step: SendChunk | CompleteObject, now_ns: int) -> None:
    mood = cloud.mood()
    if mood == "cut":
        plan.failed(now_ns)
    elif mood == "unknown":
        plan.object_unknown(step, now_ns)
    elif isinstance(step, SendChunk):
        name = (step.sha256, step.chunk)
        assert name not in cloud.acknowledged, "a chunk was sent again though the cloud said that it has it"
        cloud.chunks.add(name)
        if mood == "lost reply":
            plan.failed(now_ns)
        else:
            cloud.acknowledged.add(name)
            plan.chunk_sent(step)
    else:
        if mood == "forgot":
            cloud.chunks -= {(step.sha256, 0)}
            cloud.acknowledged -= {(step.sha256, 0)}
        missing = cloud.lacking(step.sha256)
        if missing:
            plan.lacks(step, MissingObject(sha256=step.sha256, chunks=missing), now_ns)
            return
        cloud.stored.add(step.sha256)
        if mood == "lost reply":
            plan.failed(now_ns)
        else:
            plan.completed(step, now_ns)


def test_chunk_numbers_and_objects_that_the_manifest_does_not_have_are_ignored() -> None:
    sha256 = sorted(SIZES)[1]
    manifest, plan = make_manifest([sha256]), UploadPlan(random.Random(1))
    plan.add(manifest)
    missing = [MissingObject(sha256="f" * 64, chunks=[0]), MissingObject(sha256=sha256, chunks=[0, 0, 255])]
    plan.answered(ClipAnswer(event_id=manifest.event_id, missing=missing, raw=RawDecision.send, clip_stored=False), 0)
    assert plan.next(0) == SendChunk(manifest.event_id, sha256, CHUNK_BYTES, 0)


def test_a_clip_is_not_let_go_while_the_cloud_wants_an_object_that_the_manifest_never_named() -> None:
    manifest, plan = make_manifest(sorted(SIZES)[:1]), UploadPlan(random.Random(1))
    plan.add(manifest)
    spoiled = MissingObject(sha256="f" * 64, chunks=[0])
    answer = ClipAnswer(event_id=manifest.event_id, missing=[spoiled], raw=RawDecision.released, clip_stored=False)
    assert plan.answered(answer, 0) is None
    assert plan.next(3600 * NS_PER_S) == AskClip(manifest.event_id)
    assert plan.answered(answer.model_copy(update={"missing": []}), 0) is ClipEnd.released


def test_a_cloud_that_asks_for_stored_objects_again_and_again_is_obeyed_more_and_more_slowly() -> None:
    sha256 = sorted(SIZES)[0]
    manifest, plan, now_ns, sends = make_manifest([sha256]), UploadPlan(random.Random(1)), 0, 0
    plan.add(manifest)
    for _ in range(3_600):
        step = plan.next(now_ns)
        if isinstance(step, AskClip):
            missing = [MissingObject(sha256=sha256, chunks=[0])]
            answer = ClipAnswer(event_id=step.event_id, missing=missing, raw=RawDecision.send, clip_stored=False)
            plan.answered(answer, now_ns)
        elif isinstance(step, SendChunk):
            sends += 1
            plan.chunk_sent(step)
        elif isinstance(step, CompleteObject):
            plan.completed(step, now_ns)
        else:
            now_ns += NS_PER_S
    assert sends < 120
