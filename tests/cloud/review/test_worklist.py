"""The worklist and the event page through the real application: order, filters, pages, states, suggestions, times."""

from __future__ import annotations

from typing import Any

import httpx

from cloud.clips.tables import Clip, Event
from cloud.database import in_transaction
from cloud.review.service import open_task
from cloud.review.tables import ReviewTask
from cloud.stays.tables import Stay
from shared.clock import NS_PER_S
from shared.ids import uuid7
from tests.cloud.people_house import FIRST_UTC_NS, House


async def items(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get("/api/v1/worklist", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_the_likeliest_seizure_comes_first_and_the_longest_waiting_among_equals(house: House) -> None:
    low, old, new = [await house.event(peak_score=peak) for peak in (0.5, 0.9, 0.9)]
    pressed = await house.event(peak_score=0.1, cause="button")
    found = await items(await house.person("ana"))
    assert [one["event_id"] for one in found] == [str(one) for one in (pressed, old, new, low)]


async def test_a_classification_changes_the_order_and_is_shown_as_simulated(house: House) -> None:
    first, second = await house.event(peak_score=0.9), await house.event(peak_score=0.8)
    await house.classification(first, FLE=0.02, TLE=0.03, non_epileptic=0.95)
    found = await items(await house.person("ana"))
    assert [one["event_id"] for one in found] == [str(second), str(first)]
    assert found[0]["suggestion"] is None
    assert found[1]["suggestion"] == {
        "best": "non-epileptic",
        "probabilities": {"FLE": 0.02, "TLE": 0.03, "non-epileptic": 0.95},
        "release": "i3d-narrow-v1",
        "simulated": True,
    }


async def test_a_later_report_of_an_event_ranks_its_one_task_anew(house: House) -> None:
    event_id = await house.event(peak_score=0.4)
    async with in_transaction() as connection:
        await Event.filter(event_id=event_id).using_db(connection).update(peak_score=0.95)
        assert not await open_task(connection, event_id, "north")
    (task,) = await ReviewTask.all()
    assert task.rank == 0.9 * 0.95 + 0.1


async def test_pages_and_filters_count_what_they_leave_out(house: House) -> None:
    for number in range(5):
        await house.event(bed=f"bed-{number % 2}")
    client = await house.person("ana")
    page = (await client.get("/api/v1/worklist", params={"limit": 4})).json()
    assert (len(page["items"]), page["total"], page["open"]) == (4, 5, 5)
    rest = (await client.get("/api/v1/worklist", params={"limit": 4, "after": page["next"]})).json()
    assert (len(rest["items"]), rest["next"]) == (1, None)
    assert len({one["event_id"] for one in [*page["items"], *rest["items"]]}) == 5
    of_bed = (await client.get("/api/v1/worklist", params={"bed": "bed-0"})).json()
    assert (len(of_bed["items"]), of_bed["total"], of_bed["open"]) == (3, 3, 3)
    event_id = of_bed["items"][0]["event_id"]
    await client.put(
        f"/api/v1/events/{event_id}/review",
        json={"verdict": "rejected", "expected_version": 0, "suggestion_shown": False},
    )
    for state, total in (("open", 4), ("reviewed", 1), ("all", 5)):
        page = (await client.get("/api/v1/worklist", params={"state": state})).json()
        assert (len(page["items"]), page["total"], page["open"]) == (total, total, 4)


async def test_a_line_says_what_is_known_of_event_clip_and_patient(house: House) -> None:
    stay_id = uuid7(FIRST_UTC_NS)
    await Stay.create(stay_id=stay_id, site="north", bed="bed-1", patient_code="PT-7KQ2M", admitted_utc_ns=1)
    await house.event(stay_id=stay_id)
    (line,) = await items(await house.person("ana"))
    assert line["patient_code"] == "PT-7KQ2M"
    assert line["start_utc"] == "2026-05-28T20:43:20Z"
    assert (line["duration_s"], line["peak_score"], line["motor_type"]) == (20.0, 0.8, "tonic_clonic")
    assert (line["clip"], line["stored_share"], line["label"], line["my_version"]) == ("awaited", 0.0, None, 0)


async def test_a_scientist_sees_events_without_patient_codes(house: House) -> None:
    stay_id = uuid7(FIRST_UTC_NS)
    await Stay.create(stay_id=stay_id, site="north", bed="bed-1", patient_code="PT-7KQ2M", admitted_utc_ns=1)
    event_id = await house.event(stay_id=stay_id)
    client = await house.person("sam", "scientist")
    assert "PT-7KQ2M" not in (await client.get("/api/v1/worklist")).text
    assert "PT-7KQ2M" not in (await client.get(f"/api/v1/events/{event_id}")).text


async def test_the_state_of_the_clip_follows_what_is_stored(house: House) -> None:
    event_id = await house.event(clip_overdue=True)
    client = await house.person("ana")
    assert (await items(client))[0]["clip"] == "overdue"
    await house.clip(event_id)
    (line,) = await items(client)
    assert (line["clip"], line["stored_share"]) == ("watchable", 0.25)
    await Clip.filter(event_id=event_id).update(stored_at_ns=1)
    assert (await items(client))[0]["clip"] == "stored"


async def test_the_event_page_counts_time_from_the_start_of_the_clip(house: House) -> None:
    event_id = await house.event()
    await house.clip(event_id)
    await house.classification(event_id, FLE=1.0)
    page = (await (await house.person("ana")).get(f"/api/v1/events/{event_id}")).json()
    assert page["clip_start_utc"] == "2026-05-28T20:42:50Z"
    assert (page["event_start_ns"], page["event_end_ns"]) == (30 * NS_PER_S, 50 * NS_PER_S)
    assert page["clip_duration_ns"] == 70 * NS_PER_S
    assert page["proxies"] == [
        {
            "stream": "ir",
            "url": f"/api/v1/events/{event_id}/proxies/ir",
            "codec": "avc1.42c01e",
            "width": 512,
            "height": 424,
            "frame_times_ns": [10, 20],
        }
    ]
    assert page["scores"] == [{"t_ns": 50, "value": 0.25}]
    gap = {"stream": "ir", "cause": "bus", "start_ns": 100, "end_ns": 200, "missing_frames": 3, "share": 1.0}
    assert page["gaps"] == [gap]
    assert page["windows"] == [{"start_ns": 0, "probabilities": {"FLE": 1.0}}]
    assert (page["coverage"], page["threshold"], page["reviews"]) == ({"ir": 0.99}, None, [])


async def test_an_event_whose_clip_is_awaited_has_its_span_and_no_video(house: House) -> None:
    event_id = await house.event()
    client = await house.person("ana")
    page = (await client.get(f"/api/v1/events/{event_id}")).json()
    assert (page["event_start_ns"], page["clip_duration_ns"]) == (30 * NS_PER_S, 70 * NS_PER_S)
    assert (page["proxies"], page["scores"], page["clip"]) == ([], [], "awaited")
    await house.clip(event_id, stored=False)
    page = (await client.get(f"/api/v1/events/{event_id}")).json()
    assert (page["proxies"], len(page["scores"]), page["clip"]) == ([], 1, "awaited")
