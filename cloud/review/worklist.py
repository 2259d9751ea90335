"""The worklist's page, counts and nights, in SQL: each stays one short walk along an index however many events there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import cloud.devices.queries
from cloud.database import Connection, in_transaction
from cloud.principal import Principal
from cloud.review.rules import COUNT_LIMIT, WITHDRAWN, TaskFilter, TaskState
from cloud.review.tables import ReviewTask
from shared.errors import Refused

_STATES = {
    TaskFilter.open: [TaskState.open.value],
    TaskFilter.reviewed: [TaskState.reviewed.value],
    TaskFilter.unread: [TaskState.open.value, TaskState.reviewed.value],
    TaskFilter.all: [TaskState.open.value, TaskState.reviewed.value],
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: the next one begins behind it, whatever came in meanwhile.

    `key`: the urgency, or the start in ns (an int) where the oldest come first.
    """

    key: float | int
    event_id: UUID

    def __str__(self) -> str:
        return f"{self.key!r}~{self.event_id}"

    @staticmethod
    def parse(text: str) -> Place:
        """Reads a place as `str` wrote it. Raises Refused."""
        key, _, event_id = text.partition("~")
        try:
            by_age = key.isascii() and key.isdigit() and len(key) <= 19
            place = Place(int(key) if by_age else float(key), UUID(event_id))
        except ValueError as error:
            raise Refused("after: this is not a place that the worklist gave.") from error
        if not abs(place.key) < (2**63 if by_age else 1e9):
            raise Refused("after: this is not a place that the worklist gave.")
        return place


@dataclass(frozen=True, slots=True)
class Filters:
    """What is looked for; None: anything. The span is of starts, half-open.

    `oldest_first` in place of the most urgent first: for those who may not know what networks said.
    """

    state: TaskFilter = TaskFilter.open
    bed: str | None = None
    motor_type: str | None = None
    span_ns: tuple[int, int] | None = None
    oldest_first: bool = False


@dataclass(frozen=True, slots=True)
class Night:
    """One night, from noon to noon, by the date on which it began."""

    began: date
    total: int
    open: int


class _Query:
    """A walk along one index for each of the sites and states asked for; the walks are merged in order."""

    def __init__(self, sites: list[str], reader: str, wanted: Filters) -> None:
        self.values: list[Any] = []
        self._oldest_first = wanted.oldest_first
        self._ways = (
            f"unnest({self._value(sites)}::text[]) AS place (site)"
            f" CROSS JOIN unnest({self._value(_STATES[wanted.state])}::text[]) AS phase (state)"
        )
        self._where = ["task.site = place.site", "task.state = phase.state"]
        if wanted.bed is not None:
            self._where.append(f"task.bed = {self._value(wanted.bed)}")
        if wanted.motor_type is not None:
            self._where.append(f"task.motor_type = {self._value(wanted.motor_type)}")
        if wanted.state is TaskFilter.unread:
            newest = (
                "SELECT verdict FROM review WHERE review.event_id = task.event_id"  # noqa: S608
                f" AND reviewer = {self._value(reader)} ORDER BY version DESC LIMIT 1"
            )
            self._where.append(f"COALESCE(({newest}), '{WITHDRAWN}') = '{WITHDRAWN}'")
        self._from = "review_task AS task"
        if wanted.span_ns is not None:
            # a span of time is read by its own index, then ordered: OFFSET 0 keeps the planner from walking all by urgency
            start, end = self._value(wanted.span_ns[0]), self._value(wanted.span_ns[1])
            self._from = (
                "(SELECT * FROM review_task WHERE site = place.site AND state = phase.state"  # noqa: S608
                f" AND start_utc_ns >= {start} AND start_utc_ns < {end} OFFSET 0) AS task"
            )

    def _value(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"

    def page(self, after: Place | None, limit: int) -> str:
        where = list(self._where)
        if after is not None and isinstance(after.key, int) is not self._oldest_first:
            raise Refused("after: the order of the list has changed meanwhile; begin again with its first page.")
        behind = (self._value(after.key), self._value(str(after.event_id))) if after is not None else None
        if self._oldest_first:
            order = "start_utc_ns, event_id"
            if behind:
                where.append(f"(task.start_utc_ns, task.event_id) > ({behind[0]}::int8, {behind[1]}::uuid)")
        else:
            order = "urgency DESC, event_id DESC"
            if behind:
                where.append(f"(task.urgency, task.event_id) < ({behind[0]}::float8, {behind[1]}::uuid)")
        most = self._value(limit)
        one_way = f"SELECT task.* FROM {self._from} WHERE {' AND '.join(where)} ORDER BY {order} LIMIT {most}"  # noqa: S608
        return f"SELECT found.* FROM {self._ways} CROSS JOIN LATERAL ({one_way}) AS found ORDER BY {order} LIMIT {most}"  # noqa: S608

    def count(self) -> str:
        one_way = f"SELECT 1 FROM {self._from} WHERE {' AND '.join(self._where)} LIMIT {COUNT_LIMIT}"  # noqa: S608
        inner = f"SELECT 1 FROM {self._ways} CROSS JOIN LATERAL ({one_way}) AS found LIMIT {COUNT_LIMIT}"  # noqa: S608
        return f"SELECT count(*) AS number FROM ({inner}) AS counted"  # noqa: S608


def place_of(task: ReviewTask, wanted: Filters) -> Place:
    """Where a page ends that ends with this task."""
    return Place(int(task.start_utc_ns) if wanted.oldest_first else float(task.urgency), task.event_id)


async def _sites(principal: Principal) -> list[str]:
    if principal.sees_all_sites:
        return sorted({row.site for row in await cloud.devices.queries.beds(principal)})
    return sorted(principal.sites)


def page_statement(sites: list[str], reader: str, wanted: Filters, after: Place | None, limit: int) -> tuple[str, Any]:
    """The statement of one page and its values; apart so that a test can ask the database how it would go about it."""
    query = _Query(sites, reader, wanted)
    return query.page(after, limit), query.values


async def tasks(
    connection: Connection, principal: Principal, wanted: Filters, after: Place | None, limit: int
) -> list[ReviewTask]:
    """The tasks behind `after`, the most urgent first."""
    statement, values = page_statement(await _sites(principal), principal.name, wanted, after, limit)
    return [ReviewTask(**row) for row in await connection.execute_query_dict(statement, values)]


async def counts(connection: Connection, principal: Principal, wanted: Filters) -> tuple[int, int]:
    """How many the filter finds, and how many of the same are open; both stop at COUNT_LIMIT."""
    sites = await _sites(principal)
    waiting = Filters(TaskFilter.open, wanted.bed, wanted.motor_type, wanted.span_ns)
    found = await _count(connection, _Query(sites, principal.name, wanted))
    if wanted.state is TaskFilter.open:
        return found, found
    return found, await _count(connection, _Query(sites, principal.name, waiting))


async def _count(connection: Connection, query: _Query) -> int:
    (row,) = await connection.execute_query_dict(query.count(), query.values)
    return int(row["number"])


async def nights(principal: Principal, span_ns: tuple[int, int], zone: str, bed: str | None) -> list[Night]:
    """How many events began in each night of the span, noon to noon in the zone, and how many of them are open."""
    of_bed = "AND bed = $5" if bed is not None else ""
    values: list[Any] = [await _sites(principal), *span_ns, zone, *([bed] if bed is not None else [])]
    async with in_transaction() as connection:
        rows = await connection.execute_query_dict(
            "SELECT (to_timestamp(start_utc_ns / 1e9) AT TIME ZONE $4 - interval '12 hours')::date AS began,"  # noqa: S608
            " count(*) AS total, count(*) FILTER (WHERE state = 'open') AS waiting FROM review_task"
            f" WHERE site = ANY($1::text[]) AND start_utc_ns >= $2 AND start_utc_ns < $3 {of_bed}"
            " GROUP BY began ORDER BY began",
            values,
        )
    return [Night(row["began"], int(row["total"]), int(row["waiting"])) for row in rows]
