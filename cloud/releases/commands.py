"""`deepepil-cloud release upload | candidate | champion | rollback | list`: releases on the cloud's own host."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from cloud.settings import load_settings

if TYPE_CHECKING:
    from cloud.objects import Objects
    from cloud.releases.giving import Giver

Result = TypeVar("Result")
CONFIG = click.option(
    "--config", required=True, type=click.Path(path_type=Path), help="the cloud's TOML file", metavar="FILE"
)
BEDS = click.option("--bed", "beds", multiple=True, required=True, metavar="SITE.BED", help="may be repeated")


@click.group()
def release() -> None:
    """Trained networks: signed, given to beds, taken back."""


@release.command()
@CONFIG
@click.argument("card", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def upload(config: Path, card: Path) -> None:
    """Check the release whose CARD (NAME.card.json) lies beside its file, sign it and keep both."""
    from cloud.releases import giving
    from shared.release import load_card, verify_release

    name = load_card(card).name
    content = verify_release(card.parent, name).read_bytes()
    row = _on_cloud(config, lambda giver, objects: giving.upload(giver, objects, card.read_bytes(), content))
    click.echo(f"{row.name} is signed and kept.")


@release.command()
@CONFIG
@click.argument("name")
@click.option("--withdraw", is_flag=True, help="it may no longer be given to beds")
def candidate(config: Path, name: str, withdraw: bool) -> None:
    """Make a release fit to be given to beds."""
    from cloud.releases import giving

    _on_cloud(config, lambda giver, _: giving.make_candidate(giver, name, candidate=not withdraw))
    click.echo(f"{name} is {'no candidate any more' if withdraw else 'a candidate'}.")


@release.command()
@CONFIG
@click.argument("name")
@BEDS
def champion(config: Path, name: str, beds: tuple[str, ...]) -> None:
    """Order these beds to run a candidate; each tries it first and goes back by itself when it fails."""
    from cloud.releases import giving

    given = _on_cloud(config, lambda giver, _: giving.make_champion(giver, name, _places(beds)))
    click.echo(f"{len(given)} beds are ordered to run {name}.")


@release.command()
@CONFIG
@BEDS
def rollback(config: Path, beds: tuple[str, ...]) -> None:
    """Order these beds to run again what each ran before."""
    from cloud.releases import giving

    for row in _on_cloud(config, lambda giver, _: giving.roll_back(giver, _places(beds))):
        click.echo(f"{row.site}.{row.bed} is ordered to run {row.release} again.")


@release.command("list")
@CONFIG
def list_command(config: Path) -> None:
    """Every release, and which bed was given what."""
    from cloud.releases import queries

    async def look(giver: Giver, _: Objects) -> list[str]:
        lines = [f"{row.name}  {row.kind}  {'candidate' if row.candidate else 'kept'}" for row in await queries.every()]
        given = (await queries.given(giver.principal)).values()
        return lines + [f"{row.site}.{row.bed}  {row.release}  order {row.number} ({row.deed})" for row in given]

    for line in _on_cloud(config, look):
        click.echo(line)


def _places(beds: tuple[str, ...]) -> list[tuple[str, str]]:
    places = [bed.partition(".") for bed in beds]
    if any(not dot for _, dot, _ in places):
        raise click.UsageError("--bed must look like SITE.BED.")
    return [(site, name) for site, _, name in places]


def _on_cloud(config: Path, deed: Callable[[Giver, Objects], Awaitable[Result]]) -> Result:
    from cloud.database import UNREACHABLE, database_server, open_tables
    from cloud.objects import Objects as Store
    from cloud.principal import Principal
    from cloud.releases.giving import Giver as Who
    from cloud.schema import must_be_current
    from shared.errors import Transient
    from shared.release_order import read_signing_key

    settings = load_settings(config)
    file = settings.releases.signing_key_file
    giver = Who(Principal.system("release"), read_signing_key(file) if file else None, time.time_ns())

    async def work() -> Result:
        try:
            async with database_server(settings.database) as address:
                await must_be_current(address)
                async with open_tables(address, 2):
                    return await deed(giver, Store(settings.objects))
        except UNREACHABLE as error:
            raise Transient(f"The database cannot be reached: {error}.") from error

    return asyncio.run(work())
