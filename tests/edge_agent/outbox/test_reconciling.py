"""When pages go: soon after a connection, not too often, all of them each day or when one shows a difference."""

from __future__ import annotations

import random
from uuid import UUID, uuid4

from edge_agent.outbox.reconciling import TRIES, Reconciling
from shared.clock import NS_PER_S
from shared.reconciliation import Digest, ResendRequest

Due = tuple[UUID, int, int | None]
HOUR_S = 3600


class Bed:
    """Steps through time and answers as told."""

    def __init__(self) -> None:
        self.plan = Reconciling(random.Random(1))
        self.now_s = 0

    def wait(self, seconds: int) -> list[Due]:
        """What was due in the seconds to come, looking each second."""
        found = []
        for _ in range(seconds):
            self.now_s += 1
            due = self.plan.due(self.now_s * NS_PER_S, 0)
            if due is not None:
                found.append(due)
                first = 1 if due[2] == 200 else 201 if due[2] == 400 else 401
                page = Digest(
                    run=due[0], page=due[1], first=first, last=due[2] or 600, highest=600, messages=[], clips=[]
                )
                self.plan.sent(page)
        return found

    def answer(self, due: Due, *, missing: bool = False, run: UUID | None = None) -> None:
        request = ResendRequest.model_construct(
            run=run or due[0], page=due[1], messages=[7] if missing else [], clips=[]
        )
        self.plan.answered(request, self.now_s * NS_PER_S)


def test_the_newest_page_goes_once_within_a_minute_of_the_connection() -> None:
    bed = Bed()
    bed.plan.link_up(0)
    (due,) = bed.wait(61)[:1]
    assert due[1:] == (0, None)
    bed.answer(due)
    assert bed.wait(HOUR_S) == []


def test_a_difference_brings_all_pages_one_after_the_other() -> None:
    bed = Bed()
    bed.plan.link_up(0)
    pages = []
    due = bed.wait(61)[-1]
    for _ in range(3):
        pages.append(due[1:])
        bed.answer(due, missing=due[1] == 0)
        due = (bed.wait(2) or [due])[0]
    assert pages == [(0, None), (1, 400), (2, 200)]
    assert bed.wait(HOUR_S) == []


def test_flapping_links_do_not_make_more_of_it() -> None:
    bed = Bed()
    runs = 0
    for _ in range(60):
        bed.plan.link_up(bed.now_s * NS_PER_S)
        for due in bed.wait(60):
            bed.answer(due)
            runs += 1
    assert runs <= 7


def test_each_day_everything_is_compared() -> None:
    bed = Bed()
    assert bed.wait(19 * HOUR_S) == []
    due: list[Due] = []
    while not due:
        due = bed.wait(1)
    bed.answer(due[0])
    assert bed.wait(2)[0][1:] == (1, 400)


def test_a_page_without_an_answer_goes_five_times_and_foreign_answers_change_nothing() -> None:
    bed = Bed()
    bed.plan.link_up(0)
    due = bed.wait(61)[0]
    bed.answer(due, run=uuid4())
    assert len(bed.wait(2 * HOUR_S)) >= TRIES - 2
    assert bed.plan.unanswered == 1
