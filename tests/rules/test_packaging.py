"""The four plain package names belong to one distribution, and the bed stays light."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import metadata, packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("package", ["shared", "edge_agent", "cloud", "models"])
def test_a_package_name_is_provided_by_deepepil_alone(package: str) -> None:
    assert set(packages_distributions().get(package, ["deepepil"])) == {"deepepil"}


def test_the_distribution_cannot_be_uploaded_by_accident() -> None:
    assert "Private :: Do Not Upload" in metadata("deepepil").get_all("Classifier", [])


def test_every_test_folder_is_a_package() -> None:
    for folder in {path.parent for path in (ROOT / "tests").rglob("test_*.py")}:
        assert (folder / "__init__.py").exists(), f"{folder} has no __init__.py: same-named tests would clash"


def test_the_bed_starts_without_torch_web_framework_or_orm() -> None:
    code = "import sys, edge_agent.cli, edge_agent.process_table; print([m for m in ('torch','fastapi','tortoise','numba') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == "[]"


def test_ci_runs_exactly_the_test_command_of_the_readme() -> None:
    assert "make test" in (ROOT / "README.md").read_text()
    assert (ROOT / ".ci/run").read_text().splitlines()[-1] == "exec make test"
