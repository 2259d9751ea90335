"""The environment of Ansible that `make setup` makes beside ours, and a template as a host would get it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ANSIBLE = ROOT / "ansible"
BIN = ROOT / ".venv-ansible" / "bin"


def program(name: str) -> Path:
    """A program of Ansible's environment; skips the test where it is not set up."""
    found = BIN / name
    if not found.exists():
        pytest.skip("Ansible's environment is not set up; `make setup` makes it.")
    return found


def run(folder: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of Ansible's with a home of its own, in the folder `ansible`, without network."""
    environment = {
        "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder), "ANSIBLE_HOME": str(folder / "home"),
        "LANG": "C.UTF-8", "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"), "ANSIBLE_DEPRECATION_WARNINGS": "False",
    }  # fmt: skip
    return subprocess.run(
        [program(name), *arguments],
        check=False,
        cwd=ANSIBLE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=170,
    )


def host_variables(folder: Path, inventory: str, host: str) -> dict[str, Any]:
    """What the inventory says of one host."""
    found = run(folder, "ansible-inventory", "-i", f"inventories/{inventory}", "--host", host)
    assert found.returncode == 0, found.stderr
    read: dict[str, Any] = json.loads(found.stdout)
    return read
