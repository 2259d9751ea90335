"""The systemd units are those of the process table, are understood, and are fenced in."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_agent.process_table import MIB, ROWS
from scripts.broker_access import access_template
from scripts.units import ROLES, edge_unit, units

WORST_SCORE = {"deepepil-edge.service": 2.0, "deepepil-edge-renew.service": 1.7}
WORST_SCORE_OF_CLOUD = 1.6
"""Of systemd-analyze's 0 (nothing can be done) to 10; a service without a fence has 9.6."""


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not installed; Debian's systemd brings it.")
    return found


@pytest.mark.parametrize("path", units(), ids=lambda path: path.name)
def test_the_unit_in_the_role_is_the_generated_one(path: Path) -> None:
    assert path.read_text() == units()[path], "run `python -m scripts.units`"


def test_the_access_list_in_the_role_is_the_generated_one() -> None:
    assert (ROLES / "mosquitto/templates/acl.j2").read_text() == access_template(), "run `make docs`"


def test_the_beds_limits_are_the_sums_of_the_table() -> None:
    limits = dict(re.findall(r"^(Memory\w+|LimitNICE)=(.+)$", edge_unit(), re.MULTILINE))
    assert limits["MemoryHigh"] == f"{sum(row.rss_bytes for row in ROWS) // MIB}M"
    assert limits["LimitNICE"] == str(min(row.nice for row in ROWS))


@pytest.mark.parametrize("path", units(), ids=lambda path: path.name)
def test_the_unit_is_fenced_in(path: Path, analyze: str) -> None:
    found = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", path],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    score = re.search(r"exposure level for .*: ([0-9.]+)", found.stdout)
    assert score, found.stderr
    assert float(score[1]) <= WORST_SCORE.get(path.name, WORST_SCORE_OF_CLOUD), found.stdout


@pytest.mark.parametrize("path", units(), ids=lambda path: path.name)
def test_each_line_of_the_unit_is_understood(path: Path, analyze: str, tmp_path: Path) -> None:
    copy = tmp_path / path.name
    copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(), flags=re.MULTILINE))
    found = subprocess.run(
        [analyze, "--man=no", "--recursive-errors=no", "verify", copy],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = [line for line in found.stderr.splitlines() if path.name in line]
    assert said == []
    assert found.returncode == 0, found.stderr


def test_no_secret_is_in_the_environment_or_on_a_command_line() -> None:
    for path, text in units().items():
        assert "Environment=" not in text
        place = "/etc/deepepil" if path.name == "deepepil-edge-renew.service" else "%d"  # it writes there
        assert re.findall(rf"^ExecStart=(\S+) .*--config {place}/\w+\.toml$", text, re.MULTILINE)
