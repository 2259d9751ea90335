"""A stored clip leaves the cloud as a file that other programs read: whole, audited, and for its own site alone."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import tempfile
import zipfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pytest
from mcap.reader import make_reader
from starlette.requests import ClientDisconnect

from cloud.clips import export_routes
from cloud.clips.tables import Clip, StoredObject
from cloud.database import DatabaseAddress
from cloud.objects import object_key
from edge_agent.sources.mkv_playback import MkvPlayback
from shared.clip import ClipManifest, ManifestSegment
from shared.export import formats
from shared.frame import Frame, Stream
from tests.cloud.people_house import House
from tests.cloud.test_settings import DEMO
from tests.fakes.clock import FakeClock
from tests.shared.export.excerpts import BOOT, PERIOD_NS, UTC_NS, make_frames, seal

FRAMES = make_frames(20)


@pytest.fixture
async def event_id(house: House, tmp_path: Path) -> UUID:
    """An event of the site north whose clip is frames 3 to 15 of two stored segments."""
    event_id = await house.event()
    await house.clip(event_id)
    segments = []
    (tmp_path / "sealed").mkdir()
    for sequence, frames in enumerate((FRAMES[:10], FRAMES[10:])):
        path = seal(tmp_path / "sealed", frames, sequence=sequence)
        body, sha256 = path.read_bytes(), path.stem
        await house.objects.put(object_key("north", sha256), body)
        await StoredObject.create(site="north", sha256=sha256, size_bytes=len(body), stored_at_ns=house.clock.now_ns)
        segments.append(_segment(frames, sha256, len(body), sequence))
    start_ns, end_ns = FRAMES[3].mono_ns, FRAMES[15].mono_ns
    row = await Clip.get(event_id=event_id)
    changed = {
        "segments": segments, "boot_id": BOOT, "start_mono_ns": start_ns, "end_mono_ns": end_ns,
        "start_utc_ns": UTC_NS + start_ns, "proxies": [], "gaps": [], "scores": [],
    }  # fmt: skip
    manifest = ClipManifest.model_validate(row.manifest).model_copy(update=changed)
    await Clip.filter(event_id=event_id).update(
        manifest=manifest.model_dump(mode="json"), segments_wanted=2, segments_stored=2, raw_decision="send"
    )
    return event_id


def _segment(frames: list[Frame], sha256: str, size_bytes: int, sequence: int) -> ManifestSegment:
    return ManifestSegment(
        sha256=sha256, size_bytes=size_bytes, sequence=sequence, start_mono_ns=frames[0].mono_ns,
        end_mono_ns=frames[-1].mono_ns + PERIOD_NS, start_utc_ns=frames[0].utc_ns,
        frames={Stream.depth: len(frames), Stream.ir: len(frames), Stream.colour: 4},
    )  # fmt: skip


@pytest.fixture
async def ana(house: House) -> httpx.AsyncClient:
    return await house.person("ana")


async def test_the_mkv_file_plays_the_clips_very_frames(ana: httpx.AsyncClient, event_id: UUID, tmp_path: Path) -> None:
    answer = await ana.get(f"/api/v1/events/{event_id}/export", params={"format": "mkv"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "video/x-matroska"
    assert answer.headers["content-disposition"] == f'attachment; filename="deepepil-{event_id}.mkv"'
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["cache-control"] == "private, no-store"
    (tmp_path / "a.mkv").write_bytes(answer.content)
    clock = FakeClock()
    source = MkvPlayback(tmp_path / "a.mkv", clock, clock.wait, paced=False)
    source.open()
    played = list(iter(source.read, None))
    assert len(played) == 12
    for found, wanted in zip(played, FRAMES[3:15], strict=True):
        assert np.array_equal(np.asarray(found.depth), np.asarray(wanted.depth))
        assert np.array_equal(np.asarray(found.ir), np.asarray(wanted.ir))


async def test_mcap_and_numpy_hold_the_same(ana: httpx.AsyncClient, event_id: UUID) -> None:
    url = f"/api/v1/events/{event_id}/export"
    mcap = await ana.get(url, params={"format": "mcap"})
    messages = make_reader(io.BytesIO(mcap.content)).iter_messages(topics=["/depth/image"])
    assert [message.log_time for _, _, message in messages] == [frame.utc_ns for frame in FRAMES[3:15]]
    packed = await ana.get(url, params={"format": "numpy"})
    assert packed.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert archive.testzip() is None
        depth = np.load(io.BytesIO(archive.read("depth.npy")))
    assert np.array_equal(depth, [np.asarray(frame.depth) for frame in FRAMES[3:15]])


async def test_an_export_is_audited_and_leaves_no_file(
    house: House, ana: httpx.AsyncClient, event_id: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "scratch"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    await ana.get(f"/api/v1/events/{event_id}/export", params={"format": "numpy"})
    assert list(place.iterdir()) == []
    assert await house.deeds("north") == [("ana", "clip_exported", str(event_id))]


async def test_a_clip_whose_segments_are_not_all_stored_is_not_exported(
    house: House, ana: httpx.AsyncClient, event_id: UUID
) -> None:
    url = f"/api/v1/events/{event_id}/export?format=mkv"
    assert (await ana.get(f"/api/v1/events/{event_id}")).json()["exportable"] is True
    manifest = ClipManifest.model_validate((await Clip.get(event_id=event_id)).manifest)
    await StoredObject.filter(sha256=manifest.segments[1].sha256).delete()
    for decision, words in (
        ("send", "1 of 2 raw segments of this clip are stored"), ("wait", "wait at the bed for a verdict"),
        ("released", "are not kept"),
    ):  # fmt: skip
        await Clip.filter(event_id=event_id).update(raw_decision=decision, segments_stored=1)
        answer = await ana.get(url)
        assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
        assert words in answer.json()["detail"]
    assert (await ana.get(f"/api/v1/events/{event_id}")).json()["exportable"] is False
    assert await house.deeds("north") == [("ana", "event_opened", str(event_id))]


async def test_another_sites_clip_is_absent_and_the_question_is_audited(house: House, event_id: UUID) -> None:
    stranger = await house.person("ben", "clinician", "south")
    answer = await stranger.get(f"/api/v1/events/{event_id}/export?format=mkv")
    assert answer.status_code == 404
    assert ("ben", "refused", str(event_id)) in [*await house.deeds("-"), *await house.deeds("south")]


async def test_a_lost_object_is_told_before_the_file_begins(
    house: House, ana: httpx.AsyncClient, event_id: UUID
) -> None:
    manifest = ClipManifest.model_validate((await Clip.get(event_id=event_id)).manifest)
    await house.objects.delete(object_key("north", manifest.segments[1].sha256))
    answer = await ana.get(f"/api/v1/events/{event_id}/export?format=mkv")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")


async def test_the_command_writes_the_same_file(
    house: House, event_id: UUID, tmp_path: Path, database: DatabaseAddress
) -> None:
    config = tmp_path / "cloud.toml"
    config.write_text(
        DEMO.replace("embedded:/var/lib/deepepil/database", database.url).replace(
            "/var/lib/deepepil/objects", str(house.folder / "objects")
        )
    )
    out = tmp_path / "a.zip"
    command = ["export", str(event_id), "--config", str(config), "--format", "numpy", "--out", str(out)]
    program = [sys.executable, "-c", "from cloud.cli import main; main()", *command]
    result = await asyncio.to_thread(subprocess.run, program, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("exported 4 colour, 12 depth, 12 ir; no gaps; coverage ")
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None


async def test_a_third_export_at_once_is_asked_to_come_again(
    ana: httpx.AsyncClient, event_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_routes, "_slots", asyncio.Semaphore(0))
    answer = await ana.get(f"/api/v1/events/{event_id}/export")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


async def test_a_disk_without_room_is_told_without_its_name(
    ana: httpx.AsyncClient, event_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "SPARE_BYTES", 1 << 60)
    answer = await ana.get(f"/api/v1/events/{event_id}/export")
    assert (answer.status_code, answer.json()["detail"]) == (507, "The server has no room for this export now.")


async def test_a_reader_that_goes_away_leaves_nothing_behind() -> None:
    cleaned: list[str] = []
    stack = AsyncExitStack()
    stack.callback(cleaned.append, "done")

    async def receive() -> Any:
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message.get("body"):
            raise OSError("the reader is gone")

    scope = {"type": "http", "asgi": {"spec_version": "2.4"}}
    answer = export_routes._Passing(stack, iter([b"x"]), {}, "video/x-matroska")
    with pytest.raises((OSError, ClientDisconnect)):
        await answer(scope, receive, send)
    assert cleaned == ["done"]
