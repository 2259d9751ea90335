"""A file is imported whole or not at all; the page says what was caught and missed; the missed ones are pulled in one go."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

import httpx

from cloud.audit.tables import AuditEntry
from cloud.database import in_transaction
from cloud.devices.service import note_heartbeats
from cloud.pulls.rules import OPEN_LIMIT
from cloud.pulls.tables import Pull
from cloud.references.tables import ReferenceSeizure
from shared.clock import NS_PER_S
from shared.frame import Stream
from shared.heartbeat import HourCoverage, StreamCoverage
from shared.ids import uuid7
from tests.cloud.people_house import House
from tests.cloud.references.eeg_files import SZCORE, edf, tal
from tests.golden.make_messages import GOLDEN

STAY = UUID("01900000-0000-7000-8000-00000000aaaa")
ADDRESS = f"/api/v1/stays/{STAY}/references"
EIGHT_NS = 1_779_998_400 * NS_PER_S


def body(content: bytes = SZCORE, **wanted: Any) -> dict[str, Any]:
    fields = {"name": "night.tsv", "content_base64": base64.b64encode(content).decode(), "clock_offset_s": 0.0}
    return {**fields, **wanted}


async def admitted(house: House) -> httpx.AsyncClient:
    await house.bed()
    await house.stay(STAY, admitted_utc_ns=EIGHT_NS - 600 * NS_PER_S)
    return await house.person("ann")


async def heard(house: House, ring_hours: float) -> None:
    """The bed's newest heartbeat."""
    told = {
        Stream.ir: StreamCoverage(recorded=0.45, wanted=0.5),
        Stream.depth: StreamCoverage(recorded=0.5, wanted=0.5),
    }
    hours = [HourCoverage(start_utc_ns=EIGHT_NS, streams=told)]
    heartbeat: Any = GOLDEN["heartbeat"].model_copy(update={"ring_hours": ring_hours, "coverage_hours": hours})
    async with in_transaction() as connection:
        await note_heartbeats(connection, {("north", "bed-1"): heartbeat})


async def test_a_file_is_imported_and_says_what_was_caught_and_what_was_missed(house: House) -> None:
    client = await admitted(house)
    await heard(house, ring_hours=24.0)
    caught = await house.event(start_utc_ns=EIGHT_NS + 150 * NS_PER_S, end_utc_ns=EIGHT_NS + 170 * NS_PER_S)
    await house.event(bed="bed-2", start_utc_ns=EIGHT_NS + 1_200 * NS_PER_S, end_utc_ns=EIGHT_NS + 1_260 * NS_PER_S)
    shown = (await client.post(ADDRESS, json=body(clock_offset_s=2.5))).json()
    assert [(row["start_utc"], row["duration_s"], row["match"]) for row in shown["seizures"]] == [
        ("2026-05-28T20:01:38Z", 40.0, "caught"),
        ("2026-05-28T20:19:57.500000Z", 60.0, "missed"),
    ]
    assert shown["seizures"][0]["event_id"] == str(caught)
    assert (shown["seizures"][1]["coverage"], shown["seizures"][1]["in_ring"]) == (0.9, True)
    assert (shown["caught"], shown["missed"], shown["files"][0]["passed_over"]) == (1, 1, 1)
    assert ("ann", "references_imported", str(STAY)) in await house.deeds("north")
    stays = (await client.get("/api/v1/stays")).json()["items"]
    assert [(item["stay_id"], item["references"]) for item in stays] == [(str(STAY), 2)]


async def test_the_same_file_again_changes_nothing_and_with_another_offset_takes_the_place_of_the_first(
    house: House,
) -> None:
    client = await admitted(house)
    first = (await client.post(ADDRESS, json=body())).json()
    assert (await client.post(ADDRESS, json=body())).json() == first
    assert await AuditEntry.filter(deed="references_imported").count() == 1
    moved = (await client.post(ADDRESS, json=body(clock_offset_s=10))).json()
    assert (len(moved["files"]), len(moved["seizures"])) == (1, 2)
    assert moved["seizures"][0]["start_utc"] == "2026-05-28T20:01:30.500000Z"


async def test_annotations_of_edf_plus_are_imported_too(house: House) -> None:
    client = await admitted(house)
    content = edf([tal("+100", "Seizure", "40"), tal("+300", "eyes closed")])
    shown = (await client.post(ADDRESS, json=body(content, name="night.edf"))).json()
    assert [(row["start_utc"], row["kind"], row["line"]) for row in shown["seizures"]] == [
        ("2026-05-28T20:01:40Z", "Seizure", 1)
    ]


async def test_one_bad_row_is_named_and_nothing_is_imported(house: House) -> None:
    client = await admitted(house)
    bad = (
        SZCORE + b"soon\t4\tsz\tn/a\tn/a\t2026-05-28 20:00:00\t3600\n9000\t4\tsz\tn/a\tn/a\t2026-05-28 20:00:00\t3600\n"
    )
    refused = await client.post(ADDRESS, json=body(bad))
    assert refused.status_code == 422
    detail = refused.json()["detail"]
    assert "line 5: onset is 'soon'" in detail
    assert "line 6: 2026-05-28T22:30:00Z by the unit's clock lies outside the stay." in detail
    assert detail.endswith("Nothing was imported.")
    assert await ReferenceSeizure.all().count() == 0


async def test_what_is_no_base64_or_no_zone_is_refused_in_a_sentence(house: House) -> None:
    client = await admitted(house)
    for change, told in (({"content_base64": "§"}, "base64"), ({"time_zone": "Mars/Base"}, "time_zone")):
        refused = await client.post(ADDRESS, json=body() | change)
        assert (refused.status_code, told in refused.json()["detail"]) == (422, True), refused.text


async def test_a_file_of_a_megabyte_is_taken_and_a_larger_one_is_not(house: House) -> None:
    client = await admitted(house)
    padding = b"7000\t1\tbckg\tn/a\tn/a\t2026-05-28 20:00:00\t3600\n"
    taken = await client.post(ADDRESS, json=body(SZCORE + padding * 24_000))
    assert taken.status_code == 200
    assert taken.json()["files"][0]["passed_over"] == 24_001
    assert (await client.post(ADDRESS, json=body(b"x" * 4_000_000))).status_code == 413


async def test_the_missed_ones_are_pulled_in_one_go_and_not_twice(house: House) -> None:
    client = await admitted(house)
    await house.event(start_utc_ns=EIGHT_NS + 150 * NS_PER_S, end_utc_ns=EIGHT_NS + 170 * NS_PER_S)
    await client.post(ADDRESS, json=body())
    asked = (await client.post(f"{ADDRESS}/pull")).json()
    assert asked == {"asked": 1, "waiting": 0, "gone": 0, "left": 0}
    row = await Pull.get()
    assert (row.start_utc_ns, row.end_utc_ns) == (EIGHT_NS + 1_140 * NS_PER_S, EIGHT_NS + 1_320 * NS_PER_S)
    assert (await client.post(f"{ADDRESS}/pull")).json() == {"asked": 0, "waiting": 1, "gone": 0, "left": 0}
    shown = (await client.get(ADDRESS)).json()
    assert [each["pull"] for each in shown["seizures"]] == [None, "asked"]
    await Pull.all().update(state="expired")
    assert (await client.post(f"{ADDRESS}/pull")).json()["asked"] == 1


async def test_what_has_left_the_ring_is_not_asked_for(house: House) -> None:
    client = await admitted(house)
    await heard(house, ring_hours=0.2)
    await client.post(ADDRESS, json=body())
    assert (await client.post(f"{ADDRESS}/pull")).json() == {"asked": 1, "waiting": 0, "gone": 1, "left": 0}


async def test_more_missed_ones_than_a_bed_takes_wishes_are_left_for_later(house: House) -> None:
    client = await admitted(house)
    rows = "".join(f"{60 * number}\t1\n" for number in range(OPEN_LIMIT + 3))
    content = f"onset\tduration\n{rows}".encode()
    await client.post(ADDRESS, json=body(content, recording_start="2026-05-28T20:00:00Z"))
    assert (await client.post(f"{ADDRESS}/pull")).json() == {"asked": OPEN_LIMIT, "waiting": 0, "gone": 0, "left": 3}


async def test_a_file_is_taken_away_and_the_deed_is_audited(house: House) -> None:
    client = await admitted(house)
    list_id = (await client.post(ADDRESS, json=body())).json()["files"][0]["list_id"]
    assert (await client.delete(f"{ADDRESS}/{list_id}")).status_code == 204
    assert (await client.get(ADDRESS)).json()["seizures"] == []
    assert (await client.delete(f"{ADDRESS}/{uuid7(5)}")).status_code == 404
    assert ("ann", "references_removed", str(STAY)) in await house.deeds("north")
