"""Blind reading through the real application: until one's own verdict no answer tells what networks or others said."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest

from cloud.review.rules import Reading, reading_of
from cloud.review.tables import Review
from cloud.review.worklist import Place
from shared.ids import uuid7
from tests.cloud.people_house import FIRST_UTC_NS, House

API = "/api/v1"
TONIC = {"id": "m1", "term": "tonic", "start_ns": 1, "end_ns": 2}
TELLTALES = ("hyperkinetic", "0.87", "0.91", "Detector", "classifier", "i3d-narrow", "confirmed", "odds")
"""What networks and another reader said of the event in these tests, and words that only come with it."""


async def blind(house: House, site: str = "north") -> None:
    boss = await house.person("boss", "admin", site)
    assert (await boss.put(f"{API}/sites/{site}/reading", json={"blind": True})).status_code == 200


async def told_event(house: House, **wanted: Any) -> UUID:
    """An event of which a detector, a classifier and another reader have an opinion."""
    event_id = await house.event(peak_score=0.87, motor_type="hyperkinetic", **wanted)
    await house.clip(event_id)
    await house.classification(event_id, FLE=0.91, TLE=0.09)
    return event_id


async def say(client: httpx.AsyncClient, event_id: UUID, verdict: str, version: int = 0) -> httpx.Response:
    body = {"verdict": verdict, "expected_version": version, "suggestion_shown": True}
    return await client.put(f"{API}/events/{event_id}/review", json=body)


async def mark(client: httpx.AsyncClient, event_id: UUID, version: int = 0) -> httpx.Response:
    body = {"annotation": {"mois": [TONIC]}, "expected_version": version, "suggestion_shown": True}
    return await client.put(f"{API}/events/{event_id}/annotation", json=body)


async def test_nothing_that_a_blind_reader_is_answered_tells_what_others_said(house: House) -> None:
    stay_id = uuid7(FIRST_UTC_NS)
    await house.stay(stay_id)
    event_id = await told_event(house, stay_id=stay_id)
    ben = await house.person("ben")
    await say(ben, event_id, "confirmed")
    await mark(ben, event_id)
    await blind(house)
    ana = await house.person("ana")
    await mark(ana, event_id)
    for path in (
        "/worklist?state=all", "/worklist?state=unread", f"/events/{event_id}", f"/events/{event_id}/annotation",
        "/patients/north/PT-7KQ2M", f"/events/{event_id}/annotation/ana/versions/1",
    ):  # fmt: skip
        answer = await ana.get(f"{API}{path}")
        assert answer.status_code == 200, path
        assert not [word for word in TELLTALES if word in answer.text], (path, answer.text)
    for path in ("annotation/ben/versions", "annotation/ben/versions/1", "annotation/export?annotator=ben"):
        assert (await ana.get(f"{API}/events/{event_id}/{path}")).status_code == 409, path
    page = (await ana.get(f"{API}/events/{event_id}")).json()
    assert (page["reading"], page["suggestion"], page["windows"], page["scores"]) == ("blind", None, [], [])
    assert (page["rank"], page["label"], page["reviews"]) == (None, None, [])


async def test_after_the_first_verdict_all_is_shown_and_stays_so(house: House) -> None:
    event_id = await told_event(house)
    await blind(house)
    ana = await house.person("ana")
    await say(ana, event_id, "rejected")
    page = (await ana.get(f"{API}/events/{event_id}")).json()
    assert (page["reading"], page["suggestion"]["best"], page["peak_score"]) == ("after_verdict", "FLE", 0.87)
    assert (len(page["windows"]), len(page["scores"]), page["motor_type"]) == (1, 1, "hyperkinetic")
    await ana.delete(f"{API}/events/{event_id}/review", params={"expected_version": 1})
    assert (await ana.get(f"{API}/events/{event_id}")).json()["reading"] == "after_verdict"
    assert (await mark(ana, event_id)).json()["evidence"] != []


async def test_a_first_verdict_is_never_written_down_as_given_with_a_suggestion_whatever_the_page_says(
    house: House,
) -> None:
    event_id = await told_event(house)
    await blind(house)
    ana = await house.person("ana")
    assert (await mark(ana, event_id)).json()["suggestion_shown"] is False
    await say(ana, event_id, "confirmed")
    await say(ana, event_id, "rejected", 1)
    assert (await mark(ana, event_id, 1)).json()["suggestion_shown"] is True
    rows = Review.filter(event_id=event_id).order_by("version")
    assert await rows.values_list("verdict", "suggestion_shown") == [("confirmed", False), ("rejected", True)]


async def test_a_blind_list_is_in_the_order_of_age_page_by_page(house: House) -> None:
    peaks = (0.2, 0.95, 0.5, 0.9, 0.1)
    events = [str(await house.event(peak_score=peak)) for peak in peaks]
    await blind(house)
    ana = await house.person("ana")
    first = (await ana.get(f"{API}/worklist", params={"limit": 3})).json()
    rest = (await ana.get(f"{API}/worklist", params={"limit": 3, "after": first["next"]})).json()
    assert [one["event_id"] for one in [*first["items"], *rest["items"]]] == events
    by_rank = str(Place(0.5, UUID(events[0])))
    assert (await ana.get(f"{API}/worklist", params={"after": by_rank})).status_code == 422
    kind = await ana.get(f"{API}/worklist", params={"motor_type": "hyperkinetic"})
    assert (kind.status_code, "reads blind" in kind.json()["detail"]) == (422, True)


async def test_who_gives_no_verdicts_is_not_blind_and_neither_are_readers_of_other_sites(house: House) -> None:
    event_id = await told_event(house)
    other = await told_event(house, site="south")
    await blind(house)
    sam = await house.person("sam", "scientist")
    assert (await sam.get(f"{API}/events/{event_id}")).json()["suggestion"] is not None
    cleo = await house.person("cleo", "clinician", "south")
    page = (await cleo.get(f"{API}/events/{other}")).json()
    assert (page["reading"], page["suggestion"]["best"]) == ("open", "FLE")
    assert (await cleo.get(f"{API}/reading")).json() == {"items": [{"site": "south", "blind": False}]}


async def test_the_policy_is_audited_and_can_be_taken_back(house: House) -> None:
    event_id = await told_event(house)
    boss, ana = await house.person("boss", "admin"), await house.person("ana")
    for on, seen in ((True, "blind"), (False, "open")):
        made = await boss.put(f"{API}/sites/north/reading", json={"blind": on})
        assert made.json() == {"site": "north", "blind": on}
        assert (await ana.get(f"{API}/events/{event_id}")).json()["reading"] == seen
    assert [who for who, deed, _ in await house.deeds("north") if deed == "reading_policy_set"] == ["boss", "boss"]


@pytest.mark.parametrize(
    ("blind_site", "given", "saw", "expected"),
    [
        (False, 0, False, Reading.open),
        (False, 1, False, Reading.open),
        (True, 0, False, Reading.blind),
        (True, 1, False, Reading.after_verdict),
        (True, 2, True, Reading.open),
    ],
)
def test_how_an_event_is_read_follows_site_and_first_verdict(
    blind_site: bool, given: int, saw: bool, expected: Reading
) -> None:
    assert reading_of(blind_site=blind_site, verdicts_given=given, first_saw_suggestion=saw) is expected
