"""What is known of events beside their tasks, in one statement: a list of fifty events costs the database one question, not eight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from tortoise.models import Model

from cloud.classify.tables import Classification
from cloud.clips.tables import Clip, Event
from cloud.database import Connection
from cloud.labels.tables import Label
from cloud.principal import Principal
from cloud.review.tables import Claim, Review

Row = TypeVar("Row", bound=Model)
_CLIP = (
    "event_id", "site", "bytes_wanted", "bytes_stored", "proxies_stored_at_ns", "stored_at_ns", "segments_wanted",
    "segments_stored",
)  # fmt: skip
_CLASSIFICATION = ("id", "event_id", "site", "release", "best", "probabilities", "simulated", "classified_utc_ns")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """One event, its clip without the manifest, the newest of what was said of it, and who works on it.

    `mine` is the principal's own newest verdict; `first_saw_suggestion` is None before the first one.
    """

    event: Event
    clip: Clip | None
    suggestion: Classification | None
    label: Label | None
    mine: Review | None
    first_saw_suggestion: bool | None
    claim: Claim | None
    patient_code: str | None


async def surroundings(
    connection: Connection, principal: Principal, event_ids: Sequence[UUID]
) -> dict[UUID, Surroundings]:
    """Of these events, by their ids; those of other sites are left out."""
    if not event_ids:
        return {}
    values: list[Any] = [[str(each) for each in event_ids], principal.name]
    scoped = ""
    if not principal.sees_all_sites:
        values.append(sorted(principal.sites))
        scoped = " AND event.site = ANY($3::text[])"
    rows = await connection.execute_query_dict(_statement() + scoped, values)
    found = [_found(row) for row in rows]
    return {each.event.event_id: each for each in found}


def _statement() -> str:
    columns = ", ".join(
        [
            *_columns("event", Event),
            *_columns("clip", Clip, _CLIP),
            *_columns("suggestion", Classification, _CLASSIFICATION),
            *_columns("label", Label),
            *_columns("mine", Review),
            *_columns("claim", Claim),
            'first.suggestion_shown AS "first"',
            'stay.patient_code AS "code"',
        ]
    )
    of_event = "site = event.site AND event_id = event.event_id"
    return (
        f"SELECT {columns} FROM event"  # noqa: S608
        " LEFT JOIN clip ON clip.event_id = event.event_id AND clip.site = event.site"
        f" LEFT JOIN LATERAL (SELECT * FROM classification WHERE {of_event}"
        " ORDER BY classified_utc_ns DESC LIMIT 1) AS suggestion ON true"
        f" LEFT JOIN LATERAL (SELECT * FROM label WHERE {of_event} ORDER BY version DESC LIMIT 1) AS label ON true"
        f" LEFT JOIN LATERAL (SELECT * FROM review WHERE {of_event} AND reviewer = $2"
        " ORDER BY version DESC LIMIT 1) AS mine ON true"
        f" LEFT JOIN LATERAL (SELECT suggestion_shown FROM review WHERE {of_event} AND reviewer = $2"
        " ORDER BY version LIMIT 1) AS first ON true"
        " LEFT JOIN claim ON claim.event_id = event.event_id AND claim.site = event.site"
        " LEFT JOIN stay ON stay.stay_id = event.stay_id AND stay.site = event.site"
        " WHERE event.event_id = ANY($1::uuid[])"
    )


def _columns(part: str, table: type[Model], names: Sequence[str] = ()) -> list[str]:
    return [f'{part}.{name} AS "{part}.{name}"' for name in names or table._meta.db_fields]


def _found(row: Mapping[str, Any]) -> Surroundings:
    event = _row(Event, "event", row)
    assert event is not None
    label = _row(Label, "label", row)
    return Surroundings(
        event,
        _row(Clip, "clip", row, _CLIP),
        _row(Classification, "suggestion", row, _CLASSIFICATION),
        label if label is not None and label.readers > 0 else None,  # no readers: all took theirs back
        _row(Review, "mine", row),
        row["first"],
        _row(Claim, "claim", row),
        row["code"],
    )


def _row(table: type[Row], part: str, row: Mapping[str, Any], names: Sequence[str] = ()) -> Row | None:
    """The part of the row that is one table's; None where the join found nothing."""
    if row[f"{part}.event_id"] is None:
        return None
    return table._init_from_db(**{name: row[f"{part}.{name}"] for name in names or table._meta.db_fields})
