"""The raw segments of a pull are wanted whatever the site's policy or a verdict says; those of a mark follow the policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud.database import DatabaseAddress
from cloud.settings import ObjectsSection
from shared.clip import RawPolicy
from shared.event import EventCause
from shared.review import Verdict
from tests.cloud.clips.bed_side import World
from tests.cloud.facts import Thing, manifest, stored_event

PROXY, RAW = Thing(b"a proxy" * 99), Thing(b"raw segment" * 999)


@pytest.mark.parametrize(
    ("cause", "decision"),
    [(EventCause.pull, "send"), (EventCause.button, "released"), (EventCause.detector, "released")],
)
async def test_what_a_person_pulled_comes_whole_from_a_site_that_wants_no_raw_segments(
    database: DatabaseAddress, tmp_path: Path, cause: EventCause, decision: str
) -> None:
    assert database
    world = World(ObjectsSection(url=f"file://{tmp_path / 'objects'}"))
    world.policies["north"] = RawPolicy.never
    event_id = await stored_event(cause=cause)
    world.verdicts[event_id] = Verdict.rejected
    answer = (await world.bed().show(manifest(event_id, [PROXY], [RAW]))).json()
    assert answer["raw"] == decision
    assert (RAW.sha256 in {each["sha256"] for each in answer["missing"]}) == (decision == "send")
