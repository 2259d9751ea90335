"""A bed with an Azure Kinect runs on NumPy 1.26: the same code, in the environment that `make kinect` makes of the pinned requirements."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

import edge_agent
import shared

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-kinect/bin/python"
IN_IT = version("numpy").startswith("1.")
WITHOUT_THE_WARD = ("edge_agent.sources.simulator", "shared.ward")
"""The simulated ward is no part of the extra `edge`; it is tested where it is installed."""
TESTS = (
    "tests/edge_agent/test_kinect_environment.py",
    "tests/edge_agent/sources/test_kinect_library.py",
    "tests/edge_agent/sources/test_azure_kinect.py",
    "tests/edge_agent/sources/test_mkv_playback.py",
    "tests/edge_agent/test_frame_pool.py",
    "tests/edge_agent/ring/test_recorder.py",
    "tests/shared/codec",
    "tests/shared/test_preview.py",
)
SLOW = "tests/edge_agent/ring/test_recorder.py::test_frames_recorded_and_frames_missing_add_up_whatever_happens"


@pytest.mark.skipif(IN_IT, reason="this is that environment")
@pytest.mark.timeout(300)
def test_the_bed_runs_on_numpy_1_26_with_the_library_of_the_camera() -> None:
    assert PYTHON.exists(), "the environment is missing: make kinect"
    command = [str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=--timeout=120"]
    command += ["-W", "ignore::pytest.PytestConfigWarning", "--deselect", SLOW, *TESTS]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.skipif(not IN_IT, reason="for the environment of the camera")
def test_every_module_of_the_bed_is_imported_there() -> None:
    assert version("pyk4a-bundle") == "1.5.0"
    for package in (edge_agent, shared):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith(WITHOUT_THE_WARD):
                importlib.import_module(module.name)
