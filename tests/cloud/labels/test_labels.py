"""Labels: each version is kept, the newest holds, and nothing of another site is read."""

from __future__ import annotations

from uuid import UUID

import pytest

from cloud.database import in_transaction
from cloud.labels import queries, service
from cloud.labels.tables import Label
from cloud.principal import Principal
from cloud.review.rules import Agreed
from shared.ids import uuid7
from shared.review import Verdict

SYSTEM = Principal.system("test")
EVENT = uuid7(1)
pytestmark = pytest.mark.usefixtures("database")


async def keep(
    event_id: UUID, verdict: Verdict, readers: int = 1, site: str = "north", *, suggested: bool = False
) -> bool:
    async with in_transaction() as connection:
        return await service.keep(connection, SYSTEM, site, event_id, Agreed(verdict, readers, suggested), 5)


async def test_a_label_that_says_the_same_is_no_new_version() -> None:
    said = [await keep(EVENT, *what) for what in ((Verdict.unsure,), (Verdict.unsure,), (Verdict.unsure, 2))]
    assert said == [True, False, True]
    assert await Label.filter(event_id=EVENT).order_by("version").values_list("version", "readers") == [(1, 1), (2, 2)]


async def test_a_label_says_whether_a_suggestion_was_on_the_screen_of_one_of_its_readers() -> None:
    assert [await keep(EVENT, Verdict.confirmed, suggested=seen) for seen in (False, False, True)] == [
        True,
        False,
        True,
    ]
    rows = Label.filter(event_id=EVENT).order_by("version")
    assert await rows.values_list("version", "suggestion_shown") == [(1, False), (2, True)]


async def test_the_newest_version_holds() -> None:
    assert await queries.newest(SYSTEM, [EVENT]) == {}
    await keep(EVENT, Verdict.confirmed)
    await keep(EVENT, Verdict.rejected)
    assert (await queries.newest(SYSTEM, [EVENT]))[EVENT].verdict == "rejected"


async def test_a_principal_reads_the_labels_of_its_own_sites_alone() -> None:
    other = uuid7(2)
    await keep(EVENT, Verdict.confirmed)
    await keep(other, Verdict.confirmed, site="south")
    north = Principal("ana", "person", frozenset({"clinician"}), frozenset({"north"}))
    assert set(await queries.newest(north, [EVENT, other])) == {EVENT}
