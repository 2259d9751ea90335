"""Whoever floods waits in its own line: shares, turns and quotas by bed."""

from __future__ import annotations

import asyncio

from cloud.ingest.fair_queue import FairQueue, Quotas
from cloud.ingest.rules import bed_of
from shared.clock import NS_PER_S


async def test_each_bed_has_its_turn_however_long_the_line_of_another() -> None:
    queue: FairQueue[str] = FairQueue(limit=100, share=50)
    for number in range(50):
        queue.put("flood", f"flood {number}")
    queue.put("quiet", "quiet 0")
    queue.put("quiet", "quiet 1")
    assert await queue.take(4) == ["flood 0", "quiet 0", "flood 1", "quiet 1"]
    assert len(queue) == 48


async def test_a_full_share_and_a_full_queue_take_nothing_more() -> None:
    queue: FairQueue[int] = FairQueue(limit=5, share=3)
    assert [queue.put("a", number) for number in range(4)] == [True, True, True, False]
    assert [queue.put("b", number) for number in range(3)] == [True, True, False]
    assert sorted(await queue.take(99)) == [0, 0, 1, 1, 2]
    assert queue.put("a", 9)


async def test_taking_waits_for_the_first_item() -> None:
    queue: FairQueue[int] = FairQueue(limit=5, share=3)
    waiting = asyncio.create_task(queue.take(3))
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.put("a", 1)
    assert await waiting == [1]


def test_a_bed_beyond_its_quota_is_put_off_and_counted_and_its_neighbour_passes() -> None:
    now_ns = 0
    quotas = Quotas(60, lambda: now_ns)
    assert [quotas.allow("flood") for _ in range(12)] == [True] * 10 + [False] * 2
    assert quotas.allow("quiet")
    now_ns = 3 * NS_PER_S
    assert [quotas.allow("flood") for _ in range(4)] == [True] * 3 + [False]
    assert quotas.take_shed() == {"flood": 3}
    assert quotas.take_shed("flood") == {}
    assert quotas.take_shed("stranger") == {}


def test_a_topic_of_any_shape_belongs_to_some_share() -> None:
    assert bed_of("deepepil/v1/north/bed-1/event") == "north/bed-1"
    assert [bed_of(text) for text in ("", "a/b", "a/b/c/d/e/f", "\x00")] == ["-"] * 4
    assert len(bed_of(f"deepepil/v1/{'x' * 5_000}/y/event")) == 80
