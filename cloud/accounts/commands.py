"""`deepepil-cloud people`: accounts as ops see them, on the cloud's own host."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from cloud.settings import CloudSettings, load_settings
from shared.errors import Transient

Result = TypeVar("Result")
ROLES = ("clinician", "scientist", "ops", "dpo", "admin")
CONFIG = click.option(
    "--config", required=True, type=click.Path(path_type=Path), help="the cloud's TOML file", metavar="FILE"
)
NAME = click.argument("name")
SITE = click.option("--site", required=True, metavar="SITE")


@click.group()
def people() -> None:
    """Accounts: who they are, what they may see, and how their doors are shut."""


@people.command("list")
@CONFIG
def list_command(config: Path) -> None:
    """Every account with its sites and roles."""
    from cloud.accounts.administration import all_accounts

    for one in _on_database(config, all_accounts()):
        grants = ", ".join(f"{site}: {role}" for site, role in one.grants) or "no site"
        notes = [
            "" if one.active else "disabled",
            "second factor" if one.second_factor else "no second factor",
            "may break the glass" if one.may_break_glass else "",
        ]
        click.echo(f"{one.name}  {grants}  ({', '.join(note for note in notes if note)})")


@people.command()
@CONFIG
@NAME
@SITE
@click.option("--role", required=True, type=click.Choice(ROLES))
def grant(config: Path, name: str, site: str, role: str) -> None:
    """Let an account see a site, in a role of its own there; its sessions end."""
    from cloud.accounts import administration
    from cloud.accounts.rules import Role

    _on_database(config, administration.grant(name, site, Role(role)))
    click.echo(f"The account {name} is {role} in {site}.")


@people.command()
@CONFIG
@NAME
@SITE
def withdraw(config: Path, name: str, site: str) -> None:
    """Take a site back; the account's sessions end."""
    from cloud.accounts import administration

    _on_database(config, administration.withdraw(name, site))
    click.echo(f"The account {name} no longer sees {site}.")


@people.command()
@CONFIG
@NAME
def disable(config: Path, name: str) -> None:
    """Shut an account out; what it still receives ends within five seconds."""
    from cloud.accounts import administration

    _on_database(config, administration.set_active(name, active=False))
    click.echo(f"The account {name} is disabled.")


@people.command()
@CONFIG
@NAME
def enable(config: Path, name: str) -> None:
    """Let a disabled account in again."""
    from cloud.accounts import administration

    _on_database(config, administration.set_active(name, active=True))
    click.echo(f"The account {name} is enabled.")


@people.command("end-sessions")
@CONFIG
@NAME
def end_sessions(config: Path, name: str) -> None:
    """End all sessions of an account."""
    from cloud.accounts import administration

    _on_database(config, administration.end_sessions(name))
    click.echo(f"All sessions of {name} have ended.")


@people.command("forget-second-factor")
@CONFIG
@NAME
def forget_second_factor(config: Path, name: str) -> None:
    """For a lost telephone: the password alone opens until a new second factor is set up."""
    from cloud.accounts import administration

    _on_database(config, administration.forget_second_factor(name))
    click.echo(f"The account {name} has no second factor.")


@people.command("broken-glass")
@CONFIG
@NAME
@click.option("--allow/--forbid", required=True, default=None)
def broken_glass(config: Path, name: str, allow: bool) -> None:
    """Say whether an account may see a foreign site for an hour, with a reason and an alarm."""
    from cloud.accounts import administration

    _on_database(config, administration.allow_broken_glass(name, allowed=allow))
    click.echo(f"The account {name} {'may' if allow else 'may not'} break the glass.")


def _on_database(config: Path, work: Coroutine[Any, Any, Result]) -> Result:
    try:
        settings = load_settings(config)
    except BaseException:
        work.close()
        raise
    return asyncio.run(_with_tables(settings, work))


async def _with_tables(settings: CloudSettings, work: Coroutine[Any, Any, Result]) -> Result:
    from cloud.database import UNREACHABLE, database_server, open_tables
    from cloud.schema import must_be_current

    try:
        async with database_server(settings.database) as address, open_tables(address, 2):
            await must_be_current(address)
            return await work
    except UNREACHABLE as error:
        raise Transient(f"The database cannot be reached: {error}.") from error
    finally:
        work.close()
