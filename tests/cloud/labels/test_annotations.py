"""Annotations through the real application: versions, two tabs, several readers, the comment's gate, the audit, the export."""

from __future__ import annotations

import asyncio
import io
import zipfile
from typing import Any
from uuid import UUID

import httpx
import pytest

from cloud.labels.tables import AnnotationVersion
from shared.clock import NS_PER_S
from tests.cloud.people_house import House

TONIC = {"id": "m1", "term": "tonic", "start_ns": 31 * NS_PER_S, "end_ns": 40 * NS_PER_S, "laterality": "left", "body_part": "arm"}  # fmt: skip


async def save(client: httpx.AsyncClient, event_id: UUID, version: int, **said: Any) -> httpx.Response:
    body = {"annotation": said, "expected_version": version, "suggestion_shown": version == 0}
    return await client.put(f"/api/v1/events/{event_id}/annotation", json=body)


async def test_an_annotation_is_kept_version_by_version_with_what_was_on_the_screen(house: House) -> None:
    event_id = await house.event()
    await house.classification(event_id, FLE=1.0)
    ana = await house.person("ana")
    first = (await save(ana, event_id, 0, epilepsy_class="FLE", mois=[TONIC])).json()
    assert (first["version"], [one["text"] for one in first["chain"]]) == (1, ["left arm tonic"])
    house.clock.now_ns += NS_PER_S
    assert (await save(ana, event_id, 1, epilepsy_class="TLE")).json()["version"] == 2
    versions = (await ana.get(f"/api/v1/events/{event_id}/annotation/ana/versions")).json()
    assert [(one["version"], one["suggestion_shown"]) for one in versions["items"]] == [(2, False), (1, True)]
    old = (await ana.get(f"/api/v1/events/{event_id}/annotation/ana/versions/1")).json()
    assert old["annotation"]["epilepsy_class"] == "FLE"
    assert old["annotation"]["mois"][0]["confidence"] == "high"
    assert [deed for _, deed, _ in await house.deeds("north")] == ["annotation_saved"] * 2


async def test_the_evidence_of_the_marked_signs_comes_with_the_saved_annotation(house: House) -> None:
    event_id = await house.event()
    ana = await house.person("ana")
    epileptic, frontal = (await save(ana, event_id, 0, mois=[TONIC])).json()["evidence"]
    assert (epileptic["odds"], epileptic["odds_before"], epileptic["stopped"]) == (7.7, 1.0, False)
    sign = {"term": "tonic", "ratio": 7.7, "share": 0.47, "share_against": 0.06, "passed_over": None}
    assert (epileptic["signs"], epileptic["unknown"], frontal["answers"]) == ([sign], [], ["FLE", "TLE"])
    assert (await save(ana, event_id, 1)).json()["evidence"] == []


async def test_what_a_page_cannot_have_shown_is_not_written_down_as_shown(house: House) -> None:
    event_id = await house.event()
    ana = await house.person("ana")
    assert (await save(ana, event_id, 0, mois=[TONIC])).json()["suggestion_shown"] is False
    body = {"annotation": {"mois": []}, "expected_version": 1, "suggestion_shown": True}
    answer = await ana.put(f"/api/v1/events/{event_id}/annotation", json=body)
    assert answer.json()["suggestion_shown"] is True, "the evidence of the first version was there to be seen"


async def test_a_stale_tab_is_told_the_version_that_stands_and_nothing_is_lost(house: House) -> None:
    event_id = await house.event()
    ana = await house.person("ana")
    await save(ana, event_id, 0, epilepsy_class="FLE")
    answer = await save(ana, event_id, 0, epilepsy_class="TLE")
    assert (answer.status_code, answer.json()["current_version"]) == (409, 1)
    assert answer.headers["content-type"] == "application/problem+json"
    mine = (await ana.get(f"/api/v1/events/{event_id}/annotation")).json()["mine"]
    assert (mine["version"], mine["annotation"]["epilepsy_class"]) == (1, "FLE")


async def test_of_two_tabs_at_the_same_moment_one_wins(house: House) -> None:
    event_id = await house.event()
    ana = await house.person("ana")
    answers = await asyncio.gather(*(save(ana, event_id, 0, consciousness="impaired") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert await AnnotationVersion.filter(event_id=event_id).count() == 1


async def test_each_reader_has_an_annotation_of_their_own_and_sees_the_others(house: House) -> None:
    event_id = await house.event()
    ana, ben = await house.person("ana"), await house.person("ben")
    await save(ana, event_id, 0, epilepsy_class="FLE")
    assert (await save(ben, event_id, 0, epilepsy_class="unsure")).json()["version"] == 1
    seen = (await ana.get(f"/api/v1/events/{event_id}/annotation")).json()
    assert seen["mine"]["annotation"]["epilepsy_class"] == "FLE"
    assert [(one["annotator"], one["annotation"]["epilepsy_class"]) for one in seen["others"]] == [("ben", "unsure")]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"epilepsy_class": "nonsense"}, "epilepsy_class"),
        ({"mois": [{**TONIC, "end_ns": 71 * NS_PER_S}]}, "mois.0.end_ns"),
        ({"mois": [TONIC] * 201}, "mois"),
        ({"comment": "x" * 2001}, "comment"),
        ({"onset": {"at_ns": -1, "kind": "eeg"}}, "onset"),
    ],
)
async def test_what_does_not_hold_is_refused_by_its_field_and_not_kept(
    house: House, said: dict[str, Any], field: str
) -> None:
    event_id = await house.event()
    answer = await save(await house.person("ana"), event_id, 0, **said)
    assert answer.status_code == 422
    assert field in answer.json()["detail"]
    assert not await AnnotationVersion.exists()


async def test_a_doubtful_comment_is_kept_only_after_a_person_looked(house: House) -> None:
    event_id = await house.event()
    ana = await house.person("ana")
    doubtful = "Mother says Anna was tired on 12.03.2026."
    found = (await ana.post("/api/v1/comments/check", json={"comment": doubtful})).json()["findings"]
    assert [(one["kind"], one["text"]) for one in found] == [("name", "Anna"), ("date", "12.03.2026.")]
    assert (await save(ana, event_id, 0, comment=doubtful)).status_code == 422
    assert (await save(ana, event_id, 0, comment=doubtful, comment_checked=True)).status_code == 200
    assert (await save(ana, event_id, 1, comment="Left arm tonic for 12 s.")).status_code == 200


async def test_the_export_has_the_readers_newest_version_and_never_the_comment(house: House) -> None:
    event_id = await house.event()
    ana = await house.person("ana")
    await save(ana, event_id, 0, mois=[TONIC], ilae_2017="focal-aware", comment="left arm stiff")
    path = f"/api/v1/events/{event_id}/annotation/export"
    answer = await ana.get(path, params={"annotator": "ana"})
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    table = archive.read("sub-unassigned/beh/sub-unassigned_task-monitoring_events.tsv").decode().splitlines()
    assert [line.split("\t")[:5] for line in table[1:]] == [
        ["31.000000", "n/a", "episode-focal-aware", "n/a", "n/a"],
        ["31.000000", "9.000000", "moi-tonic", "left", "arm"],
    ]
    assert all(b"stiff" not in archive.read(name) for name in archive.namelist())
    assert (await ana.get(path, params={"annotator": "ben"})).status_code == 404
    assert "annotation_exported" in [deed for _, deed, _ in await house.deeds("north")]
