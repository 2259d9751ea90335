"""Verdicts through the real application: versions, history, the label that follows, two windows of one person, audit."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx

from cloud.audit.tables import AuditEntry
from cloud.labels.tables import Label
from cloud.review.tables import Review
from tests.cloud.people_house import House


async def say(client: httpx.AsyncClient, event_id: UUID, verdict: str, version: int) -> httpx.Response:
    body = {"verdict": verdict, "expected_version": version, "suggestion_shown": True}
    return await client.put(f"/api/v1/events/{event_id}/review", json=body)


async def labels(event_id: UUID) -> list[tuple[str, int, int]]:
    rows = await Label.filter(event_id=event_id).order_by("version")
    return [(row.verdict, row.version, row.readers) for row in rows]


async def test_a_verdict_becomes_the_label_and_closes_the_task(house: House) -> None:
    event_id = await house.event()
    client = await house.person("ana")
    answer = await say(client, event_id, "confirmed", 0)
    assert answer.json() == {"verdict": "confirmed", "version": 1, "label": "confirmed"}
    assert await labels(event_id) == [("confirmed", 1, 1)]
    (line,) = (await client.get("/api/v1/worklist", params={"state": "reviewed"})).json()["items"]
    assert (line["my_verdict"], line["my_version"], line["label"]) == ("confirmed", 1, "confirmed")


async def test_a_changed_mind_keeps_its_history_and_makes_a_new_label(house: House) -> None:
    event_id = await house.event()
    client = await house.person("ana")
    for version, verdict in enumerate(("unsure", "rejected", "rejected")):
        assert (await say(client, event_id, verdict, version)).status_code == 200
    rows = await Review.filter(event_id=event_id).order_by("version")
    assert [(row.version, row.verdict) for row in rows] == [(1, "unsure"), (2, "rejected"), (3, "rejected")]
    assert await labels(event_id) == [("unsure", 1, 1), ("rejected", 2, 1)]
    page = (await client.get(f"/api/v1/events/{event_id}")).json()
    assert [(one["reviewer"], one["verdict"], one["version"]) for one in page["reviews"]] == [("ana", "rejected", 3)]


async def test_a_stale_version_is_refused_and_told_the_current_one(house: House) -> None:
    event_id = await house.event()
    client = await house.person("ana")
    await say(client, event_id, "confirmed", 0)
    answer = await say(client, event_id, "rejected", 0)
    assert answer.status_code == 409
    assert answer.json()["current_version"] == 1
    assert await labels(event_id) == [("confirmed", 1, 1)]


async def test_of_two_windows_at_the_same_moment_one_wins(house: House) -> None:
    event_id = await house.event()
    client = await house.person("ana")
    answers = await asyncio.gather(*(say(client, event_id, verdict, 0) for verdict in ("confirmed", "rejected") * 3))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert await Review.filter(event_id=event_id).count() == 1


async def test_a_second_person_counts_versions_of_their_own(house: House) -> None:
    event_id = await house.event()
    ana, ben = await house.person("ana"), await house.person("ben")
    await say(ana, event_id, "confirmed", 0)
    house.clock.now_ns += 1
    answer = await say(ben, event_id, "confirmed", 0)
    assert answer.json() == {"verdict": "confirmed", "version": 1, "label": "confirmed"}
    assert await labels(event_id) == [("confirmed", 1, 1), ("confirmed", 2, 2)]


async def test_a_verdict_is_audited_with_what_was_on_the_screen(house: House) -> None:
    event_id, unclassified = await house.event(), await house.event()
    await house.classification(event_id, FLE=1.0)
    ana = await house.person("ana")
    await say(ana, event_id, "confirmed", 0)
    await say(ana, unclassified, "confirmed", 0)
    assert [row.suggestion_shown for row in await Label.all().order_by("id")] == [True, False]
    assert (await Review.get(event_id=unclassified)).suggestion_shown is False, "there was none to be shown"
    entry = await AuditEntry.get(site="north", deed="verdict_given", subject=str(event_id))
    facts: dict[str, Any] = {"verdict": "confirmed", "version": 1, "suggestion_shown": True}
    assert (entry.who, entry.subject, entry.details) == ("ana", str(event_id), facts)
