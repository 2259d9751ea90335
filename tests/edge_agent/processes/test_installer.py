"""The installer's process: a signed order in the desired state brings a release from the cloud, and the detector takes it on trial."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge_agent.bus import Publisher
from edge_agent.bus_messages import BusTopic
from edge_agent.database import open_database, transaction
from edge_agent.desired import save_desired
from edge_agent.processes import detector, installer
from edge_agent.releases.state import load_standing
from edge_agent.settings import Settings
from shared.command import DesiredState
from shared.heartbeat import ReleaseStage
from shared.release_order import ReleaseOrder, canonical, card_digest, sign_card, sign_order
from tests.edge_agent.detection.networks import brightness_network, make_card, put_release
from tests.edge_agent.processes.running import make_settings, running
from tests.waiting import wait_for

KEY = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
CONTENT = brightness_network()
CARD = sign_card(make_card("bright-2", CONTENT), KEY)


@contextmanager
def cloud() -> Iterator[int]:
    """Hands out the one release, at the port."""
    answers = {"/bed/v1/releases/bright-2/card": canonical(CARD), "/bed/v1/releases/bright-2/file": CONTENT}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.get(self.path, b"")
            self.send_response(200 if body else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()


def wish(number: int, key: Ed25519PrivateKey = KEY) -> DesiredState:
    order = ReleaseOrder(
        site="north", bed="bed-4", number=number, release="bright-2", card_sha256=card_digest(CARD), issued_utc_ns=5
    )
    return DesiredState(
        version=number, paused=False, record_unassigned=True, stay_id=None, release="bright-2", issued_utc_ns=5,
        order=sign_order(order, key),
    )  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    keys = tmp_path / "keys.pem"
    keys.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with cloud() as port:
        made = make_settings(tmp_path / "bed", cloud_port=port)
        yield made.model_copy(update={"detector": made.detector.model_copy(update={"release_keys_file": keys})})


def test_an_order_that_waited_is_obeyed_and_the_running_detector_takes_the_release_on_trial(settings: Settings) -> None:
    folder = settings.storage.folder
    put_release(settings.detector.releases_folder)
    with closing(open_database(folder)) as connection:

        def stage() -> ReleaseStage | None:
            found = load_standing(connection)
            return found.stage if found else None

        with transaction(connection):
            save_desired(connection, wish(1))
        with running(detector, settings):
            with running(installer, settings):
                wait_for(lambda: stage() in {ReleaseStage.ready, ReleaseStage.trial}, "the installed release")
            wait_for(lambda: stage() is ReleaseStage.trial, "the trial")


def test_an_order_of_a_foreign_key_on_the_bus_changes_nothing_and_the_next_good_one_is_obeyed(
    settings: Settings,
) -> None:
    folder = settings.storage.folder
    bus = Publisher(folder, "publisher")
    with closing(open_database(folder)) as connection, running(installer, settings):

        def said(state: DesiredState) -> bool:
            bus.publish(BusTopic.desired, state)
            return load_standing(connection) is not None

        for _ in range(3):
            assert not said(wish(9, Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32)))
        wait_for(lambda: said(wish(2)), "the good order")
        wait_for(
            lambda: (found := load_standing(connection)) is not None and found.stage is ReleaseStage.ready,
            "the release",
        )
        assert (found := load_standing(connection)) is not None
        assert found.number == 2
    bus.close()
