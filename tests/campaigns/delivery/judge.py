"""The judgement from outside: the house comes to rest, the shipped checkers run, and the witnesses' events are counted in the cloud.

Nothing here asks the parts that are judged: rows come by a connection of its own, objects are hashed where the store keeps them.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

from cloud.objects import Objects, object_key
from cloud.settings import load_settings
from shared.clip import ClipManifest
from tests.campaigns.delivery.feeding import SITE
from tests.campaigns.delivery.house import CampaignBed, House
from tests.campaigns.delivery.tally import Verdict

QUIET_LIMIT_S = 90.0
_TWINS = {
    "event": "SELECT event_id::text AS name FROM event GROUP BY 1 HAVING count(*) > 1",
    "review task of event": "SELECT event_id::text AS name FROM review_task GROUP BY 1 HAVING count(*) > 1",
    "message": (
        "SELECT bed || ' ' || sequence || ' revision ' || revision AS name FROM bed_message"
        " GROUP BY site, bed, sequence, event_id, revision HAVING count(*) > 1"
    ),
    "look at the clip of event": (
        "SELECT args->>'event_id' AS name FROM procrastinate_jobs WHERE task_name = 'watch_clip'"
        " GROUP BY 1 HAVING count(*) > 1"
    ),
    "classification job of event": (
        "SELECT args->>'event_id' AS name FROM procrastinate_jobs WHERE task_name = 'classify_event'"
        " AND status IN ('todo', 'doing') GROUP BY 1 HAVING count(*) > 1"
    ),
}


def settle(house: House, limit_s: float = QUIET_LIMIT_S) -> None:
    """Waits until every bed has its receipts and its clips are done. Raises AssertionError when that does not come."""
    house.wait(
        lambda: all(program.once is False or not program.wanted for program in house.programs.values()),
        "the feeders' end",
        limit_s,
    )

    def quiet() -> bool:
        for bed in house.beds.values():
            bed.feeder.mend()
        return all(bed.left() == (0, 0, 0) for bed in house.beds.values())

    house.wait(quiet, "every receipt and every clip", limit_s)


def judge(house: House, *, checked: bool = True, rested: bool = True, limit_s: float = QUIET_LIMIT_S) -> Verdict:
    """Settles the house and says what it finds. `checked`: the shipped checkers run too."""
    verdict = Verdict()
    if rested:
        try:
            settle(house, limit_s)
        except AssertionError as error:
            left = {name: bed.left() for name, bed in house.beds.items()}
            verdict.faults.append(f"it does not come to rest: {left}: {error}"[:6000])
    _count_events(house, verdict)
    _count_clips(house, verdict)
    if checked:
        verdict.faults += _checkers(house)
    return verdict


def _count_events(house: House, verdict: Verdict) -> None:
    there = {row["event_id"]: int(row["revision"]) for row in house.rows("SELECT event_id, revision FROM event")}
    for bed in house.beds.values():
        told = bed.witness.told()
        verdict.events += len(told)
        verdict.reports += sum(revision + 1 for revision in told.values())
        verdict.lost += [event_id for event_id, revision in told.items() if there.get(event_id, -1) < revision]
    for what, query in _TWINS.items():
        verdict.doubled += [f"{what} {row['name']} is there twice" for row in house.rows(query)]


def _count_clips(house: House, verdict: Verdict) -> None:
    objects = Objects(load_settings(house.config).objects)
    wanted: dict[str, str] = {}
    for bed in house.beds.values():
        verdict.segments += int(bed.feeder.connection.execute("SELECT count(*) FROM segments").fetchone()[0])
        for manifest in _stored_at(bed):
            verdict.clips += 1
            for sha256 in (*(each.sha256 for each in manifest.segments), *(each.sha256 for each in manifest.proxies)):
                wanted[sha256] = f"clip {manifest.event_id} is stored by the word of {bed.name}"
    for row in house.rows("SELECT sha256 FROM stored_object"):
        wanted.setdefault(row["sha256"], "the cloud calls the object stored")
    for sha256, found in asyncio.run(_hashes(objects, list(wanted))).items():
        if found != sha256:
            verdict.false_stored.append(f"{wanted[sha256]}, and object {sha256[:12]} is {found or 'not there'}")


def _stored_at(bed: CampaignBed) -> Iterator[ClipManifest]:
    query = "SELECT manifest FROM clips WHERE stage = 'stored' AND manifest NOT NULL"
    for row in bed.feeder.connection.execute(query):
        yield ClipManifest.model_validate_json(row[0])


async def _hashes(objects: Objects, names: list[str]) -> dict[str, str]:
    """The SHA-256 of what lies in the store under each name; empty where there is nothing."""
    found: dict[str, str] = {}
    for name in names:
        digest = hashlib.sha256()
        try:
            async for piece in objects.read(object_key(SITE, name)):
                digest.update(piece)
            found[name] = digest.hexdigest()
        except FileNotFoundError:
            found[name] = ""
    return found


def _checkers(house: House) -> Iterator[str]:
    """`deepepil-edge check` for each bed, then `deepepil-cloud check` with the beds' histories; every byte is read."""
    histories: list[Path] = []
    for name, bed in house.beds.items():
        histories.append(house.folder / f"{name}.history")
        words = ["edge", "check", str(bed.folder), "--read-data", "--history", str(histories[-1])]
        yield from _faults_of(house, words, f"deepepil-edge check of {name}")
    words = ["cloud", "check", "--config", str(house.config), "--read-data"]
    words += [word for path in histories for word in ("--bed-history", str(path))]
    yield from _faults_of(house, words, "deepepil-cloud check")


def _faults_of(house: House, words: list[str], name: str) -> Iterator[str]:
    code, said = house.run_once(words, name.replace(" ", "-"))
    if code != 0:
        yield f"{name} ends with {code}: {' | '.join(said.strip().splitlines()[:8])}"
