"""The alerts are understood by Prometheus, fire by their cause, stay silent where all is well, and are written down."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.dashboard import PATH, ROWS, dashboard

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "ansible" / "monitoring"
RULES = (MONITORING / "deepepil.rules.yml").read_text()


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Prometheus's own tool; skips the test where it is not installed."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed; `apt-get install prometheus` brings it.")
    return subprocess.run([found, *arguments], cwd=MONITORING, capture_output=True, text=True, check=False, timeout=120)


def test_the_rules_are_understood() -> None:
    found = promtool("check", "rules", "deepepil.rules.yml")
    assert found.returncode == 0, found.stdout + found.stderr


def test_each_alert_fires_by_its_cause_and_none_where_all_is_well() -> None:
    found = promtool("test", "rules", "deepepil.rules.test.yml")
    assert found.returncode == 0, found.stdout + found.stderr
    tests = (MONITORING / "deepepil.rules.test.yml").read_text()
    assert f"exp_samples: [{{value: {len(alerts())}}}]" in tests, "the test of all alerts counts them"


def alerts() -> list[str]:
    return re.findall(r"- alert: (\w+)", RULES)


@pytest.mark.parametrize("alert", alerts())
def test_each_alert_is_written_down(alert: str) -> None:
    assert alert in (ROOT / "docs/operations/metrics.md").read_text()


@pytest.mark.parametrize("page", sorted(set(re.findall(r"runbook: (\S+)", RULES))))
def test_each_alert_leads_to_a_page_that_is_there(page: str) -> None:
    assert (ROOT / page).exists()


def test_the_dashboard_is_the_generated_one() -> None:
    assert json.loads(PATH.read_text()) == dashboard(), "run `make docs`"


def test_every_expression_of_the_dashboard_is_understood_by_prometheus(tmp_path: Path) -> None:
    expressions = [panel.expression for _, row in ROWS for panel in row]
    rules = [
        {"record": f"panel:{number}", "expr": text.replace("$site", ".*").replace("$bed", ".*")}
        for number, text in enumerate(expressions)
    ]
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    found = promtool("check", "rules", str(file))
    assert found.returncode == 0, found.stdout + found.stderr
