"""Datasets through the real application: frozen from labels, never changed, seen whole or not at all, audited."""

from __future__ import annotations

import hashlib
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from cloud.clips.tables import Event, StoredObject
from cloud.database import in_transaction
from cloud.datasets import queries
from cloud.datasets.parquet import from_parquet
from cloud.labels.tables import AnnotationVersion, Label
from cloud.principal import Principal
from shared.ids import uuid7
from tests.cloud.people_house import House


async def labelled(
    house: House, code: str, verdict: str, site: str = "north", *, classes: tuple[str, ...] = ()
) -> UUID:
    """An event of a patient with a stored clip and a label, and an annotation of each reader."""
    stay_id = uuid7(house.clock.now_ns)
    await house.stay(stay_id, site, patient_code=code)
    event_id = await house.event(site, stay_id=stay_id)
    await house.clip(event_id, video=event_id.bytes * 8)
    await Label.create(event_id=event_id, site=site, verdict=verdict, version=1, readers=1, agreed_utc_ns=1)
    for number, name in enumerate(classes):
        await AnnotationVersion.create(
            event_id=event_id, site=site, annotator=f"reader-{number}", version=1, body={"epilepsy_class": name},
            suggestion_shown=False, saved_utc_ns=1,
        )  # fmt: skip
    return event_id


async def ward(house: House, site: str = "north", patients: int = 4) -> list[UUID]:
    """Patients of a site with a confirmed and a rejected event each."""
    found = []
    for number in range(patients):
        for verdict in ("confirmed", "rejected"):
            found.append(await labelled(house, f"PT-{site[:2].upper()}{number:03}", verdict, site))
    return found


async def freeze(client: httpx.AsyncClient, name: str = "emu", **query: object) -> httpx.Response:
    return await client.post("/api/v1/datasets", json={"name": name, "query": query})


async def test_labels_are_frozen_with_their_versions_and_the_manifest_never_changes(house: House) -> None:
    events = await ward(house)
    sam = await house.person("sam", "scientist")
    first = (await freeze(sam)).json()
    assert (first["name"], first["version"], first["clips"], first["patients"]) == ("emu", 1, 8, 4)
    taken = await sam.get(f"/api/v1/datasets/{first['sha256']}/manifest")
    assert hashlib.sha256(taken.content).hexdigest() == first["sha256"]
    rows = from_parquet(taken.content, first["sha256"])
    assert {row.event_id for row in rows} == {str(each) for each in events}
    assert "PT-NO" not in str(rows)
    assert {(row.first_frame, row.end_frame) for row in rows} == {(2, 2)}
    again = await freeze(sam)
    assert (again.status_code, again.json()["version"]) == (200, 1)
    await Label.create(event_id=events[0], site="north", verdict="rejected", version=2, readers=1, agreed_utc_ns=2)
    second = (await freeze(sam)).json()
    assert second["version"] == 2
    assert (await sam.get(f"/api/v1/datasets/{first['sha256']}/manifest")).content == taken.content
    newer = await sam.get(f"/api/v1/datasets/{second['sha256']}/manifest")
    old = {row.event_id: row for row in rows}
    new = {row.event_id: row for row in from_parquet(newer.content, second["sha256"])}
    assert {event: row.patient for event, row in old.items()} == {event: row.patient for event, row in new.items()}
    assert {event: row.split for event, row in old.items()} == {event: row.split for event, row in new.items()}
    assert (new[str(events[0])].label_version, new[str(events[0])].klass) == (2, "rejected")
    deeds = [deed for _, deed, _ in await house.deeds("north")]
    assert (deeds.count("dataset_frozen"), deeds.count("dataset_exported")) == (2, 3)
    who = Principal.system("test")
    assert await queries.with_clip(who, events[0]) == [first["sha256"], second["sha256"]]


async def test_what_is_left_out_is_counted_by_its_reason(house: House) -> None:
    await ward(house, patients=2)
    unknown = await house.event()
    await house.clip(unknown)
    unstored = await labelled(house, "PT-0007", "confirmed")
    await StoredObject.filter(sha256=hashlib.sha256(unstored.bytes * 8).hexdigest()).delete()
    await Label.create(event_id=unknown, site="north", verdict="confirmed", version=1, readers=1, agreed_utc_ns=1)
    sam = await house.person("sam", "scientist")
    found = (await freeze(sam)).json()
    assert (found["clips"], found["left_out"]) == (4, {"no_patient": 1, "no_stored_infrared": 1})


async def test_classes_of_annotations_are_taken_where_all_readers_agree(house: House) -> None:
    for number, said in enumerate((("FLE",), ("FLE", "FLE"), ("TLE", "TLE"), ("TLE",), ("FLE", "TLE"), ())):
        await labelled(house, f"PT-C{number:03}", "confirmed", classes=said)
    sam = await house.person("sam", "scientist")
    found = (await freeze(sam, classes="epilepsy_class")).json()
    assert found["left_out"] == {"no_agreed_class": 2}
    assert sum(each.get("FLE", 0) for each in found["counts"].values()) == 2


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"split": "random"}, "The split random is refused"),
        ({"least_readers": 3}, "finds no labelled clip"),
        ({"verdicts": ["unsure"]}, "finds no labelled clip"),
        ({"since_utc": "2026-01-02T00:00:00Z", "until_utc": "2026-01-01T00:00:00Z"}, "until_utc must lie after"),
    ],
)
async def test_a_query_that_cannot_be_frozen_is_refused_in_a_sentence(
    house: House, query: dict[str, object], said: str
) -> None:
    await ward(house, patients=2)
    sam = await house.person("sam", "scientist")
    answer = await freeze(sam, **query)
    assert answer.status_code == 422
    assert said in answer.text
    assert (await sam.get("/api/v1/datasets")).json() == {"items": []}


async def test_who_does_not_see_every_site_of_a_dataset_sees_none_of_it(house: House) -> None:
    await ward(house, "north", 2)
    await ward(house, "south", 2)
    both, north = await house.person("both", "scientist", "north", "south"), await house.person("sam", "scientist")
    wide = (await freeze(both)).json()
    own = (await freeze(north)).json()
    assert (wide["sites"], own["sites"]) == ({"north": 4, "south": 4}, {"north": 4})
    assert [one["sha256"] for one in (await north.get("/api/v1/datasets")).json()["items"]] == [own["sha256"]]
    assert (await north.get(f"/api/v1/datasets/{wide['sha256']}")).status_code == 404
    assert (await freeze(north, sites=["south"])).status_code == 404


async def test_a_clip_that_was_erased_is_told_as_missing(house: House) -> None:
    events = await ward(house, patients=2)
    sam = await house.person("sam", "scientist")
    frozen = (await freeze(sam)).json()
    assert (await sam.get(f"/api/v1/datasets/{frozen['sha256']}")).json()["missing"] == []
    await StoredObject.filter(sha256=hashlib.sha256(events[1].bytes * 8).hexdigest()).delete()
    assert (await sam.get(f"/api/v1/datasets/{frozen['sha256']}")).json()["missing"] == [str(events[1])]


async def test_a_manifest_that_was_changed_in_the_store_is_never_handed_out(house: House) -> None:
    await ward(house, patients=2)
    sam = await house.person("sam", "scientist")
    frozen = (await freeze(sam)).json()
    path = Path(str(house.objects.folder)) / "datasets" / f"{frozen['sha256']}.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    answer = await sam.get(f"/api/v1/datasets/{frozen['sha256']}/manifest")
    assert answer.status_code == 500
    async with in_transaction():
        assert await Event.all().count() == 4
