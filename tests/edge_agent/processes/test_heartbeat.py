"""What the heartbeat's process adds: the hash of the settings file, and a certificate that nothing renewed."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from edge_agent.processes.heartbeat import completed
from edge_agent.settings import load_settings
from shared.clock import NS_PER_S
from tests.authority import TestAuthority
from tests.shared.test_metrics import HEARTBEAT

DAY_NS = 86_400 * NS_PER_S
TEXT = """
[bed]
site = "north"
bed = "bed-1"
[storage]
folder = "ring"
max_bytes = 1000000000
[source]
kind = "simulator"
[detector]
releases_folder = "releases"
release = "detector-v0"
[mqtt]
host = "127.0.0.1"
ca_file = "ca.crt"
certificate_file = "north.bed-1.crt"
key_file = "north.bed-1.key"
[cloud]
url = "https://127.0.0.1:8401"
"""


def test_it_tells_the_settings_hash_and_alarms_before_the_certificate_ends(tmp_path: Path) -> None:
    TestAuthority(tmp_path).issue("north.bed-1")
    (tmp_path / "edge.toml").write_text(TEXT)
    settings = load_settings(tmp_path / "edge.toml")
    now_ns = time.time_ns()
    well = completed(HEARTBEAT, settings, now_ns)
    assert well.config == hashlib.sha256(TEXT.encode()).hexdigest()
    assert well.alarms == HEARTBEAT.alarms
    late = completed(HEARTBEAT, settings, now_ns + 720 * DAY_NS)
    (alarm,) = late.alarms[len(HEARTBEAT.alarms) :]
    assert alarm.startswith("The certificate ")
    assert " ends in " in alarm


def test_settings_that_come_from_no_file_have_no_hash(tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text(TEXT)
    settings = load_settings(tmp_path / "edge.toml")
    plain = type(settings).model_validate(settings.model_dump(by_alias=True))
    assert (
        "config"
        not in completed(
            HEARTBEAT, plain.model_copy(update={"mqtt": plain.mqtt.model_copy(update={"certificate_file": None})}), 0
        ).model_dump()
    )
