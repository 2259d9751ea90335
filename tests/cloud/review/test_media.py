"""The watchable video through the real application: ranges, caches, audit of the first look, objects that are not there."""

from __future__ import annotations

import hashlib

from cloud.objects import object_key
from tests.cloud.people_house import VIDEO, House


async def test_the_whole_video_comes_with_its_length_and_is_kept_by_no_cache(house: House) -> None:
    event_id = await house.event()
    await house.clip(event_id)
    answer = await (await house.person("ana")).get(f"/api/v1/events/{event_id}/proxies/ir")
    assert (answer.status_code, answer.content) == (200, VIDEO)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-length"] == str(len(VIDEO))


async def test_a_player_gets_the_span_that_it_asks_for(house: House) -> None:
    event_id = await house.event()
    await house.clip(event_id)
    client = await house.person("ana")
    url = f"/api/v1/events/{event_id}/proxies/ir"
    answer = await client.get(url, headers={"range": "bytes=100-299"})
    assert (answer.status_code, answer.content) == (206, VIDEO[100:300])
    assert answer.headers["content-range"] == f"bytes 100-299/{len(VIDEO)}"
    assert answer.headers["content-length"] == "200"
    assert (await client.get(url, headers={"range": "bytes=-5"})).content == VIDEO[-5:]
    assert (await client.get(url, headers={"range": f"bytes={len(VIDEO)}-"})).status_code == 416


async def test_the_first_look_of_a_session_is_audited_once(house: House) -> None:
    event_id = await house.event()
    await house.clip(event_id)
    ana, ben = await house.person("ana"), await house.person("ben")
    for client in (ana, ana, ben):
        await client.get(f"/api/v1/events/{event_id}/proxies/ir", headers={"range": "bytes=0-9"})
    assert await house.deeds("north") == [
        ("ana", "clip_viewed", str(event_id)),
        ("ben", "clip_viewed", str(event_id)),
    ]


async def test_a_stream_that_is_not_stored_yet_is_absent(house: House) -> None:
    event_id = await house.event()
    await house.clip(event_id, stored=False)
    client = await house.person("ana")
    for stream in ("ir", "colour"):
        assert (await client.get(f"/api/v1/events/{event_id}/proxies/{stream}")).status_code == 404


async def test_a_lost_object_is_told_before_the_video_begins(house: House) -> None:
    event_id = await house.event()
    await house.clip(event_id)
    await house.objects.delete(object_key("north", hashlib.sha256(VIDEO).hexdigest()))
    answer = await (await house.person("ana")).get(f"/api/v1/events/{event_id}/proxies/ir")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
