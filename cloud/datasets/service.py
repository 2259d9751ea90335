"""What happens to datasets: a query over labels is frozen once into a manifest that never changes, found again, read."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from cloud import audit
from cloud.accounts.service import refuse
from cloud.database import Connection, in_transaction
from cloud.datasets import queries
from cloud.datasets.parquet import from_parquet, to_parquet
from cloud.datasets.rules import (
    MOST_CLIPS,
    DatasetQuery,
    Row,
    counts_of,
    must_be_sound,
    must_split_by_patient,
    pseudonym,
    split_of,
)
from cloud.datasets.tables import Dataset, DatasetClip
from cloud.objects import Objects
from cloud.principal import Principal
from shared.clip import ClipManifest, ProxyFile
from shared.clock import NS_PER_S
from shared.contract import MAX_NS
from shared.errors import Broken, Refused
from shared.frame import Stream

_ZERO = UUID(int=0)
_NAMING = 0x0DEE_DA7A
"""The advisory lock under which a dataset gets its version."""


def manifest_key(sha256: str) -> str:
    """Where a manifest lies in the object store."""
    return f"datasets/{sha256}.parquet"


@dataclass(slots=True)
class _Gathered:
    rows: list[Row] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


async def freeze(
    principal: Principal, objects: Objects, name: str, query: DatasetQuery, now_ns: int
) -> tuple[list[Dataset], bool]:
    """Freezes what the query finds now as the next version of `name`; the same content again is the version that is there.

    Returns its parts by site and whether it is new. 404, audited, for a site that is not the principal's. Raises Refused for
    another split than by patient, for no clips, and for a class of one patient alone.
    """
    must_split_by_patient(query.split)
    if foreign := [site for site in query.sites if not principal.sees(site)]:
        await refuse(principal, foreign[0])
    async with in_transaction() as connection:
        gathered = await _gather(connection, principal, query)
    must_be_sound(gathered.rows)
    facts = {"query": query.model_dump(mode="json"), "left_out": dict(gathered.left_out)}
    sha256, content = await asyncio.to_thread(to_parquet, gathered.rows, facts)
    if known := await queries.one(principal, sha256):
        return known, False
    await objects.put(manifest_key(sha256), content)
    await asyncio.to_thread(objects.settle, manifest_key(sha256))
    async with in_transaction() as connection:
        await _keep(connection, principal, name, (sha256, len(content)), gathered, query, now_ns)
    return await queries.one(principal, sha256), True


async def _gather(connection: Connection, principal: Principal, query: DatasetQuery) -> _Gathered:
    sites = await queries.sites_of(connection, principal, query.sites)
    key, after, found = await _key(connection), _ZERO, _Gathered()
    span = _ns(query.since_utc, 0), _ns(query.until_utc, MAX_NS)
    while page := await queries.labelled(connection, sites, query, after, span):
        after = UUID(str(page[-1]["event_id"]))
        said = await queries.spoken(connection, sites, [UUID(str(row["event_id"])) for row in page])
        manifests = {
            str(row["event_id"]): ClipManifest.model_validate(row["manifest"]) for row in page if row["manifest"]
        }
        hashes = [sha256 for clip in manifests.values() for sha256 in _hashes(clip)]
        stored = await queries.stored(connection, sites, hashes)
        for row in page:
            clip = manifests.get(str(row["event_id"]))
            _take(found, row, clip, said.get(UUID(str(row["event_id"])), []), stored, query, key)
        if len(found.rows) > MOST_CLIPS:
            break
    return found


def _hashes(clip: ClipManifest) -> list[str]:
    return [proxy.sha256 for proxy in clip.proxies] + [segment.sha256 for segment in clip.segments]


def _take(
    found: _Gathered, row: dict[str, Any], clip: ClipManifest | None, said: Sequence[dict[str, Any]],
    stored: set[tuple[str, str]], query: DatasetQuery, key: bytes,
) -> None:  # fmt: skip
    """Adds the clip, or counts why it is left out."""
    site, code = str(row["site"]), row["patient_code"]
    proxies = {one.stream: one for one in clip.proxies if (site, one.sha256) in stored} if clip else {}
    infrared = proxies.get(Stream.ir)
    spoken = {str(one["epilepsy_class"]) for one in said if one["epilepsy_class"]}
    agreed = spoken.pop() if len(spoken) == 1 else ""
    if code is None:
        found.left_out["no_patient"] += 1
    elif clip is None or infrared is None:
        found.left_out["no_stored_infrared"] += 1
    elif query.classes == "epilepsy_class" and not agreed:
        found.left_out["no_agreed_class"] += 1
    else:
        start_ns, end_ns = (max(0, int(row[name]) - clip.start_mono_ns) for name in ("start_mono_ns", "end_mono_ns"))
        times = [moment - clip.start_mono_ns for moment in infrared.frame_mono_ns]
        depth: ProxyFile | None = proxies.get(Stream.depth)
        found.rows.append(
            Row(
                event_id=str(row["event_id"]),
                site=site,
                patient=pseudonym(key, site, code),
                split=split_of(key, site, code, query.shares),
                klass=agreed if query.classes == "epilepsy_class" else str(row["verdict"]),
                verdict=str(row["verdict"]),
                epilepsy_class=agreed,
                label_version=int(row["version"]),
                annotation_versions=",".join(str(one["version"]) for one in said),
                readers=int(row["readers"]),
                suggestion_shown=bool(row["suggestion_shown"]),
                start_ns=start_ns,
                end_ns=end_ns,
                first_frame=sum(moment < start_ns for moment in times),
                end_frame=sum(moment < end_ns for moment in times),
                ir_sha256=infrared.sha256,
                ir_bytes=infrared.size_bytes,
                depth_sha256=depth.sha256 if depth else "",
                depth_bytes=depth.size_bytes if depth else 0,
                segments=tuple(one.sha256 for one in clip.segments if (site, one.sha256) in stored),
            )
        )


async def _key(connection: Connection) -> bytes:
    await connection.execute_query(
        "INSERT INTO dataset_key (id, key) VALUES (1, $1) ON CONFLICT (id) DO NOTHING", [secrets.token_hex(32)]
    )
    rows = await connection.execute_query_dict("SELECT key FROM dataset_key WHERE id = 1")
    return bytes.fromhex(str(rows[0]["key"]))


def _ns(moment: datetime | None, default: int) -> int:
    return default if moment is None else max(0, round(moment.timestamp()) * NS_PER_S)


async def _keep(
    connection: Connection, principal: Principal, name: str, manifest: tuple[str, int], gathered: _Gathered,
    query: DatasetQuery, now_ns: int,
) -> None:  # fmt: skip
    rows, (sha256, size_bytes) = gathered.rows, manifest
    sites = Counter(row.site for row in rows)
    await connection.execute_query("SELECT pg_advisory_xact_lock($1)", [_NAMING])
    newest = await connection.execute_query_dict("SELECT max(version) AS v FROM dataset WHERE name = $1", [name])
    version = int(newest[0]["v"] or 0) + 1
    shared: dict[str, Any] = {
        "name": name, "version": version, "manifest_sha256": sha256, "manifest_bytes": size_bytes, "sites": len(sites),
        "clips": len(rows), "patients": len({row.patient for row in rows}), "counts": counts_of(rows),
        "left_out": dict(gathered.left_out), "query": query.model_dump(mode="json"), "frozen_by": principal.name[:64],
        "frozen_utc_ns": now_ns,
    }  # fmt: skip
    await Dataset.bulk_create(
        [Dataset(site=site, clips_here=n, **shared) for site, n in sites.items()], using_db=connection
    )
    clips = [
        DatasetClip(site=row.site, manifest_sha256=sha256, event_id=UUID(row.event_id), label_version=row.label_version)
        for row in rows
    ]
    await DatasetClip.bulk_create(clips, batch_size=1_000, using_db=connection)
    for site in sorted(sites):
        details: dict[str, audit.Detail] = {"name": name, "version": version, "clips": sites[site]}
        await audit.record(connection, principal, "dataset_frozen", site=site, subject=sha256, details=details)


async def every(principal: Principal) -> list[list[Dataset]]:
    """The datasets that the principal may see, the newest first."""
    return await queries.whole(principal)


async def one(principal: Principal, sha256: str) -> list[Dataset]:
    """The parts of one dataset. 404, audited, when it is absent or not the principal's as a whole."""
    return await queries.one(principal, sha256) or await refuse(principal, sha256)


async def named(principal: Principal, name: str) -> list[Dataset]:
    """The dataset `NAME@vN`, the newest `NAME`, or one by its hash. Raises Refused when there is none or several."""
    wanted, _, version = name.partition("@v")
    found = [
        parts for parts in await queries.whole(principal)
        if name == parts[0].manifest_sha256 or (parts[0].name == wanted and version in {"", str(parts[0].version)})
    ]  # fmt: skip
    if not found:
        raise Refused(f"There is no dataset {name[:80]}.")
    if version and len(found) > 1:
        raise Refused(f"There are {len(found)} datasets {name[:80]}; name one by its hash.")
    return found[0]


async def manifest(principal: Principal, objects: Objects, sha256: str) -> bytes:
    """The Parquet file of a dataset, audited. 404 as `one`. Raises Broken when the store has lost or changed it."""
    parts = await one(principal, sha256)
    content = await _read(objects, sha256)
    async with in_transaction() as connection:
        for part in parts:
            await audit.record(connection, principal, "dataset_exported", site=part.site, subject=sha256)
    return content


async def _read(objects: Objects, sha256: str) -> bytes:
    try:
        content = b"".join([piece async for piece in objects.read(manifest_key(sha256))])
        await asyncio.to_thread(from_parquet, content, sha256)
    except FileNotFoundError as error:
        raise Broken("A manifest that its row names is not in the store.", sha256=sha256) from error
    except Refused as error:
        raise Broken(error.sentence, sha256=sha256) from error
    return content


async def missing_objects(principal: Principal, objects: Objects, sha256: str) -> list[str]:
    """Clips of a dataset whose infrared is no longer stored, such as those of an erased patient: the dataset minus these."""
    await one(principal, sha256)
    rows = from_parquet(await _read(objects, sha256), sha256)
    sites = sorted({row.site for row in rows})
    async with in_transaction() as connection:
        stored = await queries.stored(connection, sites, [row.ir_sha256 for row in rows])
    return [row.event_id for row in rows if (row.site, row.ir_sha256) not in stored]
