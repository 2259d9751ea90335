"""What ops type: accounts made, granted, shut and listed; the audit log proved, and a tampered row named, with its exit code."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner, Result

from cloud.cli import main
from cloud.database import DatabaseAddress
from tests.cloud.test_settings import DEMO


@pytest.fixture
def config(module_database: DatabaseAddress, tmp_path: Path) -> Path:
    path = tmp_path / "cloud.toml"
    text = DEMO.replace("embedded:/var/lib/deepepil/database", module_database.url)
    path.write_text(text.replace("/var/lib/deepepil/objects", str(tmp_path / "objects")))
    return path


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config", str(config)], catch_exceptions=False)


def sql(address: DatabaseAddress, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(address.url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(execute())


def test_an_account_is_made_granted_shut_and_listed_and_the_log_of_it_proved(
    config: Path, module_database: DatabaseAddress
) -> None:
    assert run(config, "account", "ana", "--site", "north").exit_code == 65  # no role by default
    assert run(config, "account", "ana", "--site", "north", "--role", "clinician").exit_code == 0
    assert run(config, "people", "grant", "ana", "--site", "south", "--role", "ops").exit_code == 0
    assert run(config, "people", "broken-glass", "ana", "--allow").exit_code == 0
    listed = run(config, "people", "list").output
    assert listed == "ana  north: clinician, south: ops  (no second factor, may break the glass)\n"
    assert run(config, "people", "withdraw", "ana", "--site", "south").exit_code == 0
    assert run(config, "people", "withdraw", "ana", "--site", "south").exit_code == 65
    for deed in ("disable", "enable", "end-sessions", "forget-second-factor"):
        assert run(config, "people", deed, "ana").exit_code == 0
        assert run(config, "people", deed, "nobody").exit_code == 65
    whole = run(config, "audit", "verify")
    assert (whole.exit_code, "all holds" in whole.output) == (0, True)
    sql(module_database, "UPDATE audit_entry SET who = 'eve' WHERE site = '-' AND number = 2")
    tampered = run(config, "audit", "verify")
    assert tampered.exit_code == 1
    assert "audit chain of -: entry 2 was changed after it was written" in tampered.output
    assert run(config, "audit", "verify", "--heads", "x").exit_code == 78
