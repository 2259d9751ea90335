"""The command line: one sentence and the right code for what is wrong, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cloud.cli import main
from tests.cloud.test_settings import DEMO


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize("command", ["api", "ingester", "worker", "all", "migrate", "check"])
def test_an_unknown_key_ends_a_command_with_a_sentence(tmp_path: Path, command: str) -> None:
    path = tmp_path / "cloud.toml"
    path.write_text(DEMO.replace("[mqtt]", "[mqtt]\nspeed = 9"))
    result = run(command, "--config", str(path))
    assert (result.exit_code, result.stdout) == (78, "")
    assert result.stderr == f"deepepil-cloud: {path}: unknown key mqtt.speed.\n"


def test_a_missing_file_and_a_missing_option_are_named(tmp_path: Path) -> None:
    missing = run("check", "--config", str(tmp_path / "none.toml"))
    assert (missing.exit_code, "none.toml" in missing.stderr) == (78, True)
    without = run("check")
    assert (without.exit_code, "--config" in without.stderr) == (2, True)


def test_every_command_says_what_it_does() -> None:
    listed = run("--help").stdout
    for command in main.commands.values():
        assert command.help
        assert str(command.name) in listed
