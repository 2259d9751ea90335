"""Brings an ordered release to this bed: signature, card, bytes and a self-test, each before the next; nothing half-installed.

In: a signed order, the trusted keys, a way to fetch. Out: a standing that the detector and the heartbeat read. The process that
runs it may end at any line: the next try begins anew, and a test that ended it twice is a refusal.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.releases.state import MOST_STARTS, Standing, keep_standing, load_standing
from shared.contract import read_contract
from shared.errors import DeepEpilError, Refused, Transient
from shared.heartbeat import ReleaseStage
from shared.release import CARD_LIMIT_BYTES, FILE_LIMIT_BYTES, ReleaseCard, card_path, save_card, verify_release
from shared.release_order import Keys, ReleaseOrder, card_digest, must_be_signed

RELEASES, ARRIVING = "releases", "arriving"
Fetch = Callable[[str, int], bytes]
"""A path under the cloud's `/bed/v1/releases/` and the most bytes that may come. Raises Transient, Refused."""
Test = Callable[[Path, str], None]
"""Runs the self-test of a release in a folder. Raises Refused with the reason."""


@dataclass(frozen=True, slots=True)
class Bed:
    """Who is meant by an order, where releases come to lie, and which lie on the box already."""

    site: str
    bed: str
    folder: Path
    shipped: Path


class Installer:
    """Use from one thread with a database connection of its own."""

    def __init__(self, bed: Bed, connection: sqlite3.Connection, keys: Keys, fetch: Fetch, test: Test) -> None:
        self._bed, self._connection = bed, connection
        self._keys, self._fetch, self._test = keys, fetch, test

    def obey(self, order: ReleaseOrder) -> Standing | None:
        """Obeys a new order; None for one that was dealt with. Raises Refused for an order that is not signed for this bed,
        of which nothing is kept, and Transient when cloud or disk are away: the same order is to be tried again.
        """
        must_be_signed(order, self._keys)
        if (order.site, order.bed) != (self._bed.site, self._bed.bed):
            raise Refused(f"Release {order.release}: its order is for bed {order.site}.{order.bed}.")
        before = load_standing(self._connection)
        if before is not None and self._is_done(order, before):
            return None
        standing = self._begun(order, before)
        try:
            if standing.starts > MOST_STARTS:
                raise Refused(f"Release {order.release}: its self-test ended the installer {MOST_STARTS} times.")
            self._install(order)
        except Transient:
            keep_standing(self._connection, replace(standing, starts=standing.starts - 1))
            raise
        except DeepEpilError as error:
            return keep_standing(
                self._connection, replace(standing, stage=ReleaseStage.refused, sentence=error.sentence)
            )
        same = standing.wanted == standing.running
        stage = ReleaseStage.running if same else ReleaseStage.ready
        return keep_standing(self._connection, replace(standing, stage=stage, starts=0))

    def _is_done(self, order: ReleaseOrder, before: Standing) -> bool:
        return order.number < before.number or (
            order.number == before.number and before.stage is not ReleaseStage.testing
        )

    def _begun(self, order: ReleaseOrder, before: Standing | None) -> Standing:
        again = before is not None and before.number == order.number
        starts = before.starts + 1 if before is not None and again else 1
        running = before.running if before is not None else ""
        return keep_standing(
            self._connection, Standing(order.number, order.release, running, ReleaseStage.testing, starts)
        )

    def _install(self, order: ReleaseOrder) -> None:
        """Everything is checked in a folder beside; one rename each for file and card makes it installed, the card last."""
        home = self._bed.folder / RELEASES
        arriving = home / ARRIVING
        shutil.rmtree(arriving, ignore_errors=True)
        try:
            arriving.mkdir(mode=0o700, parents=True)
            card = self._card(order)
            content = self._fetch(f"{order.release}/file", FILE_LIMIT_BYTES["detector"])
            if hashlib.sha256(content).hexdigest() != card.sha256:
                raise Refused(f"Release {card.name}: its file has other bytes than its card says.")
            (arriving / card.file).write_bytes(content)
            save_card(card, card_path(arriving, card.name))
            verify_release(arriving, card.name)
            self._test(arriving, card.name)
            for path in (arriving / card.file, card_path(arriving, card.name)):
                path.replace(home / path.name)
        except OSError as error:
            raise Transient(f"Release {order.release} cannot be written to the disk: {error.strerror}.") from error
        finally:
            shutil.rmtree(arriving, ignore_errors=True)

    def _card(self, order: ReleaseOrder) -> ReleaseCard:
        raw = self._fetch(f"{order.release}/card", CARD_LIMIT_BYTES)
        card = read_contract(ReleaseCard, raw, CARD_LIMIT_BYTES)
        must_be_signed(card, self._keys)
        if card.name != order.release or card_digest(card) != order.card_sha256:
            raise Refused(f"Release {order.release}: its card is not the one that the order names.")
        if card.kind != "detector" or card.trigger is None:
            raise Refused(f"Release {order.release} is no detector with a trigger.")
        return card


def folder_of(name: str, folder: Path, shipped: Path) -> Path:
    """Where the release of this name lies: among those that were installed, else among those of the box."""
    home = folder / RELEASES
    return home if card_path(home, name).exists() else shipped


def self_test(folder: Path, name: str) -> None:
    """Opens the release, which checks its input, and proves it on the golden preview. Raises Refused."""
    from shared.detector_session import open_release  # onnxruntime is loaded when there is something to test
    from shared.golden_preview import prove

    prove(*open_release(folder, name))
