"""Over which addresses a bed is watched, and what its settings say of STUN and TURN."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

import pytest
from aiortc.rtcconfiguration import RTCIceTransportPolicy

from edge_agent.live.network import CREDENTIALS_LAST_S, addresses_within, configuration, own_addresses
from edge_agent.settings import LiveSettings
from shared.errors import Misconfigured

ADDRESSES = ["127.0.0.1", "10.20.3.4", "192.168.1.5", "::1", "fd00::7"]


@pytest.mark.parametrize(
    ("network", "expected"),
    [("10.20.0.0/16", ["10.20.3.4"]), ("fd00::/8", ["fd00::7"]), ("10.9.0.0/16", []), ("", [])],
)
def test_only_addresses_of_the_network_of_the_settings_are_told(network: str, expected: list[str]) -> None:
    assert addresses_within(network, ADDRESSES) == expected


def test_this_machine_has_a_loopback_address() -> None:
    assert "127.0.0.1" in own_addresses()


def test_without_settings_nobody_outside_is_asked_for_addresses() -> None:
    found = configuration(LiveSettings(network="10.20.0.0/16"), "north.bed-4", 0)
    assert found.iceServers == []
    assert found.iceTransportPolicy is RTCIceTransportPolicy.ALL


def test_turn_gets_a_name_and_a_password_that_expire(tmp_path: Path) -> None:
    secret = tmp_path / "turn"
    secret.write_text("north\n")
    live = LiveSettings(
        network="10.20.0.0/16", stun="stun:stun.example:3478", turn="turn:turn.example?transport=udp",
        turn_secret_file=secret, relay_only=True,
    )  # fmt: skip
    found = configuration(live, "north.bed-4", 10**18)
    assert found.iceTransportPolicy is RTCIceTransportPolicy.RELAY
    stun, turn = found.iceServers or []
    assert stun.urls == "stun:stun.example:3478"
    user = f"{10**9 + CREDENTIALS_LAST_S}:north.bed-4"
    assert turn.username == user
    assert turn.credential == base64.b64encode(hmac.new(b"north", user.encode(), hashlib.sha1).digest()).decode()
    secret.unlink()
    with pytest.raises(Misconfigured, match="turn_secret_file"):
        configuration(live, "north.bed-4", 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"network": "10.20.0.1/16"},
        {"network": "ward"},
        {"turn": "turn:x"},
        {"relay_only": True},
        {"viewers": 0},
        {"stun": "http://x"},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LiveSettings.model_validate(wrong)
