"""The classification of an event: once a release, written once, and parked for people after three crashes."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog

import cloud.review.service
from cloud import audit
from cloud.audit.rules import Detail
from cloud.classify import queries
from cloud.classify.clip_classifier import ClipClassifier, Stopped, Suggested
from cloud.classify.tables import Classification, ClassifyTry
from cloud.clips.tables import Clip, ClipObject
from cloud.database import in_transaction
from cloud.objects import Objects, object_key
from cloud.principal import Principal
from shared.clip import ClipManifest
from shared.clock import Clock
from shared.errors import Broken, Refused, Transient
from shared.frame import Stream

MOST_TRIES = 3
UNDECIDED = "undecided"
"""In the place of the best class where the largest share is below what the release's card asks for."""
SYSTEM = Principal.system("classify")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ClassifyParts:
    """What the worker hands in."""

    objects: Objects
    classifier: ClipClassifier
    clock: Clock


async def classify_event(event_id: UUID, parts: ClassifyParts) -> bool:
    """Classifies the event's clip unless this release has done so; returns whether a classification was written now.

    A clip that cannot be read, and one that was begun three times without an end, is parked and told to the log. Raises
    Transient when store, database or release are away: the job is to be tried again and nothing is counted.
    """
    release = parts.classifier.release
    if await queries.exists(SYSTEM, event_id, release):
        return False
    found = await queries.infrared_proxy(SYSTEM, event_id)
    if found is None:
        _log.info("classification_skipped", event_id=str(event_id), reason="no stored infrared proxy")
        return False
    clip, proxy = found
    if await _begin_try(clip, release) > MOST_TRIES:
        await _park(clip, release, f"The worker ended {MOST_TRIES} times without finishing it.")
        return False
    try:
        suggested = await _suggest(clip, proxy, parts)
    except Refused as error:
        await _park(clip, release, error.sentence)
        return False
    except (Transient, Stopped, asyncio.CancelledError):
        await asyncio.shield(_take_back_try(event_id, release))
        raise
    return await _keep(clip, release, suggested, parts.clock.utc_ns())


async def _suggest(clip: Clip, proxy: ClipObject, parts: ClassifyParts) -> Suggested:
    manifest = ClipManifest.model_validate(clip.manifest)
    times_ns = next(
        [moment - manifest.start_mono_ns for moment in one.frame_mono_ns]
        for one in manifest.proxies
        if one.stream is Stream.ir
    )
    key = object_key(proxy.site, proxy.sha256)
    with tempfile.TemporaryDirectory(prefix="deepepil-classify-") as folder:
        video = Path(folder) / "ir.mp4"
        try:
            with video.open("wb") as file:
                async for part in parts.objects.read(key):
                    file.write(part)
        except FileNotFoundError as error:
            raise Broken("An object that its row calls stored is not in the store.", key=key) from error
        return await parts.classifier.classify(video, times_ns)


async def _keep(clip: Clip, release: str, suggested: Suggested, now_ns: int) -> bool:
    likeliest = max(suggested.probabilities, key=lambda name: suggested.probabilities[name])
    best = UNDECIDED if suggested.abstains else likeliest
    row = Classification(
        event_id=clip.event_id,
        site=clip.site,
        release=release,
        best=best,
        probabilities=suggested.probabilities,
        windows=[{"start_ns": start_ns, "probabilities": shares} for start_ns, shares in suggested.windows],
        simulated=suggested.simulated,
        seconds_spent=suggested.seconds_spent,
        frames=suggested.frames,
        classified_utc_ns=now_ns,
    )
    async with in_transaction() as connection:
        if not await queries.lock_event(connection, SYSTEM, clip.event_id):
            return False
        if await queries.exists(SYSTEM, clip.event_id, release, connection=connection):
            return False
        await row.save(using_db=connection, force_create=True)
        await ClassifyTry.filter(event_id=clip.event_id, release=release).using_db(connection).delete()
        await cloud.review.service.rank_again(connection, clip.event_id, clip.site)
        details: dict[str, Detail] = {"release": release, "best": best, "simulated": suggested.simulated}
        await audit.record(
            connection, SYSTEM, "event_classified", site=clip.site, subject=str(clip.event_id), details=details
        )
    _log.info(
        "event_classified",
        event_id=str(clip.event_id),
        best=best,
        probability=round(suggested.probabilities[likeliest], 3),
        seconds=round(suggested.seconds_spent, 2),
    )
    return True


async def _begin_try(clip: Clip, release: str) -> int:
    """Counts this try, committed before the work begins: a worker that is killed has left its mark."""
    async with in_transaction() as connection:
        rows = await connection.execute_query_dict(
            "INSERT INTO classify_try AS t (event_id, site, release, tries, last_fault) VALUES ($1, $2, $3, 1, '')"
            " ON CONFLICT (event_id, release) DO UPDATE SET tries = least(t.tries + 1, 1000) RETURNING tries",
            [str(clip.event_id), clip.site, release],
        )
    return int(rows[0]["tries"])


async def _take_back_try(event_id: UUID, release: str) -> None:
    async with in_transaction() as connection:
        await connection.execute_query(
            "UPDATE classify_try SET tries = greatest(tries - 1, 0) WHERE event_id = $1 AND release = $2",
            [str(event_id), release],
        )


async def _park(clip: Clip, release: str, fault: str) -> None:
    async with in_transaction() as connection:
        tries = ClassifyTry.filter(event_id=clip.event_id, release=release).using_db(connection)
        await tries.update(parked=True, tries=MOST_TRIES, last_fault=fault[:500])
        await audit.record(
            connection,
            SYSTEM,
            "classification_parked",
            site=clip.site,
            subject=str(clip.event_id),
            details={"release": release, "fault": fault[:500]},
        )
    _log.warning("classification_parked", event_id=str(clip.event_id), release=release, fault=fault)
