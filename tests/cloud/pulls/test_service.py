"""A wish is kept until its bed answers: sent to connected beds alone, again until answered, taken once, and it runs out."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import pytest

from cloud.audit.tables import AuditEntry
from cloud.database import in_transaction
from cloud.devices.service import ensure_bed, note_state
from cloud.ingest.rules import Incoming
from cloud.ingest.service import Taker
from cloud.pulls import service
from cloud.pulls.asking import PullSender
from cloud.pulls.rules import ASK_AGAIN_NS, OPEN_LIMIT
from cloud.pulls.tables import Pull
from shared.clock import NS_PER_S
from shared.envelope import seal, unseal
from shared.heartbeat import BedState
from shared.ids import uuid7
from shared.pull import PullAnswer, PullOutcome, PullPart, PullRequest
from shared.topics import Address, Topic, parse_topic
from tests.cloud.people_house import BOOT, House

ANSWER = Address("north", "bed-1", Topic.answer)


class Line:
    """A link that keeps what is handed to it, and takes nothing while it is not connected or full."""

    def __init__(self) -> None:
        self.connected, self.full = True, False
        self.sent: list[PullRequest] = []

    def publish(self, topic: str, payload: bytes, *, qos: int) -> bool:
        assert qos == 1
        if not self.full:
            self.sent.append(unseal(parse_topic(topic), payload, PullRequest)[1])
        return not self.full


async def connect(online: bool, session: int = 1) -> None:
    async with in_transaction() as connection:
        await ensure_bed(connection, "north", "bed-1")
        await note_state(connection, "north", "bed-1", BedState(online=online, session=session, version="1"))


async def wish(house: House, **wanted: Any) -> UUID:
    return (await house.pull(uuid7(house.clock.now_ns), **wanted)).pull_id


def answer(pull_id: UUID, outcome: PullOutcome = PullOutcome.held, event_id: UUID | None = None) -> PullAnswer:
    part = PullPart(
        event_id=event_id or uuid7(5), boot_id=BOOT, stay_id=None, start_utc_ns=5, end_utc_ns=9, streams={}, evicted=0.0
    )
    parts = [part] if outcome is PullOutcome.held else []
    return PullAnswer(pull_id=pull_id, outcome=outcome, reason="", parts=parts, answered_utc_ns=7)


async def take(address: Address, said: PullAnswer) -> None:
    body = seal(address, said, time.time_ns())
    await Taker(600).take(Incoming(address.text, body))


async def test_a_wish_waits_for_its_bed_to_connect_and_is_sent_again_until_it_is_answered(house: House) -> None:
    now_ns, line = house.clock.now_ns, Line()
    sender = PullSender(line)
    await connect(online=False)
    pull_id = await wish(house)
    assert await sender.turn(now_ns) == 0
    await connect(online=True, session=2)
    assert await sender.turn(now_ns) == 1
    assert await sender.turn(now_ns + ASK_AGAIN_NS - 1) == 0
    assert await sender.turn(now_ns + ASK_AGAIN_NS) == 1
    assert [request.pull_id for request in line.sent] == [pull_id, pull_id]
    await take(ANSWER, answer(pull_id))
    assert await sender.turn(now_ns + 2 * ASK_AGAIN_NS) == 0
    assert (await Pull.get(pull_id=pull_id)).state == "answered"


async def test_what_the_broker_does_not_take_is_due_at_once(house: House) -> None:
    line = Line()
    await connect(online=True)
    await wish(house)
    line.full = True
    assert await PullSender(line).turn(house.clock.now_ns) == 0
    line.full = False
    assert await PullSender(line).turn(house.clock.now_ns) == 1


async def test_the_first_answer_counts_and_each_is_audited_once(house: House) -> None:
    pull_id = await wish(house)
    await take(ANSWER, answer(pull_id, PullOutcome.nothing))
    await take(ANSWER, answer(pull_id))
    assert (await Pull.get(pull_id=pull_id)).state == "nothing"
    assert await AuditEntry.filter(deed="pull_answered").count() == 1


@pytest.mark.parametrize("bed", ["bed-2", "bed-3"])
async def test_another_bed_cannot_answer(house: House, bed: str) -> None:
    pull_id = await wish(house)
    await take(Address("north", bed, Topic.answer), answer(pull_id))
    assert (await Pull.get(pull_id=pull_id)).state == "asked"
    assert await AuditEntry.filter(deed="refused", who=f"north.{bed}").count() == 1


async def test_a_wish_without_an_answer_runs_out_and_a_late_answer_still_counts(house: House) -> None:
    pull_id = await wish(house)
    expires_ns = (await Pull.get(pull_id=pull_id)).expires_at_ns
    line = Line()
    await connect(online=True)
    await PullSender(line).turn(expires_ns)
    assert line.sent == []
    row = await Pull.get(pull_id=pull_id)
    assert (row.state, row.reason) == ("expired", "The bed did not answer in time.")
    await take(ANSWER, answer(pull_id))
    assert (await Pull.get(pull_id=pull_id)).state == "answered"


async def test_a_clinician_asks_watches_it_arrive_and_the_deed_is_audited(house: House) -> None:
    await house.bed()
    client = await house.person("ann")
    asked = await client.post(
        "/api/v1/pulls",
        json={
            "site": "north",
            "bed": "bed-1",
            "start_utc": "2026-05-28T22:00:00+02:00",
            "end_utc": "2026-05-28T20:15:00Z",
        },
    )
    assert asked.status_code == 201, asked.text
    shown = asked.json()
    assert (shown["standing"], shown["online"], shown["start_utc"]) == ("asked", False, "2026-05-28T20:00:00Z")
    assert ("ann", "pull_asked", shown["pull_id"]) in await house.deeds("north")
    event_id = await house.event(cause="pull")
    await take(ANSWER, answer(UUID(shown["pull_id"]), event_id=event_id))
    await house.clip(event_id)
    shown = (await client.get(f"/api/v1/pulls/{shown['pull_id']}")).json()
    part = shown["parts"][0]
    assert (shown["standing"], part["watchable"], part["stored_share"]) == ("arriving", True, 0.25)
    listed = (await client.get("/api/v1/pulls", params={"bed": "bed-1"})).json()
    assert [item["pull_id"] for item in listed["items"]] == [shown["pull_id"]]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"end_utc": "2026-05-28T20:40:00Z"}, "must be over"),
        ({"end_utc": "2026-05-28T20:00:00Z"}, "must end after"),
        ({"start_utc": "2026-05-28T20:00:00"}, "timezone"),
    ],
)
async def test_a_wrong_span_is_refused_in_a_sentence(house: House, change: dict[str, str], told: str) -> None:
    await house.bed()
    client = await house.person("ann")
    body = {"site": "north", "bed": "bed-1", "start_utc": "2026-05-28T20:00:00Z", "end_utc": "2026-05-28T20:15:00Z"}
    refused = await client.post("/api/v1/pulls", json=body | change)
    assert refused.status_code == 422
    assert told in refused.json()["detail"]


async def test_one_bed_takes_so_many_wishes_and_no_more(house: House) -> None:
    await house.bed()
    client = await house.person("ann")
    body = {"site": "north", "bed": "bed-1", "start_utc": "2026-05-28T20:00:00Z", "end_utc": "2026-05-28T20:15:00Z"}
    codes = [(await client.post("/api/v1/pulls", json=body)).status_code for _ in range(OPEN_LIMIT + 1)]
    assert codes == [201] * OPEN_LIMIT + [409]


async def test_two_presses_within_three_seconds_are_one_mark(house: House) -> None:
    await house.bed()
    client = await house.person("ann")
    first = (await client.post("/api/v1/beds/north/bed-1/mark")).json()
    house.clock.now_ns += 2 * NS_PER_S
    second = (await client.post("/api/v1/beds/north/bed-1/mark")).json()
    house.clock.now_ns += 2 * NS_PER_S
    third = (await client.post("/api/v1/beds/north/bed-1/mark")).json()
    assert first["pull_id"] == second["pull_id"] != third["pull_id"]
    assert first["cause"] == "button"
    row = await Pull.get(pull_id=UUID(first["pull_id"]))
    assert row.end_utc_ns - row.start_utc_ns == 120 * NS_PER_S
    assert [deed for _, deed, _ in await house.deeds("north")] == ["bed_marked", "bed_marked"]


async def test_a_wish_is_claimed_by_one_ingester_alone(house: House) -> None:
    await connect(online=True)
    await wish(house)
    assert len(await service.claim_due(house.clock.now_ns)) == 1
    assert await service.claim_due(house.clock.now_ns) == []
