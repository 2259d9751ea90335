"""The real depth of a stored clip, for the point cloud: the camera's lens, and pictures by their number in the depth proxy.

Frame k of the depth proxy and the raw depth picture of the same moment are one: the proxy's times find it. Only the segments
that hold the asked frames must be stored, and only their asked records are read.
"""

from __future__ import annotations

import asyncio
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import structlog

from cloud.accounts.service import refuse
from cloud.clips import queries
from cloud.clips.export import why_not_stored
from cloud.clips.object_file import open_object
from cloud.clips.tables import Clip
from cloud.database import in_transaction
from cloud.objects import Objects, object_key
from cloud.principal import Principal
from cloud.problems import HttpProblem
from shared.calibration import Intrinsics, intrinsics_of
from shared.clip import ClipManifest, ManifestSegment, ProxyFile
from shared.errors import Refused
from shared.frame import Stream, Uint16Image
from shared.segment import SegmentReader
from shared.segment_records import SegmentHeader

FRAMES_AT_ONCE = 30
AT_ONCE = 2
"""Requests for depth that one process works on at a time: each costs a core while it decodes."""
PATIENCE_S = 10.0
PICTURE_HEAD = struct.Struct("<IHHHHI")
"""Before the pixels of each picture: frame, width, height, step, 0, bytes that follow."""
KEPT_READERS = 4
"""Segments left open after an answer: the next run of a clip that plays goes on where this one ended, without decoding anew."""
_slots = asyncio.Semaphore(AT_ONCE)
_kept: OrderedDict[tuple[str, str], SegmentReader] = OrderedDict()
_kept_lock = threading.Lock()
_log = structlog.get_logger(__name__)

Loop = asyncio.AbstractEventLoop
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class SeenClip:
    """A clip that its reader may see."""

    event_id: UUID
    row: Clip
    manifest: ClipManifest

    def proxy(self, stream: Stream) -> ProxyFile:
        """Raises HttpProblem 409 for a stream that the clip does not have."""
        found = next((proxy for proxy in self.manifest.proxies if proxy.stream is stream), None)
        if found is None:
            raise HttpProblem(409, f"The clip has no {stream.value} pictures.")
        return found


async def seen_clip(principal: Principal, event_id: UUID) -> SeenClip:
    """Raises HttpProblem: 404, audited, for what is absent or not this principal's; 409 before its manifest came."""
    if await queries.event(principal, event_id) is None:
        await refuse(principal, str(event_id))
    row = await queries.clip(principal, event_id)
    if row is None:
        raise HttpProblem(409, "The bed has told nothing of this clip yet.")
    manifest = await asyncio.to_thread(ClipManifest.model_validate, row.manifest)
    return SeenClip(event_id, row, manifest)


async def lens_of(clip: SeenClip, objects: Objects) -> tuple[Intrinsics, SegmentHeader]:
    """The depth camera's lens as the clip's first stored segment has it. HttpProblem 409 where none is stored or told."""
    segment = next(iter(await _stored(clip, clip.manifest.segments, at_least=1)))
    header = await _in_thread(_header, clip, segment, objects, asyncio.get_running_loop())
    lens = intrinsics_of(header.camera, Stream.depth)
    if lens is None:
        raise HttpProblem(409, "The camera told no calibration of its lens: depth cannot be shown in space.")
    return lens, header


async def depth_pictures(clip: SeenClip, objects: Objects, first: int, count: int, step: int) -> bytes:
    """Frames [first, first + count) of the depth proxy, every step-th pixel of every step-th row, as `PICTURE_HEAD` says.

    A frame whose record is damaged is left out. HttpProblem 409 when a segment that holds asked frames is not stored.
    """
    times = clip.proxy(Stream.depth).frame_mono_ns[first : first + count]
    if not times:
        return b""
    holding = [
        one
        for one in clip.manifest.segments
        if one.frames.get(Stream.depth) and one.start_mono_ns <= times[-1] and times[0] < one.end_mono_ns
    ]
    segments = await _stored(clip, holding, at_least=len(holding))
    numbers = {moment: first + place for place, moment in enumerate(times)}
    return await _in_thread(_pictures, clip, segments, objects, numbers, step, asyncio.get_running_loop())


async def _stored(clip: SeenClip, segments: list[ManifestSegment], *, at_least: int) -> list[ManifestSegment]:
    hashes = [segment.sha256 for segment in segments]
    async with in_transaction() as connection:
        stored = await queries.stored_of(connection, clip.row.site, hashes)
    here = [segment for segment in segments if segment.sha256 in stored]
    if len(here) < max(1, at_least):
        raise HttpProblem(409, why_not_stored(clip.row, len(here), len(segments)))
    return here


async def _in_thread(work: Callable[..., Result], *given: object) -> Result:
    """Runs it in a thread when its turn comes. Raises HttpProblem 503 when that is not soon, or the store does not answer."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await _slots.acquire()
    except TimeoutError as error:
        raise HttpProblem(
            503, "Too many point clouds are being made now; please try again.", retry_after_s=2
        ) from error
    try:
        return await asyncio.to_thread(work, *given)
    except (OSError, Refused) as error:
        _log.warning("depth_not_read", reason=str(error)[:300])
        raise HttpProblem(503, "The raw depth of this clip cannot be read now.", retry_after_s=5) from error
    finally:
        _slots.release()


@contextmanager
def _reader(clip: SeenClip, segment: ManifestSegment, objects: Objects, loop: Loop) -> Iterator[SegmentReader]:
    """The segment's reader, this thread's own until the block ends; then it is kept, unless the block failed."""
    key = object_key(clip.row.site, segment.sha256)
    place = str(id(objects)), key
    with _kept_lock:
        reader = _kept.pop(place, None)
    if reader is None:
        reader = SegmentReader(Path(segment.sha256[:12]), open_object(objects, key, segment.size_bytes, loop))
    try:
        yield reader
    except BaseException:
        reader.close()
        raise
    with _kept_lock:
        twin = _kept.pop(place, None)
        _kept[place] = reader
        closing = [twin] if twin else []
        while len(_kept) > KEPT_READERS:
            closing.append(_kept.popitem(last=False)[1])
    for each in closing:
        each.close()


def _header(clip: SeenClip, segment: ManifestSegment, objects: Objects, loop: Loop) -> SegmentHeader:
    with _reader(clip, segment, objects, loop) as reader:
        return reader.header


def _pictures(
    clip: SeenClip, segments: list[ManifestSegment], objects: Objects, numbers: dict[int, int], step: int, loop: Loop
) -> bytes:
    parts: list[bytes] = []
    for segment in segments:
        with _reader(clip, segment, objects, loop) as reader:
            for moment, number in numbers.items():
                if segment.start_mono_ns <= moment < segment.end_mono_ns:
                    parts += [part for pixels in _decoded(reader, moment) for part in _packed(number, pixels, step)]
    return b"".join(parts)


def _decoded(reader: SegmentReader, moment: int) -> list[Uint16Image]:
    """The depth picture of that moment; none where its record, or one that it stands on, is damaged."""
    try:
        return [image.pixels() for image in reader.frames({Stream.depth}, moment, moment + 1)]
    except Refused as error:
        _log.warning("depth_picture_damaged", segment=reader.path.name, reason=error.sentence)
        return []


def _packed(number: int, pixels: Uint16Image, step: int) -> list[bytes]:
    coarse = pixels[::step, ::step]
    body = coarse.astype("<u2", copy=False).tobytes()
    return [PICTURE_HEAD.pack(number, coarse.shape[1], coarse.shape[0], step, 0, len(body)), body]
