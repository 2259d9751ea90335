"""Reads datasets, and the labelled clips that one may be frozen from, of the principal's sites."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from cloud.database import Connection
from cloud.datasets.rules import DatasetQuery
from cloud.datasets.tables import Dataset, DatasetClip
from cloud.principal import Principal

PAGE = 500
_LABELLED = """
WITH held AS (
  SELECT DISTINCT ON (event_id) event_id, site, verdict, version, readers, suggestion_shown FROM label
  WHERE site = ANY ($1::text[]) ORDER BY event_id, version DESC
)
SELECT held.*, event.start_mono_ns, event.end_mono_ns, event.clip_start_mono_ns, stay.patient_code, clip.manifest
FROM held JOIN event USING (event_id) LEFT JOIN stay USING (stay_id) LEFT JOIN clip ON clip.event_id = held.event_id
WHERE held.event_id > $2 AND readers >= $3 AND verdict = ANY ($4::text[]) AND NOT (suggestion_shown AND $5::bool)
  AND event.start_utc_ns >= $6 AND event.start_utc_ns < $7 ORDER BY held.event_id LIMIT $8
"""
_ANNOTATIONS = """
SELECT DISTINCT ON (event_id, annotator) event_id, annotator, version, body->>'epilepsy_class' AS epilepsy_class
FROM annotation WHERE event_id = ANY ($1::uuid[]) AND site = ANY ($2::text[]) ORDER BY event_id, annotator, version DESC
"""
_STORED = "SELECT site, sha256 FROM stored_object WHERE site = ANY ($1::text[]) AND sha256 = ANY ($2::text[])"


async def sites_of(connection: Connection, principal: Principal, wanted: Sequence[str]) -> list[str]:
    """The sites to freeze from: those that are wanted, or all that the principal sees."""
    if wanted:
        return sorted(site for site in set(wanted) if principal.sees(site))
    if not principal.sees_all_sites:
        return sorted(principal.sites)
    return [
        str(row["site"]) for row in await connection.execute_query_dict("SELECT DISTINCT site FROM bed ORDER BY site")
    ]


async def labelled(
    connection: Connection, sites: Sequence[str], query: DatasetQuery, after: UUID, span_ns: tuple[int, int]
) -> list[dict[str, Any]]:
    """A page of labelled events with their patient and clip, in order of id; `patient_code` and `manifest` may be None."""
    verdicts = [verdict.value for verdict in query.verdicts]
    arguments = [list(sites), str(after), query.least_readers, verdicts, query.blind_only, *span_ns, PAGE]
    rows = await connection.execute_query_dict(_LABELLED, arguments)
    for row in rows:
        if isinstance(row["manifest"], str):
            row["manifest"] = json.loads(row["manifest"])
    return rows


async def spoken(
    connection: Connection, sites: Sequence[str], event_ids: Sequence[UUID]
) -> dict[UUID, list[dict[str, Any]]]:
    """The newest annotation of each reader of these events: annotator, version, epilepsy_class."""
    rows = await connection.execute_query_dict(_ANNOTATIONS, [[str(each) for each in event_ids], list(sites)])
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[UUID(str(row["event_id"]))].append(row)
    return found


async def stored(connection: Connection, sites: Sequence[str], hashes: Sequence[str]) -> set[tuple[str, str]]:
    """Which of these objects are in the store, as (site, sha256)."""
    rows = await connection.execute_query_dict(_STORED, [list(sites), list(hashes)])
    return {(str(row["site"]), str(row["sha256"])) for row in rows}


async def whole(principal: Principal) -> list[list[Dataset]]:
    """The datasets of which the principal sees every part, the newest first: the parts of each, by site."""
    rows = await Dataset.filter(**principal.site_filter()).order_by("-frozen_utc_ns", "site").limit(5_000)
    parts: dict[str, list[Dataset]] = defaultdict(list)
    for row in rows:
        parts[row.manifest_sha256].append(row)
    return [found for found in parts.values() if len(found) == found[0].sites]


async def one(principal: Principal, sha256: str) -> list[Dataset]:
    """The parts of one dataset, none unless the principal sees all of them."""
    rows = await Dataset.filter(manifest_sha256=sha256, **principal.site_filter()).order_by("site")
    return rows if rows and len(rows) == rows[0].sites else []


async def with_clip(principal: Principal, event_id: UUID) -> list[str]:
    """The datasets that hold a clip, by their hash."""
    rows = DatasetClip.filter(event_id=event_id, **principal.site_filter()).order_by("id")
    return [str(each) for each in await rows.values_list("manifest_sha256", flat=True)]
