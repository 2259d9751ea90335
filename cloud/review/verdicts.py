"""Verdicts: given, given to many at once, taken back. Each is kept with its history, and the label follows in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

import cloud.clips.service
import cloud.labels.service
from cloud import audit
from cloud.accounts.service import refuse
from cloud.database import Connection, in_transaction
from cloud.principal import Principal
from cloud.problems import HttpProblem
from cloud.review import queries, reading
from cloud.review.rules import WITHDRAWN, TaskState, label_of
from cloud.review.tables import Claim, Review, ReviewTask
from shared.review import Verdict

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """A verdict as somebody wants it kept; None takes one's own back. `suggestion_shown` is what their page says of its screen."""

    event_id: UUID
    verdict: Verdict | None
    expected_version: int
    suggestion_shown: bool


@dataclass(frozen=True, slots=True)
class Given:
    """A verdict as it was kept, and the label that follows. `version` None: stale, `current` is the version that stands."""

    event_id: UUID
    version: int | None
    current: int
    label: Verdict | None


async def give_verdict(principal: Principal, wish: Wish, now_ns: int) -> Given:
    """Keeps a verdict and the label that follows. 404, audited, when absent; 409 when the version is stale."""
    (given,) = await give_verdicts(principal, [wish], now_ns)
    if given.version is None:
        raise HttpProblem(
            409, f"Your verdict was changed meanwhile: version {given.current}.", current_version=given.current
        )
    return given


async def give_verdicts(principal: Principal, wishes: Sequence[Wish], now_ns: int) -> list[Given]:
    """Keeps several verdicts in one transaction, passing over stale ones. 404, audited, and nothing kept when one is absent."""
    given: dict[UUID, Given] = {}
    deeds: dict[str, list[audit.Deed]] = {}
    absent: UUID | None = None
    async with in_transaction() as connection:
        tasks = await queries.locked_tasks(connection, principal, sorted({wish.event_id for wish in wishes}))
        absent = next((wish.event_id for wish in wishes if wish.event_id not in tasks), None)
        sites = {event_id: task.site for event_id, task in tasks.items()}
        suggested = await reading.suggested(principal, sites, connection=connection)
        for asked in [] if absent else wishes:
            # a page can only have shown what it was given
            wish = replace(asked, suggestion_shown=asked.suggestion_shown and asked.event_id in suggested)
            task = tasks[wish.event_id]
            kept = given[wish.event_id] = await _keep(connection, principal, task, wish, now_ns)
            if kept.version is not None:
                deeds.setdefault(task.site, []).append(_deed(principal, wish, kept.version))
        for site in sorted(deeds):
            await audit.record_all(connection, site, deeds[site])
    if absent is not None:
        await refuse(principal, str(absent))
    for wish in wishes:
        _tell(wish, given[wish.event_id])
    return [given[wish.event_id] for wish in wishes]


def _tell(wish: Wish, given: Given) -> None:
    facts = {"event_id": str(wish.event_id), "version": given.current}
    if given.version is None:
        _log.info("stale_verdict_passed_over", **facts)
    elif wish.verdict is None:
        _log.info("verdict_withdrawn", **facts)
    else:
        _log.info("verdict_given", verdict=wish.verdict.value, **facts)


def _deed(principal: Principal, wish: Wish, version: int) -> audit.Deed:
    name = "verdict_given" if wish.verdict else "verdict_withdrawn"
    facts: dict[str, audit.Detail] = {"version": version, "suggestion_shown": wish.suggestion_shown}
    if wish.verdict:
        facts["verdict"] = wish.verdict.value
    return audit.Deed(principal, name, str(wish.event_id), facts)


async def _keep(connection: Connection, principal: Principal, task: ReviewTask, wish: Wish, now_ns: int) -> Given:
    before = await queries.newest_reviews(principal, wish.event_id, connection=connection)
    mine = next((row for row in before if row.reviewer == principal.name), None)
    current = mine.version if mine else 0
    nothing_to_withdraw = wish.verdict is None and (mine is None or mine.verdict == WITHDRAWN)
    if current != wish.expected_version or nothing_to_withdraw:
        return Given(wish.event_id, None, current, None)
    review = await Review.create(
        using_db=connection,
        event_id=wish.event_id,
        site=task.site,
        reviewer=principal.name,
        version=current + 1,
        verdict=wish.verdict.value if wish.verdict else WITHDRAWN,
        suggestion_shown=wish.suggestion_shown,
        reviewed_utc_ns=now_ns,
    )
    others = [row for row in before if row.reviewer != principal.name]
    label = await _follow(connection, principal, task, [*others, review], now_ns)
    await Claim.filter(event_id=wish.event_id, holder=principal.name).using_db(connection).delete()
    return Given(wish.event_id, review.version, review.version, label)


async def _follow(
    connection: Connection, principal: Principal, task: ReviewTask, rows: Sequence[Review], now_ns: int
) -> Verdict | None:
    """The label and the task's state as the verdicts that stand now make them. Returns the label's verdict."""
    agreed = label_of([queries.standing_of(row) for row in rows if row.verdict != WITHDRAWN])
    state, at_ns = (TaskState.reviewed, now_ns) if agreed else (TaskState.open, None)
    mine = ReviewTask.filter(event_id=task.event_id).using_db(connection)
    await mine.update(state=state.value, reviewed_utc_ns=at_ns)
    if agreed is None:
        await cloud.labels.service.withdraw(connection, principal, task.site, task.event_id, now_ns)
        return None
    await cloud.labels.service.keep(connection, principal, task.site, task.event_id, agreed, now_ns)
    await cloud.clips.service.reopen_released(connection, task.event_id, agreed.verdict)
    return agreed.verdict
