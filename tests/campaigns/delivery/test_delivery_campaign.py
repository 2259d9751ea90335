"""The fault campaign of delivery in its short form: once for all of these tests, on real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.campaigns.delivery.house_files import obstacle
from tests.campaigns.delivery.kills import KNOWN

ROOT = Path(__file__).parents[3]
Told = dict[str, Any]
LONGEST_S = 400
pytestmark = pytest.mark.timeout(LONGEST_S + 30)
"""Half a minute where the machine is idle; a loaded one may take its time."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What the short campaign counted."""
    sentence = obstacle()
    if sentence is not None:
        pytest.skip(sentence)
    out = tmp_path_factory.mktemp("campaign") / "told.json"
    command = [sys.executable, "-m", "tests.campaigns.delivery.campaign", "--short", "--out", str(out)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    assert out.exists(), run.stdout[-2000:] + run.stderr[-2000:]
    found: Told = json.loads(out.read_text())
    return found


def test_nothing_was_lost_doubled_or_falsely_called_stored(told: Told) -> None:
    assert told["complaints"] == []
    assert told["counts"]["events"] > 0
    assert {told["counts"][name] for name in ("events_lost", "events_doubled", "false_stored")} == {0}


def test_each_process_died_at_each_of_its_failpoints(told: Told) -> None:
    assert set(told["killed_at"]) >= KNOWN


def test_the_campaign_was_seen_to_fail_when_a_receipt_goes_before_its_commit(told: Told) -> None:
    assert told["counts"]["mutations_caught"] == told["counts"]["mutations"] == 1
