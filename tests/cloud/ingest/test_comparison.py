"""What is asked for again, what is shown, and what is explained when a page of a bed's history meets what the cloud has."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from cloud.ingest.comparison import Compared, Held, compare
from shared.ids import uuid7
from shared.reconciliation import Digest, KeptClip, KeptMessage, MessageState

EVENT, OTHER = uuid7(1), uuid7(2)
HASH = "ab" * 32


def page(*messages: tuple[int, UUID, str], clips: list[KeptClip] | None = None, highest: int = 9) -> Digest:
    kept = [KeptMessage(sequence=n, event_id=e, revision=1, state=MessageState(s)) for n, e, s in messages]
    return Digest(run=uuid7(3), page=0, first=1, last=9, highest=highest, messages=kept, clips=clips or [])


def held(**changes: Any) -> Held:
    fields: dict[str, Any] = {
        "sequences": frozenset({1, 2}),
        "dead": frozenset(),
        "events": {EVENT: 1},
        "clips": {},
        "holes": [],
        "highest": 2,
    }
    return Held(**{**fields, **changes})


def told(compared: Compared) -> list[tuple[str, bool]]:
    return [(each.kind, each.final) for each in compared.differences]


def test_what_both_sides_tell_alike_asks_for_nothing() -> None:
    compared = compare(page((1, EVENT, "delivered"), (3, EVENT, "waiting")), held())
    assert (compared.request.messages, compared.request.clips, compared.differences, compared.dead) == ([], [], [], [])


def test_a_delivered_message_without_ledger_row_or_event_is_asked_for_again() -> None:
    compared = compare(page((1, OTHER, "delivered"), (7, EVENT, "delivered")), held())
    assert compared.request.messages == [1, 7]
    assert told(compared) == [("event_lost", False), ("event_lost", False)]
    assert "received once (message 7)" in compared.differences[1].sentence


def test_an_event_that_fell_back_to_an_older_report_is_asked_for_again() -> None:
    assert compare(page((1, EVENT, "delivered")), held(events={EVENT: 0})).request.messages == [1]


def test_a_dead_letter_of_the_bed_explains_its_number() -> None:
    compared = compare(page((2, EVENT, "dead"), (5, EVENT, "dead")), held())
    assert compared.dead == [5]
    assert compared.request.messages == []


def test_a_forged_dead_letter_does_not_stand_for_a_message_that_was_delivered() -> None:
    compared = compare(page((5, EVENT, "delivered"), (6, EVENT, "dead")), held(dead=frozenset({5, 6})))
    assert compared.request.messages == [5]
    assert compared.dead == []


def test_numbers_that_nobody_knows_are_shown() -> None:
    compared = compare(page(), held(holes=[(40, 42), (50, 50)]))
    assert [each.sentence.split(",")[0] for each in compared.differences] == [
        "Messages 40 to 42 were never seen here",
        "Message 50 was never seen here",
    ]
    assert told(compared) == [("never_seen", True)] * 2


def test_a_lost_clip_is_asked_for_while_the_bed_holds_it_and_shown_when_not() -> None:
    clips = [
        KeptClip(event_id=EVENT, objects_sha256=HASH, held=True),
        KeptClip(event_id=OTHER, objects_sha256=HASH, held=False),
    ]
    compared = compare(page((1, EVENT, "delivered"), clips=clips), held())
    assert compared.request.clips == [EVENT]
    assert told(compared) == [("clip_lost", False), ("clip_lost", True)]
    known = compare(page((1, EVENT, "delivered"), clips=clips), held(clips={EVENT: HASH, OTHER: "cd" * 32}))
    assert known.request.clips == []
    assert told(known) == [("clip_differs", True)]


def test_a_bed_that_counts_below_what_the_cloud_has_goes_on_above_it() -> None:
    compared = compare(page(highest=9), held(highest=57))
    assert compared.request.count_from == 57
    assert told(compared) == [("count_behind", False)]
