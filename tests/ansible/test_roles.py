"""The roles keep their own rules: every variable typed, documented and of the role's name; examples are complete; lint is silent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ansible.environment import ANSIBLE, run

ROLES = sorted(path.name for path in (ANSIBLE / "roles").iterdir())


def options(role: str) -> dict[str, Any]:
    spec = yaml.safe_load((ANSIBLE / "roles" / role / "meta/argument_specs.yml").read_text())
    found: dict[str, Any] = spec["argument_specs"]["main"]["options"]
    return found


def defaults(role: str) -> dict[str, Any]:
    return yaml.safe_load((ANSIBLE / "roles" / role / "defaults/main.yml").read_text()) or {}


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_bears_the_roles_name_and_is_typed_and_described(role: str) -> None:
    for name, option in options(role).items():
        assert name.startswith(f"{role}_")
        assert option["type"]
        assert option["description"].endswith((".", "…"))


@pytest.mark.parametrize("role", ROLES)
def test_defaults_and_types_tell_the_same(role: str) -> None:
    assert {name: option["default"] for name, option in options(role).items() if "default" in option} == defaults(role)
    text = (ANSIBLE / "roles" / role / "defaults/main.yml").read_text()
    for name, option in options(role).items():
        assert option.get("required", False) == (name not in defaults(role))
        assert f"{name}:" in text, f"the defaults of {role} do not speak of {name}"


def test_the_whole_site_is_understood_with_the_hospitals_inventory(tmp_path: Path) -> None:
    found = run(
        tmp_path, "ansible-playbook", "--syntax-check", "-i", "inventories/example-hospital", "playbooks/site.yml"
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_lint_is_silent_in_its_strictest_profile(tmp_path: Path) -> None:
    found = run(
        tmp_path, "ansible-lint", "--offline", "--nocolor", "--format=pep8", "-q", "roles", "playbooks", "inventories"
    )
    assert found.returncode == 0, found.stdout + found.stderr
