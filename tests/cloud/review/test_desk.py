"""The reader's desk through the real application: claims, bulk verdicts and their undo, the calendar, views, and a long list."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import httpx
import pytest

from cloud.database import in_transaction
from cloud.labels.tables import Label
from cloud.review.rules import LEASE_NS, TaskFilter
from cloud.review.tables import Review, ReviewTask
from cloud.review.worklist import Filters, Place, page_statement
from shared.clock import NS_PER_S
from tests.cloud.people_house import FIRST_UTC_NS, House

API = "/api/v1"
ROWS = 20_000


async def judge(client: httpx.AsyncClient, items: list[tuple[UUID, str | None, int]]) -> list[dict[str, Any]]:
    body = {
        "items": [{"event_id": str(event), "verdict": verdict, "expected_version": version} for event, verdict, version in items],
        "suggestion_shown": True,
    }  # fmt: skip
    answer = await client.post(f"{API}/worklist/verdicts", json=body)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def ids(client: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await client.get(f"{API}/worklist", params=query)
    assert answer.status_code == 200, answer.text
    return [one["event_id"] for one in answer.json()["items"]]


async def test_of_two_people_one_holds_the_event_until_the_lease_runs_out(house: House) -> None:
    event_id = await house.event()
    ana, ben = await house.person("ana"), await house.person("ben")
    path = f"{API}/events/{event_id}/claim"
    assert (await ana.put(path)).json()["mine"] is True
    refused = await ben.put(path)
    assert (refused.status_code, refused.json()["detail"]) == (409, "ana works on this event.")
    house.clock.now_ns += LEASE_NS - 1
    assert (await ana.put(path)).json()["taken_utc"] == "2026-05-28T20:26:40Z"
    assert (await ben.put(path)).status_code == 409
    house.clock.now_ns += LEASE_NS
    (line,) = (await ben.get(f"{API}/worklist")).json()["items"]
    assert (line["claim"]["holder"], line["claim"]["expired"], line["claim"]["mine"]) == ("ana", True, False)
    assert (await ben.put(path)).json()["holder"] == "ben"


async def test_a_verdict_and_a_release_end_ones_own_claim_and_nobody_elses(house: House) -> None:
    event_id = await house.event()
    ana, ben = await house.person("ana"), await house.person("ben")
    path = f"{API}/events/{event_id}/claim"
    await ana.put(path)
    assert (await ben.delete(path)).status_code == 204
    await judge(ben, [(event_id, "rejected", 0)])
    (line,) = (await ana.get(f"{API}/worklist", params={"state": "all"})).json()["items"]
    assert line["claim"]["mine"] is True
    await judge(ana, [(event_id, "confirmed", 0)])
    (line,) = (await ana.get(f"{API}/worklist", params={"state": "all"})).json()["items"]
    assert line["claim"] is None


async def test_many_are_rejected_at_once_and_all_come_back_by_undo(house: House) -> None:
    events = [await house.event() for _ in range(5)]
    ana = await house.person("ana")
    kept = await judge(ana, [(event, "rejected", 0) for event in events])
    assert [(one["kept"], one["version"], one["label"]) for one in kept] == [(True, 1, "rejected")] * 5
    assert await ids(ana) == []
    undone = await judge(ana, [(event, None, 1) for event in events])
    assert [(one["kept"], one["version"], one["label"]) for one in undone] == [(True, 2, None)] * 5
    assert len(await ids(ana)) == 5
    assert await Review.filter(event_id=events[0]).order_by("version").values_list("verdict", flat=True) == [
        "rejected", "withdrawn",
    ]  # fmt: skip
    assert await Label.filter(event_id=events[0]).order_by("version").values_list("verdict", "readers") == [
        ("rejected", 1), ("withdrawn", 0),
    ]  # fmt: skip
    (page,) = [(await ana.get(f"{API}/events/{events[0]}")).json()]
    assert (page["my_verdict"], page["my_version"], page["label"], page["reviews"]) == (None, 2, None, [])
    deeds = [deed for _, deed, _ in await house.deeds("north")]
    assert (deeds.count("verdict_given"), deeds.count("verdict_withdrawn")) == (5, 5)


async def test_of_many_a_stale_one_is_passed_over_and_an_absent_one_stops_all(house: House) -> None:
    first, second = await house.event(), await house.event()
    foreign = await house.event("south")
    ana = await house.person("ana")
    await judge(ana, [(first, "confirmed", 0)])
    kept = await judge(ana, [(first, "rejected", 0), (second, "rejected", 0)])
    assert [(one["kept"], one["version"]) for one in kept] == [(False, 1), (True, 1)]
    body = {
        "items": [{"event_id": str(one), "verdict": "unsure", "expected_version": 1} for one in (second, foreign)],
        "suggestion_shown": False,
    }
    assert (await ana.post(f"{API}/worklist/verdicts", json=body)).status_code == 404
    assert await Review.filter(event_id=second).count() == 1


async def test_what_one_person_took_back_stays_reviewed_by_the_other(house: House) -> None:
    event_id = await house.event()
    ana, ben = await house.person("ana"), await house.person("ben")
    await judge(ana, [(event_id, "confirmed", 0)])
    await judge(ben, [(event_id, "rejected", 0)])
    answer = await ben.delete(f"{API}/events/{event_id}/review", params={"expected_version": 1})
    assert answer.json() == {"version": 2, "label": "confirmed"}
    assert (await ReviewTask.get(event_id=event_id)).state == "reviewed"
    again = await ben.delete(f"{API}/events/{event_id}/review", params={"expected_version": 2})
    assert again.status_code == 409


async def test_unread_is_a_persons_own_and_counts_what_others_judged(house: House) -> None:
    first, second = await house.event(), await house.event()
    ana, ben = await house.person("ana"), await house.person("ben")
    await judge(ana, [(first, "rejected", 0)])
    assert await ids(ana, state="unread") == [str(second)]
    assert set(await ids(ben, state="unread")) == {str(first), str(second)}
    await judge(ana, [(first, None, 1)])
    assert set(await ids(ana, state="unread")) == {str(first), str(second)}


async def test_the_calendar_counts_nights_from_noon_to_noon_in_the_units_time(house: House) -> None:
    day_ns = 86_400 * NS_PER_S
    midnight = FIRST_UTC_NS - FIRST_UTC_NS % day_ns  # 2026-05-28T00:00Z
    for hours in (1, 11.5, 12.5, 23, 30):
        await house.event(start_utc_ns=midnight + int(hours * 3600) * NS_PER_S)
    ana = await house.person("ana")
    span = {"since": "2026-05-20T00:00:00Z", "until": "2026-06-10T00:00:00Z"}
    utc = (await ana.get(f"{API}/worklist/nights", params=span)).json()["items"]
    assert utc == [{"began": "2026-05-27", "total": 2, "open": 2}, {"began": "2026-05-28", "total": 3, "open": 3}]
    there = (await ana.get(f"{API}/worklist/nights", params={**span, "time_zone": "Europe/Berlin"})).json()["items"]
    assert [(one["began"], one["total"]) for one in there] == [("2026-05-27", 1), ("2026-05-28", 4)]
    wrong = await ana.get(f"{API}/worklist/nights", params={**span, "time_zone": "Nowhere/At_all"})
    assert wrong.status_code == 422


async def test_a_saved_view_is_ones_own_is_replaced_by_name_and_bounded(house: House) -> None:
    ana, ben = await house.person("ana"), await house.person("ben")
    for state in ("open", "unread"):
        await ana.put(f"{API}/views/Tonic, bed 1", json={"state": state, "bed": "bed-1", "motor_type": "tonic"})
    assert (await ben.get(f"{API}/views")).json() == {"items": []}
    (view,) = (await ana.get(f"{API}/views")).json()["items"]
    assert view == {"name": "Tonic, bed 1", "filters": {"state": "unread", "bed": "bed-1", "motor_type": "tonic"}}
    for number in range(19):
        assert (await ana.put(f"{API}/views/{number}", json={})).status_code == 200
    assert (await ana.put(f"{API}/views/one-more", json={})).status_code == 422
    assert (await ana.delete(f"{API}/views/7")).status_code == 204
    assert (await ana.delete(f"{API}/views/7")).status_code == 404


async def test_pages_hold_each_event_once_while_new_ones_come_in(house: House) -> None:
    events = [await house.event(peak_score=0.1 * (number % 4)) for number in range(9)]
    ana = await house.person("ana")
    seen: list[str] = []
    after: str | None = None
    for turn in range(5):
        page = (await ana.get(f"{API}/worklist", params={"limit": 2, **({"after": after} if after else {})})).json()
        seen += [one["event_id"] for one in page["items"]]
        after = page["next"]
        assert (after is None) == (turn == 4)
        await house.event(peak_score=1.0, start_utc_ns=1)  # more urgent than all: it belongs before the pages seen
    assert sorted(seen) == sorted(str(event) for event in events)


@pytest.mark.parametrize("after", ["x", "1.0~", "nan~5e0f6c1a-6f0e-4f6b-9a58-2f3d7a1b9c0d", "1.0~5"])
async def test_a_place_that_the_list_never_gave_is_refused(house: House, after: str) -> None:
    ana = await house.person("ana")
    assert (await ana.get(f"{API}/worklist", params={"after": after})).status_code == 422


def walked(plan: dict[str, Any]) -> int:
    """How many rows of the table a plan has touched, by what the database says after doing it."""
    own = plan.get("Relation Name") == "review_task"
    rows = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"] if own else 0
    return int(rows) + sum(walked(child) for child in plan.get("Plans", []))


async def test_a_page_of_a_long_list_is_a_short_walk_along_an_index(house: House) -> None:
    async with in_transaction() as connection:
        await connection.execute_query(
            "INSERT INTO review_task (event_id, site, bed, state, rank, rank_reason, urgency, motor_type, start_utc_ns,"
            " opened_utc_ns) SELECT gen_random_uuid(), 'north', 'bed-' || n % 20, CASE WHEN n % 3 = 0 THEN 'open' ELSE"
            " 'reviewed' END, 0.5, '', random() - n / 5000.0, CASE WHEN n % 500 = 0 THEN 'tonic' ELSE 'quiet' END,"
            " n * 60000000000, 0 FROM generate_series(1, $1::int) AS n",
            [ROWS],
        )
        await connection.execute_query("ANALYZE review_task")
        for wanted in (
            Filters(),
            Filters(TaskFilter.all),
            Filters(TaskFilter.unread),
            Filters(bed="bed-3"),
            Filters(motor_type="tonic"),
            Filters(TaskFilter.all, span_ns=(9_000 * 60 * NS_PER_S, 9_100 * 60 * NS_PER_S)),
        ):
            for after in (None, Place(-1.0, UUID(int=5))):
                statement, values = page_statement(["north"], "ana", wanted, after, 50)
                rows = await connection.execute_query_dict(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
                found = rows[0]["QUERY PLAN"]
                plan = json.loads(found) if isinstance(found, str) else found
                assert walked(plan[0]["Plan"]) <= 250, (wanted, after)
