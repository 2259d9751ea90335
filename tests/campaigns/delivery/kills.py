"""kill -9 of every process: at each named point of delivery and transfer, and at random moments."""

from __future__ import annotations

import random
import time

from shared.failpoints import DELIVERY_POINTS, TRANSFER_POINTS
from tests.campaigns.delivery.house import House, Wishes
from tests.campaigns.delivery.judge import judge
from tests.campaigns.delivery.tally import Tally

AT_POINTS = "kill -9 at each failpoint"
AT_RANDOM = "kill -9 at random"
POINTS: dict[str, tuple[str, ...]] = {
    "feed": ("before_outbox_commit", "after_outbox_commit"),
    "publisher": (
        "after_publish_before_mark", "after_puback_before_receipt", "after_receipt_before_delete",
        "after_receipt_delete", "before_put_back_commit",
    ),
    "uploader": (
        "after_chunk_read_before_put", "after_chunk_sent_before_note", "after_object_completed_before_note",
        "after_clip_receipt_before_unpin", "after_unpin_before_proxy_removal",
    ),
    "ingester": (
        "before_event_commit", "after_event_commit_before_receipt", "after_receipt_before_ack",
        "before_comparison_commit",
    ),
    "api": ("after_chunk_put_before_mark", "after_object_stored_before_row", "after_complete_before_receipt"),
}  # fmt: skip
"""Which program passes which point."""
KNOWN = frozenset(DELIVERY_POINTS) | frozenset(TRANSFER_POINTS)
EVENTS_A_FEED = 4
DEATH_LIMIT_S = 240.0
COMPARE_EACH_S = 8.0
OF_COMPARISONS = ("before_comparison_commit", "before_put_back_commit")


def at_points(tally: Tally, hits: tuple[int, ...], seed: int) -> None:
    """One house; every program dies at each of its points, once for each number of hits, while both beds have events."""
    tally.seeds[AT_POINTS] = seed
    with House(Wishes(), seed) as house:
        arms = {name: [f"{point}=kill@{nth}" for nth in hits for point in points] for name, points in POINTS.items()}
        for name in ("ingester", "api"):
            house.arm(name, *arms[name])
        for kind in ("publisher", "uploader"):
            shared = list(arms[kind])
            house.dice.shuffle(shared)
            for number, bed in enumerate(house.beds):
                house.arm(f"{kind} {bed}", *shared[number :: len(house.beds)])
        first = next(iter(house.beds.values()))
        feeder = house.feed_in_child(first, EVENTS_A_FEED, arms["feed"])
        house.wait(lambda: not feeder.wanted, "the killed feeder's end", DEATH_LIMIT_S)
        _feed_until_all_died(house, tally)
        tell_deaths(house, tally)
        judge(house).into(tally, AT_POINTS)


def _feed_until_all_died(house: House, tally: Tally) -> None:
    """Events go on while a fault waits; a point that is not reached in time is a complaint."""
    armed = [program for program in house.programs.values() if not program.peace]

    compare_at_s = 0.0

    def passed() -> bool:
        nonlocal compare_at_s
        if time.monotonic() > compare_at_s and any(one.armed.startswith(OF_COMPARISONS) for one in armed):
            compare_at_s = time.monotonic() + COMPARE_EACH_S  # beds compare after a new connection alone
            house.restart("broker")
            tally.faults["broker killed, so that beds connect anew"] += 1
        for bed in house.beds.values():
            bed.feeder.mend()
            if sum(bed.left()) < 4:
                bed.feeder.feed(1)
        return all(program.peace for program in armed)

    try:
        house.wait(passed, "the last kill", DEATH_LIMIT_S)
    except AssertionError:
        waiting = {program.name: [program.armed, *program.arms] for program in armed if not program.peace}
        tally.complain(AT_POINTS, f"not reached in {DEATH_LIMIT_S:.0f} s: {waiting}")
        for program in armed:
            program.arms.clear()
            program.kill(house.nursery, again=True)


def tell_deaths(house: House, tally: Tally) -> None:
    """Who died where, and who ended without a reason that the campaign knows."""
    for program in house.programs.values():
        for point in program.deaths:
            tally.killed_at[point] += 1
            tally.faults[f"kill -9 of {program.name.split(' ', maxsplit=1)[0]} at a failpoint"] += 1
        tally.unexpected_ends += [f"{program.name} ended with {end.code}: {end.last_words}" for end in program.ends]
    if house.point_log.exists():
        tally.points |= set(house.point_log.read_text().split())


def at_random(tally: Tally, kills: int, seed: int) -> None:
    """Any process of the house, broker and database included, dies at any moment; events go on all the time."""
    tally.seeds[AT_RANDOM] = seed
    dice = random.Random(seed)
    with House(Wishes(), seed) as house:
        names = [name for name, program in house.programs.items() if program.runs]
        for _ in range(kills):
            for bed in house.beds.values():
                bed.feeder.feed(dice.randrange(3))
            house.rest(dice.uniform(0.0, 1.2))
            name = dice.choice(names)
            house.programs[name].kill(house.nursery, again=True)
            tally.faults[f"kill -9 of {name.split(' ', maxsplit=1)[0]} at random"] += 1
        tell_deaths(house, tally)
        judge(house).into(tally, AT_RANDOM)
