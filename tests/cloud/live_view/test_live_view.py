"""A view from the offer to the end: who may, what the bed is told and tells, what time ends, and what is written down."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import UUID

import httpx
import pytest

from cloud.accounts.administration import end_sessions
from cloud.audit.tables import AuditEntry
from cloud.database import DatabaseAddress, in_transaction
from cloud.devices.service import ensure_bed, note_state
from cloud.devices.tables import BedConnection
from cloud.ingest.rules import Incoming
from cloud.ingest.service import Taker
from cloud.live_view.passing import LivePasser
from cloud.live_view.rules import BED_GONE_NS, OPEN_LIMIT, PAGE_GONE_NS
from cloud.live_view.tables import LiveView
from shared.clock import NS_PER_S
from shared.contract import Contract
from shared.envelope import seal, unseal
from shared.heartbeat import BedState
from shared.live_view import LiveHangup, LiveOffer, ViewCause, ViewPhase, ViewReport
from shared.topics import Address, Topic, parse_topic
from tests.cloud.people_house import House

VIEW = Address("north", "bed-1", Topic.view)
PATH = "/api/v1/beds/north/bed-1/live"
ASKED = {"stream": "ir", "sdp": "v=0\r\n"}


class Bed:
    """A link to the broker with the bed at its end: it answers each offer with its next report."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.connected = True
        self.heard: list[Contract] = []
        self.reports: list[dict[str, Any]] = []

    def publish(self, topic: str, payload: bytes, *, qos: int) -> bool:
        address = parse_topic(topic)
        kind: type[Contract] = LiveOffer if address.topic is Topic.offer else LiveHangup
        self.heard.append(unseal(address, payload, kind)[1])
        return True

    @property
    def offers(self) -> list[LiveOffer]:
        return [each for each in self.heard if isinstance(each, LiveOffer)]

    @property
    def hangups(self) -> list[UUID]:
        return [each.view_id for each in self.heard if isinstance(each, LiveHangup)]


async def tell(view_id: UUID, phase: ViewPhase, cause: ViewCause | None = None, *, origin: Address = VIEW) -> None:
    sdp = "v=0 answer" if phase is ViewPhase.answered else ""
    sentence = "said by the bed" if cause else ""
    report = ViewReport(view_id=view_id, phase=phase, cause=cause, sentence=sentence, sdp=sdp, at_utc_ns=1)
    await Taker(600).take(Incoming(origin.text, seal(origin, report, time.time_ns())))


async def connect(online: bool = True, session: int = 1) -> None:
    async with in_transaction() as connection:
        await ensure_bed(connection, "north", "bed-1")
        await note_state(connection, "north", "bed-1", BedState(online=online, session=session, version="1"))


@pytest.fixture
async def bed(house: House) -> Bed:
    house.clock.now_ns = time.time_ns()
    await connect()
    return Bed(house)


async def turn(bed: Bed, later_ns: int = 0) -> None:
    """One round of the ingester, at the house's time or later."""
    await LivePasser(bed, DatabaseAddress("nowhere", 1, "", "", "")).turn(bed.house.clock.now_ns + later_ns)


async def ask(client: httpx.AsyncClient, bed: Bed, *reports: tuple[ViewPhase, ViewCause | None]) -> httpx.Response:
    """Asks, while the bed hears the offer and says these reports."""
    asking = asyncio.create_task(client.post(PATH, json=ASKED))
    known = len(bed.offers)
    while len(bed.offers) == known and not asking.done():
        await turn(bed)
        await asyncio.sleep(0.01)
    for phase, cause in reports:
        await tell(bed.offers[-1].view_id, phase, cause)
    return await asking


async def join(client: httpx.AsyncClient, bed: Bed) -> str:
    answer = await ask(client, bed, (ViewPhase.answered, None), (ViewPhase.joined, None))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["view_id"])


async def deeds() -> list[tuple[str, str, dict[str, Any]]]:
    rows = await AuditEntry.filter(deed__startswith="live_").order_by("number")
    return [(row.who, row.deed, dict(row.details)) for row in rows]


async def test_the_bed_gets_the_offer_and_the_browser_the_answer_and_both_ends_are_written_down(
    house: House, bed: Bed
) -> None:
    client = await house.person("a.clinician")
    answer = await ask(client, bed, (ViewPhase.answered, None))
    found = answer.json()
    assert (found["state"], found["sdp"], found["cause"]) == ("answered", "v=0 answer", None)
    (offer,) = bed.offers
    assert (offer.viewer, offer.stream.value, offer.sdp) == ("a.clinician", "ir", ASKED["sdp"])
    assert str(offer.view_id) == found["view_id"]
    await tell(offer.view_id, ViewPhase.joined)
    view = (await client.get(f"/api/v1/live/{found['view_id']}")).json()
    assert view["state"] == "joined"
    assert [each["viewer"] for each in view["viewers"]] == ["a.clinician"]
    for _ in range(2):
        assert (await client.delete(f"/api/v1/live/{found['view_id']}")).status_code == 204
    await turn(bed)
    await turn(bed)
    assert bed.hangups == [offer.view_id]
    await tell(offer.view_id, ViewPhase.ended, ViewCause.hung_up)
    (joined, ended) = await deeds()
    assert joined == ("a.clinician", "live_joined", {"bed": "bed-1", "stream": "ir"})
    assert ended[:2] == ("a.clinician", "live_ended")
    assert ended[2]["cause"] == "left"
    assert isinstance(ended[2]["seconds"], int)


async def test_a_refusal_of_the_bed_reaches_the_browser_with_its_cause(house: House, bed: Bed) -> None:
    client = await house.person("a.clinician")
    found = (await ask(client, bed, (ViewPhase.refused, ViewCause.privacy))).json()
    assert (found["state"], found["cause"], found["sentence"]) == ("refused", "privacy", "said by the bed")
    assert [deed for _, deed, _ in await deeds()] == ["live_refused"]


async def test_a_bed_that_ends_all_views_is_believed_and_a_late_word_of_another_bed_is_not(
    house: House, bed: Bed
) -> None:
    client = await house.person("a.clinician")
    view_id = await join(client, bed)
    await tell(UUID(view_id), ViewPhase.ended, ViewCause.privacy, origin=Address("north", "bed-2", Topic.view))
    assert (await client.get(f"/api/v1/live/{view_id}")).json()["state"] == "joined"
    await tell(UUID(view_id), ViewPhase.ended, ViewCause.privacy)
    view = (await client.get(f"/api/v1/live/{view_id}")).json()
    assert (view["state"], view["cause"]) == ("ended", "privacy")


async def test_a_session_that_is_taken_back_ends_the_view_at_the_next_turn(house: House, bed: Bed) -> None:
    client = await house.person("a.clinician")
    view_id = await join(client, bed)
    await turn(bed)
    assert bed.hangups == []
    await end_sessions("a.clinician")
    await turn(bed)
    assert bed.hangups == [UUID(view_id)]
    assert [deed for _, deed, _ in await deeds()] == ["live_joined", "live_ended"]


async def test_an_offline_bed_is_said_to_be_gone_at_once(house: House, bed: Bed) -> None:
    await connect(online=False, session=2)
    client = await house.person("a.clinician")
    found = (await client.post(PATH, json=ASKED)).json()
    assert (found["state"], found["cause"], found["sentence"]) == ("refused", "bed_gone", "The bed is offline.")


async def test_an_offer_goes_again_until_it_is_answered_and_a_late_answer_is_hung_up_on(house: House, bed: Bed) -> None:
    client = await house.person("a.clinician")
    asking = asyncio.create_task(client.post(PATH, json=ASKED))
    while not await LiveView.exists():
        await asyncio.sleep(0.01)
    for seconds in (0, 1, 2, 3, 4):
        await turn(bed, seconds * NS_PER_S)
    assert len(bed.offers) == 3
    assert len({offer.view_id for offer in bed.offers}) == 1
    await turn(bed, 12 * NS_PER_S)
    found = (await asking).json()
    assert (found["state"], found["cause"]) == ("refused", "bed_gone")
    await tell(UUID(found["view_id"]), ViewPhase.answered)
    await turn(bed)
    assert bed.hangups[-1] == UUID(found["view_id"])


@pytest.mark.parametrize(
    ("away", "after_ns", "cause"),
    [("page", PAGE_GONE_NS, "hung_up"), ("bed", BED_GONE_NS, "bed_gone")],
)
async def test_a_view_whose_page_or_bed_is_gone_is_ended(
    house: House, bed: Bed, away: str, after_ns: int, cause: str
) -> None:
    client = await house.person("a.clinician")
    view_id = await join(client, bed)
    if away == "bed":
        await connect(online=False, session=2)
        await BedConnection.all().update(changed_at_ns=house.clock.now_ns)
    await turn(bed, after_ns - NS_PER_S)
    assert (await LiveView.get(view_id=view_id)).state == "joined"
    await turn(bed, after_ns + NS_PER_S)
    row = await LiveView.get(view_id=view_id)
    assert (row.state, row.cause) == ("ended", cause)
    assert UUID(view_id) in bed.hangups


async def test_who_has_no_right_or_another_site_gets_the_answer_of_absence(house: House, bed: Bed) -> None:
    clinician = await house.person("a.clinician")
    view_id = await join(clinician, bed)
    foreign = await house.person("f.clinician", "clinician", "south")
    operator = await house.person("o.ops", "ops")
    other = await house.person("b.clinician")
    for client in (foreign, operator):
        assert (await client.get(PATH)).status_code == 404
        assert (await client.post(PATH, json=ASKED)).status_code == 404
    for client in (foreign, operator, other):
        assert (await client.get(f"/api/v1/live/{view_id}")).status_code == 404
        assert (await client.delete(f"/api/v1/live/{view_id}")).status_code == 404
    standing = (await other.get(PATH)).json()
    assert [each["viewer"] for each in standing["viewers"]] == ["a.clinician"]
    assert standing["ice_servers"] == []


async def test_one_person_opens_so_many_views_and_no_more(house: House, bed: Bed) -> None:
    client = await house.person("a.clinician")
    for _ in range(OPEN_LIMIT):
        await join(client, bed)
    assert (await client.post(PATH, json=ASKED)).status_code == 409


@pytest.mark.parametrize("wrong", [{"stream": "preview"}, {"sdp": ""}, {"sdp": "x" * 12_001}, {"more": 1}])
async def test_a_wrong_offer_is_refused_before_the_bed_hears_of_it(
    house: House, bed: Bed, wrong: dict[str, object]
) -> None:
    client = await house.person("a.clinician")
    assert (await client.post(PATH, json={**ASKED, **wrong})).status_code == 422
    assert not await LiveView.exists()
