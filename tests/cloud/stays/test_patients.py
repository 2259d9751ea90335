"""The patient page through the real application: all of one code, and a wrong code corrected once for all that hangs on it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx

from cloud.stays.tables import Stay
from shared.clock import NS_PER_S
from shared.ids import uuid7
from tests.cloud.people_house import House

WRONG, RIGHT = "PT-7KQ2M", "PT-RIGHT"


async def correct(client: httpx.AsyncClient, stay_id: UUID, **wanted: Any) -> httpx.Response:
    body = {"patient_code": RIGHT, "expected_code": WRONG, "reason": "wrong bed chosen", **wanted}
    return await client.post(f"/api/v1/stays/{stay_id}/correction", json=body)


async def test_the_page_holds_the_stays_events_and_labels_of_one_code(house: House) -> None:
    first, other = uuid7(1), uuid7(2)
    await house.stay(first)
    await house.stay(other, patient_code="PT-OTHER")
    event_id = await house.event(stay_id=first)
    await house.event(stay_id=other)
    ana = await house.person("ana")
    verdict = {"verdict": "confirmed", "expected_version": 0, "suggestion_shown": False}
    await ana.put(f"/api/v1/events/{event_id}/review", json=verdict)
    page = (await ana.get(f"/api/v1/patients/north/{WRONG}")).json()
    assert [one["stay_id"] for one in page["stays"]] == [str(first)]
    assert [(one["event_id"], one["label"]) for one in page["events"]] == [(str(event_id), "confirmed")]
    assert page["corrections"] == []
    assert (await ana.get("/api/v1/patients/north/PT-NOBODY")).status_code == 404


async def test_a_wrong_code_is_corrected_once_for_the_stay_its_transfers_and_all_their_events(house: House) -> None:
    first, second = uuid7(1), uuid7(2)
    now_ns = house.clock.now_ns
    await house.stay(first, discharged_utc_ns=now_ns)
    holds = {"holds_bed": "north/bed-2", "holds_patient": f"north/{WRONG}"}
    await house.stay(
        second, bed="bed-2", admitted_utc_ns=now_ns, discharged_utc_ns=None, transferred_from=first, **holds
    )
    events = {str(await house.event(stay_id=one)) for one in (first, second)}
    ana = await house.person("ana")
    answer = await correct(ana, second)
    assert (answer.status_code, answer.json()["patient_code"]) == (200, RIGHT)
    page = (await ana.get(f"/api/v1/patients/north/{RIGHT}")).json()
    assert {one["event_id"] for one in page["events"]} == events
    assert [(one["from_code"], one["to_code"], one["corrected_by"]) for one in page["corrections"]] == [
        (WRONG, RIGHT, "ana")
    ] * 2
    assert {line["patient_code"] for line in (await ana.get("/api/v1/worklist")).json()["items"]} == {RIGHT}
    assert (await Stay.get(stay_id=second)).holds_patient == f"north/{RIGHT}"
    old = (await ana.get(f"/api/v1/patients/north/{WRONG}")).json()
    assert (old["stays"], old["events"], len(old["corrections"])) == ([], [], 2)
    assert ("ana", "stay_corrected", str(second)) in await house.deeds("north")


async def test_a_correction_that_was_overtaken_or_does_not_fit_is_refused_and_changes_nothing(house: House) -> None:
    stay_id, elsewhere = uuid7(1), uuid7(2)
    await house.stay(stay_id)
    await house.stay(elsewhere, bed="bed-2", patient_code="PT-THERE", admitted_utc_ns=house.clock.now_ns - NS_PER_S)
    ana = await house.person("ana")
    assert (await correct(ana, stay_id, expected_code="PT-OLDER")).status_code == 409
    assert (await correct(ana, stay_id, patient_code="PT-THERE")).status_code == 409
    assert (await correct(ana, stay_id, patient_code=WRONG)).status_code == 422
    assert (await correct(ana, stay_id, reason="it is Maria Weber")).status_code == 422
    assert (await Stay.get(stay_id=stay_id)).patient_code == WRONG
