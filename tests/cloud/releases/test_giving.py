"""Releases through the real application: checked, signed, given to chosen beds by signed orders, rolled back; refusals by name."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import cloud.devices.queries
from cloud.app import create_people_app
from cloud.clips.routes import PEER_NAME, create_bed_app
from cloud.clips.service import ClipParts
from cloud.devices.limits import BedLimits
from cloud.principal import Principal
from cloud.releases.bed_routes import router as bed_router
from cloud.settings import BedsSection
from shared.command import DesiredState
from shared.contract import read_contract
from shared.release import ReleaseCard
from shared.release_order import card_digest, key_id, must_be_signed
from tests.cloud.people_house import House
from tests.edge_agent.detection.networks import brightness_network, make_card

KEY = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
KEYS = {key_id(KEY.public_key()): KEY.public_key()}
SYSTEM = Principal.system("test")
CONTENT = brightness_network()


@pytest.fixture
async def signing(house: House) -> House:
    """The house with a key that signs releases, and two beds in the north."""
    house.app = create_people_app(replace(house.parts, release_key=KEY))
    for bed in ("bed-1", "bed-2"):
        await house.bed("north", bed)
    await house.bed("south", "bed-9")
    return house


async def upload(
    client: httpx.AsyncClient, name: str = "bright-1", content: bytes = CONTENT, **changes: Any
) -> httpx.Response:
    card = json.loads(make_card(name, content, **changes).model_dump_json(exclude_none=True))
    body = {"card": card, "file_base64": base64.b64encode(content).decode()}
    return await client.post("/api/v1/releases", json=body)


def places(*beds: str, site: str = "north") -> dict[str, Any]:
    return {"beds": [{"site": site, "bed": bed} for bed in beds]}


async def wish(bed: str = "bed-1") -> DesiredState:
    found = await cloud.devices.queries.desired(SYSTEM, "north", bed)
    assert found is not None
    return found


async def test_a_release_goes_from_upload_to_chosen_beds_and_back(signing: House) -> None:
    sam, ops = await signing.person("sam", "scientist"), await signing.person("olga", "ops")
    for name in ("bright-1", "bright-2"):
        assert (await upload(sam, name)).status_code == 201
        assert (await ops.put(f"/api/v1/releases/{name}/candidate", json={"candidate": True})).status_code == 200
        assert (await ops.post(f"/api/v1/releases/{name}/champion", json=places("bed-1"))).status_code == 204
    wanted = await wish()
    assert (wanted.release, wanted.order.number if wanted.order else 0) == ("bright-2", 2)
    assert wanted.order is not None
    must_be_signed(wanted.order, KEYS)
    assert await cloud.devices.queries.desired(SYSTEM, "north", "bed-2") is None
    assert (await ops.post("/api/v1/releases/rollback", json=places("bed-1"))).status_code == 204
    back = (await wish()).order
    assert back is not None
    assert (back.release, back.number) == ("bright-1", 3)
    shown = (await sam.get("/api/v1/releases")).json()
    assert [(one["bed"], one["release"], one["number"], one["deed"]) for one in shown["beds"]] == [("bed-1", "bright-1", 3, "rollback")]  # fmt: skip
    assert {one["name"] for one in shown["items"]} == {"bright-1", "bright-2"}
    deeds = [deed for _, deed, _ in await signing.deeds("north")]
    assert deeds.count("release_given") == deeds.count("desired_changed") == 3


async def test_an_order_stays_when_something_else_is_wished_of_the_bed(signing: House) -> None:
    admin = await signing.person("ada", "admin")
    await upload(admin)
    await admin.put("/api/v1/releases/bright-1/candidate", json={"candidate": True})
    await admin.post("/api/v1/releases/bright-1/champion", json=places("bed-1"))
    before = await wish()
    await admin.put("/api/v1/beds/north/bed-1/pause", json={"paused": True})
    after = await wish()
    assert (after.paused, after.order, after.version > before.version) == (True, before.order, True)


@pytest.mark.parametrize(
    ("changes", "content", "said"),
    [
        ({"sha256": "0" * 64}, CONTENT, "its card says 000000000000"),
        ({"trigger": None}, CONTENT, "the card has no trigger"),
        ({"intended_use": "diagnosis"}, CONTENT, "research only"),
        ({}, brightness_network(external=True), "keeps weights in another file"),
        ({}, b"junk", "is no ONNX"),
    ],
)
async def test_a_card_that_lies_or_a_file_that_no_bed_takes_is_refused(
    signing: House, changes: dict[str, Any], content: bytes, said: str
) -> None:
    sam = await signing.person("sam", "scientist")
    card = json.loads(make_card("bright-1", content).model_dump_json(exclude_none=True)) | changes
    card = {key: value for key, value in card.items() if value is not None}
    body = {"card": card, "file_base64": base64.b64encode(content).decode()}
    answer = await sam.post("/api/v1/releases", json=body)
    assert answer.status_code == 422
    assert said in answer.text
    assert (await sam.get("/api/v1/releases")).json()["items"] == []


async def test_what_may_not_be_given_is_not_given(signing: House) -> None:
    sam, ops = await signing.person("sam", "scientist"), await signing.person("olga", "ops")
    await upload(sam)
    assert (await upload(sam, content=brightness_network(5))).status_code in {409, 422}
    kept = await ops.post("/api/v1/releases/bright-1/champion", json=places("bed-1"))
    assert "is no candidate" in kept.text
    await ops.put("/api/v1/releases/bright-1/candidate", json={"candidate": True})
    for body in (places("bed-1", "bed-7"), places("bed-9", site="south")):
        assert (await ops.post("/api/v1/releases/bright-1/champion", json=body)).status_code == 404
    assert (await ops.post("/api/v1/releases/absent/champion", json=places("bed-1"))).status_code == 404
    assert (await sam.post("/api/v1/releases/bright-1/champion", json=places("bed-1"))).status_code == 404
    assert await cloud.devices.queries.desired(SYSTEM, "north", "bed-1") is None
    await ops.post("/api/v1/releases/bright-1/champion", json=places("bed-1"))
    nothing = await ops.post("/api/v1/releases/rollback", json=places("bed-1"))
    assert "never ordered to run another release" in nothing.text


async def test_without_a_key_nothing_is_uploaded_or_given(house: House) -> None:
    ada = await house.person("ada", "admin")
    answer = await upload(ada)
    assert (answer.status_code, "no key that signs releases" in answer.text) == (409, True)
    assert (await ada.get("/api/v1/releases")).json()["may_sign"] is False


async def test_a_bed_fetches_the_signed_card_and_file_of_what_it_was_given_and_nothing_else(signing: House) -> None:
    ada = await signing.person("ada", "admin")
    await upload(ada)
    await ada.put("/api/v1/releases/bright-1/candidate", json={"candidate": True})
    await ada.post("/api/v1/releases/bright-1/champion", json=places("bed-1"))
    async with bed_client(signing, "north.bed-1") as mine, bed_client(signing, "north.bed-2") as other:
        raw = (await mine.get("/bed/v1/releases/bright-1/card")).content
        card = read_contract(ReleaseCard, raw)
        must_be_signed(card, KEYS)
        order = (await wish()).order
        assert order is not None
        assert card_digest(card) == order.card_sha256
        assert (await mine.get("/bed/v1/releases/bright-1/file")).content == CONTENT
        for what in ("card", "file"):
            assert (await other.get(f"/bed/v1/releases/bright-1/{what}")).status_code == 404
            assert (await mine.get(f"/bed/v1/releases/absent/{what}")).status_code == 404


def bed_client(house: House, name: str) -> httpx.AsyncClient:
    """A bed's client: what the listener would find in its certificate stands in the scope."""

    async def verdict(_: Any) -> None:
        return None

    section = BedsSection.model_construct(requests_per_s=1_000.0, bytes_per_s=0, chunks_at_once=4, open_clips=10)
    parts = ClipParts.of(house.objects, lambda _: "always", verdict, 10)  # type: ignore[arg-type, return-value]
    app = create_bed_app(parts, BedLimits(section, lambda: 0))
    app.include_router(bed_router)

    async def named(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "state": {PEER_NAME: name}}, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(named), base_url="https://beds.test")
