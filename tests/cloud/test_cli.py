"""The command line: one sentence and the right code for what is wrong, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cloud.cli import main
from cloud.database import DatabaseAddress
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


def test_a_check_says_what_it_looked_at_and_ends_with_0_or_1(tmp_path: Path, module_database: DatabaseAddress) -> None:
    path = tmp_path / "cloud.toml"
    url = module_database.url
    path.write_text(
        DEMO.replace("embedded:/var/lib/deepepil/database", url).replace("/var/lib/deepepil/objects", str(tmp_path))
    )
    good = run("check", "--config", str(path))
    assert good.exit_code == 0
    assert good.stdout.startswith("looked at 0 events, 0 messages, 0 objects, 0 audit entries, 0 parked jobs;")
    assert good.stdout.endswith("no worker runs, so I10 was not looked at: all holds\n")
    (tmp_path / "audit" / "heads").mkdir(parents=True)
    (tmp_path / "audit" / "heads" / "north.json").write_text('{"number": 3, "hash": "' + "a" * 64 + '"}')
    bad = run("check", "--config", str(path), "--read-data")
    assert bad.exit_code == 1
    assert bad.stdout.startswith(
        "I9: audit chain of north: it is shorter than the 3 entries kept outside the database\n"
    )


def test_a_database_that_is_away_is_one_sentence_and_code_75(tmp_path: Path) -> None:
    path = tmp_path / "cloud.toml"
    url = "postgresql://nobody@127.0.0.1:1/none"
    path.write_text(
        DEMO.replace("embedded:/var/lib/deepepil/database", url).replace("/var/lib/deepepil/objects", str(tmp_path))
    )
    result = run("check", "--config", str(path))
    assert (result.exit_code, result.stderr.count("\n")) == (75, 1)
    assert "cannot be reached" in result.stderr
