"""What is wrong with this installation of the cloud, in plain words: from its settings, database, objects and broker. Reads only."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterator

from cloud.check_progress import work_goes_on, workers_run
from cloud.check_rows import Look, rows
from cloud.database import UNREACHABLE, database_server, open_tables
from cloud.devices.queries import heartbeats
from cloud.metrics import certificates_of
from cloud.objects import Objects
from cloud.principal import Principal
from cloud.schema import must_be_current
from cloud.settings import CloudSettings
from shared.clock import NS_PER_S
from shared.errors import Misconfigured, Transient
from shared.finding import Finding, Reach, certificate_findings

SILENT_S = 120.0
ABSENT_KEY = "doctor/nothing-lies-here"
_PARKED = "SELECT task_name AS task, count(*) AS n FROM procrastinate_jobs WHERE status = 'failed' GROUP BY 1 ORDER BY 1 LIMIT 100"
_LETTERS = "SELECT site, bed, count(*) AS n FROM dead_letter GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 100"
_FULL_SHARE = 0.9


async def examine(settings: CloudSettings, reach: Reach) -> list[Finding]:
    """All that is wrong, most fundamental first; empty when all is well."""
    now_ns = time.time_ns()
    found = [each for path in certificates_of(settings).values() for each in certificate_findings(path, now_ns)]
    why = reach(settings.mqtt.host, settings.mqtt.port)
    if why is not None:
        place = f"{settings.mqtt.host}:{settings.mqtt.port}"
        found.append(Finding(f"The broker {place} cannot be reached: {why}.", "lost-network"))
    objects = Objects(settings.objects)
    found += [*_room(objects), *[each async for each in _store(objects)]]
    try:
        async with database_server(settings.database) as address:
            await must_be_current(address)
            async with open_tables(address, 2):
                found += [each async for each in _rows(objects, now_ns)]
    except UNREACHABLE as error:
        found.append(Finding(f"The database cannot be reached: {error}.", "lost-database"))
    except Misconfigured as error:
        found.append(Finding(error.sentence, "upgrade"))
    return found


def _room(objects: Objects) -> Iterator[Finding]:
    """A folder of objects whose disk is nearly full."""
    if objects.folder is None or not objects.folder.exists():
        return
    disk = os.statvfs(objects.folder)
    used = 1 - disk.f_bavail / max(1, disk.f_blocks)
    if used > _FULL_SHARE:
        yield Finding(f"The disk of {objects.folder} is {used:.0%} full.", "disk-full")


async def _store(objects: Objects) -> AsyncIterator[Finding]:
    try:
        await objects.size(ABSENT_KEY)
    except Transient as error:
        yield Finding(error.sentence, "trouble")


async def _rows(objects: Objects, now_ns: int) -> AsyncIterator[Finding]:
    """What the database tells of workers, jobs, letters and beds."""
    if not await workers_run():
        yield Finding("No worker gave a sign of life within a minute.", "trouble")
    async for sentence in work_goes_on(Look(objects)):
        yield Finding(f"{sentence}.", "trouble")
    for row in await rows(_PARKED):
        yield Finding(f"{row['n']} jobs {row['task']} were parked after all their tries.", "trouble")
    for row in await rows(_LETTERS):
        yield Finding(f"{row['n']} messages of bed {row['site']}.{row['bed']} are dead letters.", "trouble")
    news = await heartbeats(Principal.system("doctor"))
    for (site, bed), (heartbeat, received_ns) in sorted(news.items()):
        age_s = (now_ns - received_ns) / NS_PER_S
        if age_s > SILENT_S:
            yield Finding(f"Bed {site}.{bed} gave no sign of life for {age_s / 60:.0f} minutes.", "lost-network")
            continue
        for alarm in heartbeat.alarms:
            yield Finding(f"Bed {site}.{bed}: {alarm}", "trouble")
