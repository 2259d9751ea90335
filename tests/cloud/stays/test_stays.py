"""Admit, transfer, discharge and pause through the real application; the bed's desired state follows in the same deed."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest

import cloud.devices.queries
from cloud.principal import Principal
from cloud.stays.tables import Stay
from tests.cloud.people_house import House

URL = "/api/v1/beds/north/bed-1/stay"
SYSTEM = Principal.system("test")


async def wanted(bed: str = "bed-1") -> Any:
    return await cloud.devices.queries.desired(SYSTEM, "north", bed)


async def nurse_with_beds(house: House, *beds: str) -> httpx.AsyncClient:
    for bed in beds or ("bed-1", "bed-2"):
        await house.bed("north", bed)
    return await house.person("ana")


async def test_an_admission_makes_a_code_and_tells_the_bed(house: House) -> None:
    client = await nurse_with_beds(house)
    answer = await client.post(URL, json={})
    assert answer.status_code == 201
    stay = answer.json()
    assert re.fullmatch(r"PT-[A-Z2-9]{5}", stay["patient_code"])
    assert stay["admitted_utc"] == "2026-05-28T20:26:40Z"
    assert str((await wanted()).stay_id) == stay["stay_id"]
    (bed, _) = (await client.get("/api/v1/beds")).json()["beds"]
    assert bed["stay"] == {key: stay[key] for key in ("stay_id", "patient_code", "admitted_utc")}


async def test_a_taken_bed_and_a_patient_in_another_bed_are_conflicts(house: House) -> None:
    client = await nurse_with_beds(house)
    assert (await client.post(URL, json={"patient_code": "PT-AAAAA"})).status_code == 201
    taken = await client.post(URL, json={})
    assert (taken.status_code, taken.json()["detail"]) == (409, "Somebody stays in this bed already.")
    twice = await client.post("/api/v1/beds/north/bed-2/stay", json={"patient_code": "PT-AAAAA"})
    assert (twice.status_code, twice.json()["detail"]) == (409, "This patient stays in another bed already.")
    assert await Stay.all().count() == 1


async def test_of_admissions_at_the_same_moment_one_wins(house: House) -> None:
    client = await nurse_with_beds(house)
    answers = await asyncio.gather(*(client.post(URL, json={}) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    assert await Stay.all().count() == 1
    assert (await wanted()).version == 1


async def test_a_discharge_ends_the_stay_and_keeps_it(house: House) -> None:
    client = await nurse_with_beds(house)
    await client.post(URL, json={})
    house.clock.now_ns += 1_000
    assert (await client.delete(URL)).status_code == 204
    assert (await client.delete(URL)).status_code == 409
    (stay,) = await Stay.all()
    assert stay.discharged_utc_ns == stay.admitted_utc_ns + 1_000
    assert (await wanted()).stay_id is None


async def test_a_transfer_keeps_the_code_and_the_way_the_patient_came(house: House) -> None:
    client = await nurse_with_beds(house)
    first = (await client.post(URL, json={})).json()
    answer = await client.post(f"{URL}/transfer", json={"to_bed": "bed-2"})
    assert answer.status_code == 200
    second = answer.json()
    assert (second["bed"], second["patient_code"]) == ("bed-2", first["patient_code"])
    kept = await Stay.get(stay_id=second["stay_id"])
    assert str(kept.transferred_from) == first["stay_id"]
    assert (await wanted("bed-1")).stay_id is None
    assert str((await wanted("bed-2")).stay_id) == second["stay_id"]


@pytest.mark.parametrize(("to_bed", "status"), [("bed-2", 409), ("bed-1", 409), ("bed-9", 404), ("BED", 422)])
async def test_a_transfer_to_a_bed_that_cannot_be_changes_nothing(house: House, to_bed: str, status: int) -> None:
    client = await nurse_with_beds(house)
    await client.post(URL, json={})
    await client.post("/api/v1/beds/north/bed-2/stay", json={})
    assert (await client.post(f"{URL}/transfer", json={"to_bed": to_bed})).status_code == status
    assert await Stay.filter(holds_bed__isnull=False).count() == 2


async def test_two_patients_who_change_beds_at_once_lock_nobody_out(house: House) -> None:
    client = await nurse_with_beds(house, "bed-1", "bed-2", "bed-3", "bed-4")
    for bed in ("bed-1", "bed-2"):
        await client.post(f"/api/v1/beds/north/{bed}/stay", json={})
    moves = [("bed-1", "bed-4"), ("bed-2", "bed-3"), ("bed-1", "bed-3"), ("bed-2", "bed-4")]
    answers = await asyncio.gather(
        *(client.post(f"/api/v1/beds/north/{old}/stay/transfer", json={"to_bed": new}) for old, new in moves)
    )
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert await Stay.filter(holds_bed__isnull=False).count() == 2


async def test_a_pause_is_wanted_at_once_and_a_bed_resumes(house: House) -> None:
    client = await nurse_with_beds(house)
    paused = (await client.put("/api/v1/beds/north/bed-1/pause", json={"paused": True})).json()
    assert (paused["paused"], paused["recording_wanted"]) == (True, False)
    assert not paused["paused_at_bed"], "the bed has not said so yet"
    assert (await wanted()).paused
    resumed = (await client.put("/api/v1/beds/north/bed-1/pause", json={"paused": False})).json()
    assert (resumed["paused"], resumed["recording_wanted"]) == (False, True)


async def test_every_deed_is_audited_without_the_patients_code(house: House) -> None:
    client = await nurse_with_beds(house)
    first = (await client.post(URL, json={"patient_code": "PT-AAAAA"})).json()["stay_id"]
    second = (await client.post(f"{URL}/transfer", json={"to_bed": "bed-2"})).json()["stay_id"]
    await client.delete("/api/v1/beds/north/bed-2/stay")
    deeds = await house.deeds("north")
    assert [(deed, subject) for _, deed, subject in deeds if deed.startswith("patient")] == [
        ("patient_admitted", first),
        ("patient_transferred", second),
        ("patient_discharged", second),
    ]
    assert "PT-AAAAA" not in repr(deeds)
