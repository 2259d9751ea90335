"""The installer obeys signed orders for its own bed; whatever is wrong is refused by name, and nothing is half-installed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.database import open_database
from edge_agent.releases.installing import ARRIVING, RELEASES, Bed, Installer, folder_of, self_test
from edge_agent.releases.state import Standing, at_start, keep_standing, load_standing, release_alarms, to_run
from shared.detector_session import open_release
from shared.errors import Refused, Transient
from shared.golden_preview import prove
from shared.heartbeat import ReleaseStage
from shared.release import ReleaseCard, verify_release
from shared.release_order import ReleaseOrder, canonical, card_digest, key_id, sign_card, sign_order
from tests.edge_agent.detection.networks import STATE, brightness_network, make_card
from tests.edge_agent.ring_files import make_folder

KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
KEYS = {key_id(KEY.public_key()): KEY.public_key()}


class House:
    """A bed's folder and a cloud that hands out one release."""

    def __init__(self, folder: Path) -> None:
        self.folder = make_folder(folder)
        self.connection: sqlite3.Connection = open_database(self.folder)
        self.content = brightness_network()
        self.card = sign_card(make_card("bright-2", self.content), KEY)
        self.away = False
        self.fetched: list[str] = []
        self.tested: list[str] = []
        bed = Bed("north", "bed-4", self.folder, self.folder / "shipped")
        self.installer = Installer(bed, self.connection, KEYS, self.fetch, self.test)

    def fetch(self, path: str, _limit: int) -> bytes:
        if self.away:
            raise Transient("The cloud cannot be reached.")
        self.fetched.append(path)
        return canonical(self.card) if path.endswith("/card") else self.content

    def test(self, folder: Path, name: str) -> None:
        self.tested.append(name)
        self_test(folder, name)

    def order(self, number: int = 1, **changes: Any) -> ReleaseOrder:
        fields: dict[str, Any] = {
            "site": "north", "bed": "bed-4", "number": number, "release": self.card.name,
            "card_sha256": card_digest(self.card), "issued_utc_ns": 5,
        }  # fmt: skip
        return sign_order(ReleaseOrder(**{**fields, **changes}), KEY)

    def give(self, content: bytes, **changes: Any) -> None:
        self.content = content
        self.card = sign_card(make_card("bright-2", content, **changes), KEY)

    @property
    def installed(self) -> list[str]:
        home = self.folder / RELEASES
        return sorted(path.name for path in home.iterdir()) if home.exists() else []


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "bed")
    with closing(made.connection):
        yield made


def test_a_signed_order_brings_a_tried_release_once(house: House) -> None:
    found = house.installer.obey(house.order())
    assert found == Standing(1, "bright-2", "", ReleaseStage.ready)
    assert house.installed == ["bright-2.card.json", "bright-2.onnx"]
    assert verify_release(house.folder / RELEASES, "bright-2").exists()
    assert folder_of("bright-2", house.folder, house.folder / "shipped") == house.folder / RELEASES
    assert house.installer.obey(house.order()) is None
    assert (house.tested, to_run(load_standing(house.connection), "detector-v0")) == (["bright-2"], "detector-v0")


def test_orders_that_are_unsigned_foreign_changed_or_older_are_not_obeyed_and_leave_nothing(house: House) -> None:
    order = house.order(7)
    for wrong, said in (
        (order.model_copy(update={"signature": None}), "Release bright-2: its order is not signed"),
        (sign_order(order.model_copy(update={"signature": None}), OTHER), "not trusted here"),
        (order.model_copy(update={"number": 9}), "its order was changed"),
        (house.order(7, bed="bed-5"), "its order is for bed north.bed-5"),
    ):
        with pytest.raises(Refused, match=said):
            house.installer.obey(wrong)
    assert (load_standing(house.connection), house.fetched, house.installed) == (None, [], [])
    house.installer.obey(order)
    assert house.installer.obey(house.order(6)) is None


@pytest.mark.parametrize(
    "case", ["unsigned", "other key", "other card", "bytes", "state", "external", "no trigger", "golden"]
)
def test_a_bad_release_is_refused_by_name_and_nothing_is_half_installed(house: House, case: str) -> None:
    good, said = house.card, "Release bright-2"
    if case == "unsigned":
        house.card, said = good.model_copy(update={"signature": None}), "its card is not signed"
    elif case == "other key":
        house.card, said = sign_card(good, OTHER), "not trusted here"
    elif case == "other card":
        order, said = house.order(card_sha256="0" * 64), "not the one that the order names"
    elif case == "bytes":
        house.content, said = house.content[:-1] + b"x", "other bytes than its card says"
    elif case == "state":
        house.give(brightness_network(STATE + 1))
        said = "the input state must be float32"
    elif case == "external":
        house.give(brightness_network(external=True))
        said = "keeps weights in another file"
    elif case == "no trigger":
        house.give(house.content, trigger=None)
        said = "no detector with a trigger"
    elif case == "golden":
        house.give(house.content, golden=(0.5,) * 3)
        said = "not those of its card"
    found = house.installer.obey(order if case == "other card" else house.order())
    assert found is not None
    assert found.stage is ReleaseStage.refused
    assert said in found.sentence
    assert "bright-2" in found.sentence
    assert house.installed == []
    assert release_alarms(house.connection) == [f"A release was refused: {found.sentence}"]
    assert to_run(found, "detector-v0") == "detector-v0"


def test_a_cloud_that_is_away_puts_it_off_as_often_as_it_likes(house: House) -> None:
    house.away = True
    for _ in range(5):
        with pytest.raises(Transient):
            house.installer.obey(house.order())
    house.away = False
    found = house.installer.obey(house.order())
    assert found is not None
    assert found.stage is ReleaseStage.ready


def test_a_self_test_that_ends_the_installer_twice_is_a_refusal(house: House) -> None:
    order = house.order()

    def dies(_folder: Path, _name: str) -> None:
        raise KeyboardInterrupt  # stands for the end of the process: no line after it runs but those of the kernel

    bed = Bed("north", "bed-4", house.folder, house.folder)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            Installer(bed, house.connection, KEYS, house.fetch, dies).obey(order)
    found = Installer(bed, house.connection, KEYS, house.fetch, dies).obey(order)
    assert found is not None
    assert (found.stage, "ended the installer 2 times" in found.sentence) == (ReleaseStage.refused, True)
    assert not (house.folder / RELEASES / ARRIVING).exists()


def test_a_detector_that_ends_twice_in_a_trial_starts_with_what_ran_before(house: House) -> None:
    keep_standing(house.connection, Standing(2, "new", "old", ReleaseStage.trial))
    assert to_run(at_start(house.connection), "detector-v0") == "new"
    second = at_start(house.connection)
    assert to_run(second, "detector-v0") == "old"
    assert second is not None
    assert (second.stage, second.sentence) == (
        ReleaseStage.fell_back,
        "Release new: the detector ended twice in its trial.",
    )
    assert to_run(at_start(house.connection), "detector-v0") == "old"


def test_a_release_that_is_slow_or_gives_no_number_does_not_pass_the_golden_preview() -> None:
    card: ReleaseCard = make_card("bright-2", b"")

    def step(feeds: dict[str, Any], value: float = 0.5) -> dict[str, Any]:
        return {"score": np.array([value]), "motor_types": np.array([[0.0, 1.0]]), "next_state": feeds["state"]}

    assert prove(card, step, iter(range(0, 10**9, 1_000)).__next__)
    with pytest.raises(Refused, match="one step takes 61 ms of a core; a bed gives it 60 ms"):
        prove(card, step, iter(range(0, 10**12, 61_000_000)).__next__)
    with pytest.raises(Refused, match="steps gave no number"):
        prove(card, lambda feeds: step(feeds, float("nan")))


def test_the_shipped_detector_proves_itself_twice_with_the_same_scores() -> None:
    opened = open_release(Path(__file__).parents[3] / "models" / "releases", "detector-v0")
    assert prove(*opened) == prove(*opened)
