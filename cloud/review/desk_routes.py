"""The reader's desk: claims with a lease, verdicts for many events at once, the calendar of nights, saved views."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from cloud.accounts.routes import with_right
from cloud.accounts.rules import Right
from cloud.accounts.service import SignedIn
from cloud.problems import documented
from cloud.pulls.routes import ns_of
from cloud.review import claims, verdicts, views, worklist
from cloud.review.routes import ClaimView
from cloud.review.rules import TaskFilter
from cloud.review.tables import SavedView
from shared.contract import Count
from shared.errors import Refused
from shared.ids import BedName
from shared.review import Verdict

MOST_AT_ONCE = 100
LONGEST_CALENDAR = timedelta(days=62)
router = APIRouter(tags=["review"])
Viewer = Annotated[SignedIn, Depends(with_right(Right.see_events))]
Reader = Annotated[SignedIn, Depends(with_right(Right.give_verdicts))]
ViewName = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[\w .,()+-]+$")]


class OneVerdict(BaseModel):
    """One event of a bulk verdict; null takes one's own verdict back."""

    model_config = ConfigDict(extra="forbid")

    event_id: UUID
    verdict: Verdict | None
    expected_version: Count


class BulkRequest(BaseModel):
    """Verdicts on several events, each event once."""

    model_config = ConfigDict(extra="forbid")

    items: list[OneVerdict] = Field(min_length=1, max_length=MOST_AT_ONCE)
    suggestion_shown: bool = Field(description="whether classifications were on the screen")


class OneOutcome(BaseModel):
    """What became of one: kept, or passed over because the version was stale."""

    event_id: UUID
    kept: bool
    version: int = Field(description="the version that stands now")
    label: Verdict | None


class BulkAnswer(BaseModel):
    """In the order asked; nothing else was changed."""

    items: list[OneOutcome]


class NightView(BaseModel):
    """One night, from noon to noon, by the date on which it began."""

    began: date
    total: int
    open: int


class Nights(BaseModel):
    """The nights in which something happened, in order."""

    time_zone: str
    items: list[NightView]


class ViewFilters(BaseModel):
    """A filter of the worklist."""

    model_config = ConfigDict(extra="forbid")

    state: TaskFilter = TaskFilter.open
    bed: BedName | None = None
    motor_type: str | None = Field(default=None, max_length=64, pattern="^[a-z_]+$")


class ViewItem(BaseModel):
    """One saved view."""

    name: str
    filters: ViewFilters


class ViewList(BaseModel):
    """A person's own views."""

    items: list[ViewItem]


@router.put("/events/{event_id}/claim", responses=documented(401, 403, 404, 409, 422))
async def claim(event_id: UUID, reader: Reader, request: Request) -> ClaimView:
    """Takes an event for three minutes or renews one's lease; 409 while somebody else's lasts."""
    now_ns = request.app.state.parts.clock.utc_ns()
    return ClaimView.of(await claims.take(reader.principal, event_id, now_ns), reader, now_ns)


@router.delete("/events/{event_id}/claim", status_code=204, responses=documented(401, 403, 404, 422))
async def release_claim(event_id: UUID, reader: Reader) -> None:
    """Gives the event back."""
    await claims.release(reader.principal, event_id)


@router.post("/worklist/verdicts", responses=documented(400, 401, 403, 404, 413, 422))
async def give_verdicts(asked: BulkRequest, reader: Reader, request: Request) -> BulkAnswer:
    """Keeps verdicts on up to 100 events; stale ones are passed over and told. The same call with null undoes it."""
    if len({item.event_id for item in asked.items}) < len(asked.items):
        raise Refused("items: each event may be named once.")
    wishes = [
        verdicts.Wish(item.event_id, item.verdict, item.expected_version, asked.suggestion_shown)
        for item in asked.items
    ]
    given = await verdicts.give_verdicts(reader.principal, wishes, request.app.state.parts.clock.utc_ns())
    items = [
        OneOutcome(event_id=one.event_id, kept=one.version is not None, version=one.current, label=one.label)
        for one in given
    ]
    return BulkAnswer(items=items)


@router.get("/worklist/nights", responses=documented(401, 404, 422))
async def nights(
    viewer: Viewer,
    since: Annotated[AwareDatetime, Query()],
    until: Annotated[AwareDatetime, Query(description="at most 62 days later")],
    time_zone: Annotated[str, Query(max_length=64, description="of the unit, such as Europe/Lisbon")] = "UTC",
    bed: Annotated[BedName | None, Query()] = None,
) -> Nights:
    """How many events began in each night, noon to noon, and how many of them wait for a verdict."""
    try:
        zone = ZoneInfo(time_zone).key
    except (ValueError, KeyError, OSError) as error:
        raise Refused("time_zone: it is not known; give one such as Europe/Lisbon.") from error
    if not timedelta(0) < until - since <= LONGEST_CALENDAR:
        raise Refused(f"until: the span must be from 1 s to {LONGEST_CALENDAR.days} days long.")
    found = await worklist.nights(viewer.principal, (ns_of(since), ns_of(until)), zone, bed)
    return Nights(time_zone=zone, items=[NightView(began=one.began, total=one.total, open=one.open) for one in found])


def _view(row: SavedView) -> ViewItem:
    return ViewItem(name=row.name, filters=ViewFilters.model_validate(row.filters))


@router.get("/views", responses=documented(401, 404))
async def saved_views(viewer: Viewer) -> ViewList:
    """One's own saved views of the worklist."""
    return ViewList(items=[_view(row) for row in await views.of(viewer.principal)])


@router.put("/views/{name}", responses=documented(400, 401, 403, 404, 413, 422))
async def save_view(name: ViewName, asked: ViewFilters, viewer: Viewer, request: Request) -> ViewItem:
    """Saves a view, in the place of one of the same name; at most 20 a person."""
    now_ns = request.app.state.parts.clock.utc_ns()
    return _view(await views.save(viewer.principal, name, asked.model_dump(mode="json"), now_ns))


@router.delete("/views/{name}", status_code=204, responses=documented(401, 403, 404, 422))
async def remove_view(name: ViewName, viewer: Viewer) -> None:
    """Forgets a view."""
    await views.remove(viewer.principal, name)
