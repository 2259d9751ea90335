"""A demonstration finds its data again, takes free ports, and binds each bed to its own topics."""

from __future__ import annotations

import socket
import tomllib
from pathlib import Path

import pytest

from cloud.demo.broker import access_list
from cloud.demo.configs import Certificates, bed_file, cloud_file, releases_folder
from cloud.demo.layout import DEMO_BEDS, Ports, demo_folder, free_port
from cloud.demo.run import run_demo
from cloud.settings import load_settings as load_cloud_settings
from shared.errors import Misconfigured

FILES = Certificates(Path("/c.crt"), Path("/c.key"), Path("/ca.crt"))
PORTS = Ports(8400, 8401, 8402)


def test_the_same_checkout_finds_the_same_folder_and_another_finds_another(tmp_path: Path) -> None:
    assert demo_folder(tmp_path) == demo_folder(tmp_path)
    assert demo_folder(tmp_path) != demo_folder(tmp_path / "other")


def test_a_port_in_use_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) != port


def test_a_bed_may_write_its_own_topics_and_nothing_of_another_bed() -> None:
    rules = access_list(["porto.bed-1", "porto.bed-2"], "cloud").split("user porto.bed-1\n")[1].split("user ")[0]
    assert "topic write deepepil/v1/porto/bed-1/event" in rules
    assert "topic read deepepil/v1/porto/bed-1/receipt" in rules
    assert "bed-2" not in rules
    assert "+" not in rules


def test_the_files_it_writes_are_valid_settings(tmp_path: Path) -> None:
    (tmp_path / "cloud.toml").write_text(cloud_file(tmp_path, PORTS, FILES, FILES))
    assert load_cloud_settings(tmp_path / "cloud.toml").people.port == 8400
    text = bed_file(tmp_path, DEMO_BEDS[0], PORTS, FILES, "simulator", releases_folder())
    assert tomllib.loads(text)["source"]["plan"] == "demo"


def test_a_recording_that_is_not_there_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"there is no file .*night\.mkv"):
        run_demo(tmp_path, str(tmp_path / "night.mkv"), None)
