"""The player's own questions: when each frame was taken, how the depth camera sees, and raw depth by frame number."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import BinaryIO, cast
from uuid import UUID

import httpx
import numpy as np
import numpy.typing as npt
import pytest

from cloud.clips.object_file import AHEAD_BYTES, StoredRanges
from cloud.clips.pictures import PICTURE_HEAD
from cloud.clips.tables import Clip, StoredObject
from cloud.objects import object_key
from shared.clip import ClipManifest, ManifestSegment, ProxyFile
from shared.frame import Stream
from shared.segment import SegmentReader
from tests.cloud.people_house import House
from tests.shared.export.excerpts import BOOT, LENS, PERIOD_NS, UTC_NS, make_frames, seal

FRAMES = make_frames(12)
FIRST, END = 2, 11


@pytest.fixture
async def event_id(house: House, tmp_path: Path) -> UUID:
    """An event whose clip is frames 2 to 10 of two segments of six; the second is not stored yet."""
    event_id = await house.event()
    await house.clip(event_id)
    (tmp_path / "sealed").mkdir()
    segments = []
    for sequence, frames in enumerate((FRAMES[:6], FRAMES[6:])):
        path = seal(tmp_path / "sealed", frames, sequence=sequence)
        await house.objects.put(object_key("north", path.stem), path.read_bytes())
        segments.append(
            ManifestSegment(
                sha256=path.stem,
                size_bytes=path.stat().st_size,
                sequence=sequence,
                start_mono_ns=frames[0].mono_ns,
                end_mono_ns=frames[-1].mono_ns + PERIOD_NS,
                start_utc_ns=frames[0].utc_ns,
                frames={Stream.depth: 6},
            )
        )
    clip = FRAMES[FIRST:END]
    proxy = ProxyFile(
        stream=Stream.depth, sha256="d" * 64, size_bytes=1, codec="avc1.42c01e", width=LENS.width, height=LENS.height,
        frame_mono_ns=[frame.mono_ns for frame in clip], frame_device_ns=[frame.device_ns for frame in clip],
    )  # fmt: skip
    changed = {
        "segments": segments, "boot_id": BOOT, "start_mono_ns": clip[0].mono_ns - 7, "proxies": [proxy], "gaps": [],
        "end_mono_ns": clip[-1].mono_ns + PERIOD_NS, "start_utc_ns": UTC_NS + clip[0].mono_ns - 7, "scores": [],
    }  # fmt: skip
    row = await Clip.get(event_id=event_id)
    manifest = ClipManifest.model_validate(row.manifest).model_copy(update=changed)
    await Clip.filter(event_id=event_id).update(manifest=manifest.model_dump(mode="json"), raw_decision="send")
    await _store(house, segments[0])
    return event_id


async def _store(house: House, segment: ManifestSegment) -> None:
    await StoredObject.create(
        site="north", sha256=segment.sha256, size_bytes=segment.size_bytes, stored_at_ns=house.clock.now_ns
    )


async def _store_second(house: House, event_id: UUID) -> None:
    row = await Clip.get(event_id=event_id)
    await _store(house, ClipManifest.model_validate(row.manifest).segments[1])


@pytest.fixture
async def ana(house: House) -> httpx.AsyncClient:
    return await house.person("ana")


def unpacked(body: bytes) -> dict[int, npt.NDArray[np.uint16]]:
    """The pictures of an answer by frame number, as docs/contracts/http-api.md says."""
    found, at = {}, 0
    while at < len(body):
        number, width, height, _step, zero, length = PICTURE_HEAD.unpack_from(body, at)
        assert (zero, length) == (0, 2 * width * height)
        at += PICTURE_HEAD.size
        found[number] = np.frombuffer(body, "<u2", width * height, at).reshape(height, width)
        at += length
    return found


async def test_the_frame_index_has_both_clocks(ana: httpx.AsyncClient, event_id: UUID) -> None:
    told = (await ana.get(f"/api/v1/events/{event_id}/frames/depth")).json()
    assert told["times_ns"] == [frame.mono_ns - FRAMES[FIRST].mono_ns + 7 for frame in FRAMES[FIRST:END]]
    assert told["device_ns"] == [frame.device_ns for frame in FRAMES[FIRST:END]]


async def test_the_lens_is_the_calibration_of_the_clips_own_camera(ana: httpx.AsyncClient, event_id: UUID) -> None:
    told = (await ana.get(f"/api/v1/events/{event_id}/lens")).json()
    assert [told[name] for name in ("width", "height")] == [LENS.width, LENS.height]
    assert [told[name] for name in ("fx", "fy", "cx", "cy")] == pytest.approx([LENS.fx, LENS.fy, LENS.cx, LENS.cy])
    assert (told["distortion"], told["camera"], told["simulated"]) == ([0.0] * 8, "Azure Kinect", False)


async def test_frame_k_is_the_raw_depth_of_frame_k(house: House, ana: httpx.AsyncClient, event_id: UUID) -> None:
    await _store_second(house, event_id)
    answer = await ana.get(f"/api/v1/events/{event_id}/depth", params={"first": 2, "count": 4})
    pictures = unpacked(answer.content)
    assert list(pictures) == [2, 3, 4, 5]
    for number, pixels in pictures.items():
        assert np.array_equal(pixels, np.asarray(FRAMES[FIRST + number].depth))
    assert answer.headers["cache-control"] == "private, no-store"


async def test_a_coarse_picture_is_every_fourth_pixel_as_it_was(ana: httpx.AsyncClient, event_id: UUID) -> None:
    answer = await ana.get(f"/api/v1/events/{event_id}/depth", params={"first": 1, "step": 4})
    assert np.array_equal(unpacked(answer.content)[1], np.asarray(FRAMES[FIRST + 1].depth)[::4, ::4])


async def test_beyond_the_last_frame_there_is_nothing(ana: httpx.AsyncClient, event_id: UUID) -> None:
    answer = await ana.get(f"/api/v1/events/{event_id}/depth", params={"first": 500})
    assert (answer.status_code, answer.content) == (200, b"")


async def test_frames_of_a_stored_segment_come_while_another_is_on_its_way(
    ana: httpx.AsyncClient, event_id: UUID
) -> None:
    here = await ana.get(f"/api/v1/events/{event_id}/depth", params={"first": 0, "count": 4})
    there = await ana.get(f"/api/v1/events/{event_id}/depth", params={"first": 2, "count": 4})
    assert (here.status_code, list(unpacked(here.content))) == (200, [0, 1, 2, 3])
    assert (there.status_code, there.json()["detail"]) == (
        409,
        "1 of 2 raw segments of this clip are stored; the others are on their way.",
    )


async def test_more_frames_than_the_bound_are_refused(ana: httpx.AsyncClient, event_id: UUID) -> None:
    answer = await ana.get(f"/api/v1/events/{event_id}/depth", params={"first": 0, "count": 31})
    assert answer.status_code == 422


async def test_a_damaged_picture_is_left_out(house: House, ana: httpx.AsyncClient, event_id: UUID) -> None:
    row = await Clip.get(event_id=event_id)
    segment = ClipManifest.model_validate(row.manifest).segments[0]
    key = object_key("north", segment.sha256)
    body = bytearray(b"".join([piece async for piece in house.objects.read(key)]))
    at = body.find(np.asarray(FRAMES[3].depth).astype("<u2").tobytes()[:64])
    assert at > 0, "noise is kept as it is"
    body[at] ^= 1
    await house.objects.put(key, bytes(body))
    answer = await ana.get(f"/api/v1/events/{event_id}/depth", params={"first": 0, "count": 3})
    assert list(unpacked(answer.content)) == [0, 2]


async def test_looking_at_depth_is_audited_once_a_session(house: House, ana: httpx.AsyncClient, event_id: UUID) -> None:
    for _ in range(2):
        await ana.get(f"/api/v1/events/{event_id}/depth", params={"first": 0})
    assert await house.deeds("north") == [("ana", deed, str(event_id)) for deed in ("clip_viewed", "frames_read")]


async def test_a_segment_is_read_by_ranges_from_a_store_that_is_no_folder(house: House, event_id: UUID) -> None:
    row = await Clip.get(event_id=event_id)
    segment = ClipManifest.model_validate(row.manifest).segments[0]
    key, loop = object_key("north", segment.sha256), asyncio.get_running_loop()

    def read() -> list[npt.NDArray[np.uint16]]:
        raw = StoredRanges(house.objects, key, segment.size_bytes, loop)
        file = cast("BinaryIO", io.BufferedReader(raw, AHEAD_BYTES))
        with SegmentReader(Path("a segment"), file) as reader:
            return [image.pixels() for image in reader.frames({Stream.depth}, FRAMES[4].mono_ns)]

    found = await asyncio.to_thread(read)
    assert all(np.array_equal(each, np.asarray(frame.depth)) for each, frame in zip(found, FRAMES[4:6], strict=True))
