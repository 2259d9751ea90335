"""The people's application on a port, as a browser meets it, with a stored clip of `burnt_clip`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import uvicorn

import cloud
from cloud.app import create_people_app
from cloud.clips.tables import Clip, ClipObject, StoredObject
from cloud.objects import object_key
from shared.clip import ClipManifest, ManifestSegment, ProxyFile, ScoreSample
from shared.clock import NS_PER_S
from shared.frame import Stream
from shared.gap import Gap, GapCause
from tests.cloud.people_house import BOOT, FIRST_UTC_NS, House
from tests.cloud.web.burnt_clip import FIRST_MONO_NS, MISSING, PERIOD_NS, BurntClip

PAGES = Path(cloud.__file__).parent / "web" / "dist"


@contextlib.asynccontextmanager
async def served(house: House) -> AsyncIterator[str]:
    """Serves the application with the built pages; gives its address."""
    app = create_people_app(replace(house.parts, web_folder=PAGES))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


async def keep_clip(house: House, clip: BurntClip, *, without: frozenset[Stream] = frozenset()) -> UUID:
    """An event of the site north whose clip is stored whole, less the streams that are left out."""
    start_ns, end_ns = clip.start_mono_ns, clip.end_mono_ns
    event_id = await house.event(
        start_mono_ns=start_ns + 4 * NS_PER_S, end_mono_ns=end_ns - NS_PER_S, clip_start_mono_ns=start_ns,
        clip_end_mono_ns=end_ns, start_utc_ns=FIRST_UTC_NS + start_ns + 4 * NS_PER_S,
        end_utc_ns=FIRST_UTC_NS + end_ns - NS_PER_S,
    )  # fmt: skip
    proxies = [(proxy, path) for proxy, path in clip.proxies if proxy.stream not in without]
    now_ns, manifest = house.clock.now_ns, _manifest(event_id, clip, [proxy for proxy, _ in proxies])
    size = sum(entry.size_bytes for entry, _ in clip.segments)
    await Clip.create(
        event_id=event_id, site="north", bed="bed-1", manifest=manifest.model_dump(mode="json"), raw_decision="send",
        proxies_wanted=len(proxies), proxies_stored=len(proxies), segments_wanted=len(clip.segments),
        segments_stored=len(clip.segments), bytes_wanted=size, bytes_stored=size, told_at_ns=now_ns,
        proxies_stored_at_ns=now_ns, stored_at_ns=now_ns,
    )  # fmt: skip
    objects: list[tuple[ProxyFile | ManifestSegment, Path]] = [*proxies, *clip.segments]
    for position, (entry, path) in enumerate(objects):
        await _keep_object(house, event_id, position, entry, path)
    return event_id


async def _keep_object(
    house: House, event_id: UUID, position: int, entry: ProxyFile | ManifestSegment, path: Path
) -> None:
    is_proxy = isinstance(entry, ProxyFile)
    await ClipObject.create(
        event_id=event_id, site="north", bed="bed-1", sha256=entry.sha256, size_bytes=entry.size_bytes,
        kind="proxy" if is_proxy else "segment", stream=entry.stream.value if isinstance(entry, ProxyFile) else None,
        position=position,
    )  # fmt: skip
    await StoredObject.get_or_create(
        site="north", sha256=entry.sha256,
        defaults={"size_bytes": entry.size_bytes, "stored_at_ns": house.clock.now_ns},
    )  # fmt: skip
    await house.objects.put(object_key("north", entry.sha256), path)


def _manifest(event_id: UUID, clip: BurntClip, proxies: list[ProxyFile]) -> ClipManifest:
    gap_ns = FIRST_MONO_NS + MISSING.start * PERIOD_NS, FIRST_MONO_NS + MISSING.stop * PERIOD_NS
    gaps = [
        Gap(
            stream=stream, cause=GapCause.bus, boot_id=BOOT, start_mono_ns=gap_ns[0], end_mono_ns=gap_ns[1],
            start_utc_ns=FIRST_UTC_NS + gap_ns[0], end_utc_ns=FIRST_UTC_NS + gap_ns[1], missing_frames=len(MISSING),
        )
        for stream in (Stream.ir, Stream.depth)
    ]  # fmt: skip
    moments = range(clip.start_mono_ns, clip.end_mono_ns, NS_PER_S // 5)
    return ClipManifest(
        event_id=event_id, boot_id=BOOT, start_mono_ns=clip.start_mono_ns, end_mono_ns=clip.end_mono_ns,
        start_utc_ns=FIRST_UTC_NS + clip.start_mono_ns, segments=[entry for entry, _ in clip.segments], proxies=proxies,
        gaps=gaps, coverage={Stream.ir: 0.95, Stream.depth: 0.95, Stream.colour: 1.0},
        scores=[ScoreSample(mono_ns=at, value=0.9 if 20 <= k < 40 else 0.1) for k, at in enumerate(moments)],
    )  # fmt: skip
