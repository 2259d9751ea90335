"""The fault campaign in its short form: once for all of these tests, in a process of its own that forks and mounts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.failpoints import STORAGE_POINTS
from tests.campaigns.recording.disks import obstacle

ROOT = Path(__file__).parents[3]
Told = dict[str, Any]
LONGEST_S = 540
pytestmark = pytest.mark.timeout(LONGEST_S + 30)
"""Half a minute where the machine is idle; a loaded one may take its time."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What the short campaign counted."""
    sentence = obstacle()
    if sentence is not None:
        pytest.skip(sentence)
    out = tmp_path_factory.mktemp("campaign") / "told.json"
    command = [sys.executable, "-m", "tests.campaigns.recording.campaign", "--short", "--out", str(out)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    assert out.exists(), run.stdout[-2000:] + run.stderr[-2000:]
    found: Told = json.loads(out.read_text())
    return found


def test_nothing_that_must_not_be_was_seen(told: Told) -> None:
    assert told["complaints"] == []


def test_every_storage_failpoint_was_reached(told: Told) -> None:
    assert set(told["points"]) >= set(STORAGE_POINTS)


def test_power_was_cut_on_both_file_systems(told: Told) -> None:
    cuts = sum(number for name, number in told["trials"].items() if name.startswith("power cut"))
    assert cuts >= 6
    assert len(told["tails_s"]) == cuts


def test_damage_was_done_and_detected(told: Told) -> None:
    assert told["trials"]["one bit flipped in a segment"] > 0
    assert told["trials"]["segment cut"] > 0
    assert told["trials"]["database page damaged"] > 0


def test_the_campaign_was_seen_to_fail_when_fsync_lies_and_when_folders_are_not_flushed(told: Told) -> None:
    assert told["counts"]["mutations_caught"] == told["counts"]["mutations"] == 2
