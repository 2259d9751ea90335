"""The data-protection officer's page: who saw a patient. What is looked at is written down, once a session."""

from __future__ import annotations

from uuid import uuid4

import httpx

from cloud.stays.tables import Stay
from tests.cloud.people_house import House

CODE = "PT-7KQ2M"


async def patient(house: House, site: str = "north") -> str:
    """A patient with one event. Returns the event's id."""
    stay_id = uuid4()
    await house.bed(site)
    await house.stay(stay_id, site)
    event_id = await house.event(site, stay_id=stay_id)
    await house.clip(event_id)
    return str(event_id)


async def looks(client: httpx.AsyncClient, event_id: str) -> None:
    for path in (f"/events/{event_id}", f"/events/{event_id}/proxies/ir", f"/patients/north/{CODE}"):
        for _ in range(3):
            assert (await client.get(f"/api/v1{path}")).status_code == 200


async def test_who_saw_a_patient_is_told_with_every_kind_of_look(house: House) -> None:
    event_id = await patient(house)
    other = str(await house.event("north"))
    ana, ben = await house.person("ana"), await house.person("ben")
    await looks(ana, event_id)
    await ben.get(f"/api/v1/events/{event_id}")
    await ben.get(f"/api/v1/events/{other}")
    officer = await house.person("dora", "dpo")
    found = (await officer.get(f"/api/v1/audit/patients/north/{CODE}")).json()
    assert found["people"] == [{"who": "ana", "entries": 3}, {"who": "ben", "entries": 1}]
    assert [(entry["who"], entry["deed"]) for entry in reversed(found["entries"])] == [
        ("ana", "event_opened"),
        ("ana", "clip_viewed"),
        ("ana", "patient_opened"),
        ("ben", "event_opened"),
    ]
    assert found["more"] is False


async def test_the_officers_own_look_is_in_the_log(house: House) -> None:
    await patient(house)
    officer = await house.person("dora", "dpo")
    for _ in range(2):
        found = (await officer.get(f"/api/v1/audit/patients/north/{CODE}")).json()
    assert [(entry["who"], entry["deed"]) for entry in found["entries"]] == [("dora", "audit_read")]


async def test_a_corrected_code_still_leads_to_what_was_seen_under_it(house: House) -> None:
    event_id = await patient(house)
    ana = await house.person("ana")
    await ana.get(f"/api/v1/events/{event_id}")
    (stay,) = await Stay.all()
    right = {"patient_code": "PT-RIGHT", "expected_code": CODE, "reason": "mistyped"}
    assert (await ana.post(f"/api/v1/stays/{stay.stay_id}/correction", json=right)).status_code == 200
    officer = await house.person("dora", "dpo")
    for code in (CODE, "PT-RIGHT"):
        found = (await officer.get(f"/api/v1/audit/patients/north/{code}")).json()
        assert "event_opened" in [entry["deed"] for entry in found["entries"]], code


async def test_refusals_of_a_site_are_listed_and_an_unknown_patient_is_absent(house: House) -> None:
    await patient(house)
    ana = await house.person("ana")
    await ana.get(f"/api/v1/events/{uuid4()}")
    officer = await house.person("dora", "dpo")
    listed = (await officer.get("/api/v1/audit/sites/north", params={"deed": "refused"})).json()["entries"]
    assert [(entry["who"], entry["deed"]) for entry in listed] == [("ana", "refused")]
    assert (await officer.get("/api/v1/audit/patients/north/PT-NEVER")).status_code == 404
