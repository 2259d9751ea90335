"""A stored clip for other programs: its raw segments brought from the object store one by one, written by `shared/export`.

The bytes go through the disk of this machine: one segment at a time comes in, the export grows beside it, memory holds a few
pictures. Every export is audited before its first byte leaves.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

import structlog

from cloud import audit
from cloud.accounts.service import refuse
from cloud.clips import queries
from cloud.clips.tables import Clip
from cloud.database import UNREACHABLE, database_server, in_transaction, open_tables
from cloud.objects import Objects, object_key
from cloud.principal import Principal
from cloud.problems import HttpProblem
from cloud.schema import must_be_current
from cloud.settings import CloudSettings
from shared.clip import ClipManifest, ManifestSegment, RawDecision
from shared.errors import Broken, Transient
from shared.export.excerpt import Excerpt, ExportSummary, Piece, Progress, paired
from shared.export.formats import ExportFormat, NoRoom, write_export

FETCH_LIMIT_S = 600.0
"""A segment that does not come within this ends the export."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StoredClip:
    """A clip all of whose raw segments are in the store."""

    site: str
    manifest: ClipManifest


async def stored_clip(principal: Principal, event_id: UUID) -> StoredClip:
    """Raises HttpProblem: 404, audited, for what is absent or not this principal's; 409 while a raw segment is not stored."""
    event = await queries.event(principal, event_id)
    if event is None:
        await refuse(principal, str(event_id))
    clip = await queries.clip(principal, event_id)
    manifest = ClipManifest.model_validate(clip.manifest) if clip is not None else None
    if clip is None or manifest is None or not manifest.segments:
        raise HttpProblem(409, "The bed has told no raw segment of this clip yet.")
    hashes = [segment.sha256 for segment in manifest.segments]
    async with in_transaction() as connection:
        stored = await queries.stored_of(connection, clip.site, hashes)
    missing = sum(sha256 not in stored for sha256 in hashes)
    if missing:
        raise HttpProblem(409, why_not_stored(clip, len(hashes) - missing, len(hashes)))
    return StoredClip(clip.site, manifest)


def why_not_stored(clip: Clip, stored: int, wanted: int) -> str:
    """Why raw segments of this clip are not in the store, in a sentence for people."""
    if clip.raw_decision == RawDecision.released.value:
        return "The raw segments of this clip are not kept, by the site's policy or by a verdict."
    if clip.raw_decision == RawDecision.wait.value:
        return "The raw segments of this clip wait at the bed for a verdict."
    return f"{stored} of {wanted} raw segments of this clip are stored; the others are on their way."


async def write_clip(
    principal: Principal, objects: Objects, event_id: UUID, form: ExportFormat, out: Path, *, force: bool = False,
    progress: Progress = lambda _done, _all: None,
) -> ExportSummary:  # fmt: skip
    """Writes the clip to `out` and audits it. Raises as `stored_clip`, Refused as `write_export`, Transient, Broken."""
    clip = await stored_clip(principal, event_id)
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory(prefix="deepepil-segment-") as name:
        excerpt = excerpt_of(clip, event_id, _Bringer(objects, clip.site, Path(name), loop))
        summary = await asyncio.to_thread(write_export, excerpt, form, out, progress, force=force)
    facts: dict[str, audit.Detail] = {"format": form.value, "frames": sum(summary.frames.values())}
    async with in_transaction() as connection:
        await audit.record(connection, principal, "clip_exported", site=clip.site, subject=str(event_id), details=facts)
    _log.info("clip_exported", event_id=str(event_id), form=form.value, frames=facts["frames"])
    return summary


class _Bringer:
    """Brings segments from the store to this machine; called from the thread that writes the export."""

    def __init__(self, objects: Objects, site: str, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._objects, self._site, self._folder, self._loop = objects, site, folder, loop

    @contextmanager
    def bring(self, segment: ManifestSegment) -> Iterator[Path]:
        """The segment's file, gone again after the block. Raises Transient, and Broken when the store lost it."""
        path = self._folder / f"{segment.sha256}.seg"
        work = asyncio.run_coroutine_threadsafe(self._fetch(segment.sha256, path), self._loop)
        try:
            work.result(FETCH_LIMIT_S)
            yield path
        except TimeoutError as error:
            work.cancel()
            raise Transient(f"A segment did not come from the store within {FETCH_LIMIT_S:.0f} s.") from error
        finally:
            path.unlink(missing_ok=True)

    async def _fetch(self, sha256: str, path: Path) -> None:
        key = object_key(self._site, sha256)
        try:
            with path.open("wb") as file:
                async for piece in self._objects.read(key):
                    await asyncio.to_thread(file.write, piece)
        except FileNotFoundError as error:
            raise Broken("An object that its row calls stored is not in the store.", key=key) from error


def excerpt_of(clip: StoredClip, event_id: UUID, bringer: _Bringer) -> Excerpt:
    """The clip's span of its manifest as an excerpt."""
    manifest = clip.manifest
    span = (manifest.start_mono_ns, manifest.end_mono_ns)
    pieces = paired(
        ((manifest.boot_id, segment.sequence), Piece(partial(bringer.bring, segment), *span, dict(segment.frames)))
        for segment in manifest.segments
    )
    length_ns = manifest.end_mono_ns - manifest.start_mono_ns
    return Excerpt(
        pieces, manifest.start_utc_ns, manifest.start_utc_ns + length_ns, manifest.gaps, manifest.coverage, event_id
    )


@asynccontextmanager
async def exported_clip(
    principal: Principal, objects: Objects, event_id: UUID, form: ExportFormat
) -> AsyncIterator[Path]:
    """The export in a folder of its own, removed after the block. Raises HttpProblem 507 when the disk cannot hold it."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="deepepil-export-"))
    try:
        out = folder / "clip"
        await write_clip(principal, objects, event_id, form, out)
        yield out
    except NoRoom as error:
        raise HttpProblem(507, "The server has no room for this export now.") from error
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def export_to(
    settings: CloudSettings, event_id: UUID, form: ExportFormat, out: Path, *, force: bool, progress: Progress
) -> ExportSummary:
    """What the command does: opens store and database, and writes the clip as the system. Raises as `write_clip`."""
    objects = Objects(settings.objects)
    try:
        async with database_server(settings.database) as address, open_tables(address, 2):
            await must_be_current(address)
            return await write_clip(
                Principal.system("export"), objects, event_id, form, out, force=force, progress=progress
            )
    except UNREACHABLE as error:
        raise Transient(f"The database cannot be reached: {error}.") from error
