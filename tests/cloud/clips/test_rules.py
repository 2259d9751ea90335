"""What the cloud wants of a clip."""

from __future__ import annotations

import pytest

from cloud.clips import rules
from cloud.clips.rules import WantedObject
from shared.clip import CHUNK_BYTES, RawDecision, RawPolicy
from shared.errors import Refused
from shared.ids import uuid7
from shared.review import Verdict
from tests.cloud.facts import UTC_NS, Thing, manifest


@pytest.mark.parametrize(
    ("policy", "verdict", "decision"),
    [
        (RawPolicy.always, None, RawDecision.send),
        (RawPolicy.always, Verdict.rejected, RawDecision.send),
        (RawPolicy.on_confirm, None, RawDecision.wait),
        (RawPolicy.on_confirm, Verdict.unsure, RawDecision.wait),
        (RawPolicy.on_confirm, Verdict.confirmed, RawDecision.send),
        (RawPolicy.on_confirm, Verdict.rejected, RawDecision.released),
        (RawPolicy.never, None, RawDecision.released),
        (RawPolicy.never, Verdict.confirmed, RawDecision.released),
    ],
)
def test_policy_and_verdict_decide_on_raw_segments(
    policy: RawPolicy, verdict: Verdict | None, decision: RawDecision
) -> None:
    assert rules.raw_decision(policy, verdict) is decision


PROXY = WantedObject("a" * 64, 10, rules.PROXY, "ir")
SEGMENT = WantedObject("b" * 64, 30, rules.SEGMENT, None)


@pytest.mark.parametrize(
    ("stored", "raw", "watchable", "complete"),
    [
        ((), RawDecision.released, False, False),
        ((PROXY,), RawDecision.wait, True, False),
        ((PROXY,), RawDecision.send, True, False),
        ((PROXY,), RawDecision.released, True, True),
        ((SEGMENT,), RawDecision.send, False, False),
        ((PROXY, SEGMENT), RawDecision.send, True, True),
        ((PROXY, SEGMENT), RawDecision.wait, True, False),
    ],
)
def test_a_clip_is_complete_only_when_all_that_may_be_wanted_is_stored(
    stored: tuple[WantedObject, ...], raw: RawDecision, watchable: bool, complete: bool
) -> None:
    now = rules.progress([PROXY, SEGMENT], {item.sha256 for item in stored}, raw)
    assert (now.watchable, now.complete) == (watchable, complete)
    assert now.bytes_stored == sum(item.size_bytes for item in stored)


def test_a_manifest_wants_proxies_before_segments_and_each_object_once() -> None:
    proxy, segment = Thing(b"proxy"), Thing(b"segment")
    items = rules.objects_of(manifest(uuid7(UTC_NS), [proxy], [segment, segment]))
    assert [(item.sha256, item.kind, item.stream) for item in items] == [
        (proxy.sha256, "proxy", "ir"),
        (segment.sha256, "segment", None),
    ]


def test_a_hash_with_two_sizes_is_refused() -> None:
    one = manifest(uuid7(UTC_NS), [Thing(b"proxy")], [Thing(b"segment")])
    twin = one.segments[0].model_copy(update={"sha256": one.proxies[0].sha256})
    with pytest.raises(Refused, match="two sizes"):
        rules.objects_of(one.model_copy(update={"segments": [twin]}))


def test_the_last_chunk_is_the_rest_and_there_is_none_after_it() -> None:
    size = 2 * CHUNK_BYTES + 5
    assert [rules.chunk_bytes(size, number, CHUNK_BYTES) for number in range(3)] == [CHUNK_BYTES, CHUNK_BYTES, 5]
    with pytest.raises(Refused, match="chunks 0 to 2"):
        rules.chunk_bytes(size, 3, CHUNK_BYTES)
