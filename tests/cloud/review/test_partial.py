"""A clip that lost raw segments at the bed says so on its page."""

from __future__ import annotations

from cloud.clips.tables import Clip
from shared.clip import ClipManifest, LostSegment
from shared.clock import NS_PER_S
from tests.cloud.people_house import House


async def test_the_event_page_names_what_was_lost_at_the_bed(house: House) -> None:
    event_id = await house.event()
    await house.clip(event_id)
    client = await house.person("ana")
    assert (await client.get(f"/api/v1/events/{event_id}")).json()["lost"] == []
    clip = await Clip.get(event_id=event_id)
    body = ClipManifest.model_validate(clip.manifest)
    start_ns = body.start_mono_ns + 10 * NS_PER_S
    lost = LostSegment(
        sha256="a" * 64, sequence=7, start_mono_ns=start_ns, end_mono_ns=start_ns + 10 * NS_PER_S, frames={},
        reason="it is damaged at the bed",
    )  # fmt: skip
    await Clip.filter(event_id=event_id).update(
        manifest=body.model_copy(update={"lost": [lost]}).model_dump(mode="json")
    )
    page = (await client.get(f"/api/v1/events/{event_id}")).json()
    assert page["lost"] == [{"start_ns": 10 * NS_PER_S, "end_ns": 20 * NS_PER_S, "reason": "it is damaged at the bed"}]
