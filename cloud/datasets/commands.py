"""`deepepil-cloud dataset freeze | list | show`: datasets on the cloud's own host, of all sites."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from cloud.settings import load_settings
from shared.errors import Refused

if TYPE_CHECKING:
    from cloud.datasets.tables import Dataset
    from cloud.objects import Objects

Result = TypeVar("Result")
CONFIG = click.option(
    "--config", required=True, type=click.Path(path_type=Path), help="the cloud's TOML file", metavar="FILE"
)


@click.group()
def dataset() -> None:
    """Frozen lists of labelled clips, split by patient."""


@dataset.command()
@CONFIG
@click.argument("name")
@click.option("--site", "sites", multiple=True, metavar="SITE", help="only this site; may be repeated")
@click.option("--classes", type=click.Choice(["verdict", "epilepsy_class"]), default="verdict", show_default=True)
@click.option("--least-readers", type=click.IntRange(1, 16), default=1, show_default=True)
@click.option("--blind-only", is_flag=True, help="only labels whose readers saw no suggestion")
@click.option("--split", default="by-patient", show_default=True)
def freeze(
    config: Path, name: str, sites: tuple[str, ...], classes: str, least_readers: int, blind_only: bool, split: str
) -> None:
    """Freeze what the labels say now as the next version of NAME."""
    from pydantic import TypeAdapter, ValidationError

    from cloud.datasets import service
    from cloud.datasets.rules import DatasetName, DatasetQuery
    from cloud.principal import Principal
    from shared.contract import sentence_of

    try:
        TypeAdapter(DatasetName).validate_python(name)
        query = DatasetQuery.model_validate({
            "sites": sites, "classes": classes, "least_readers": least_readers, "blind_only": blind_only, "split": split,
        })  # fmt: skip
    except ValidationError as error:
        raise Refused(sentence_of(error)) from error
    who = Principal.system("dataset")
    found, new = _on_cloud(config, lambda objects: service.freeze(who, objects, name, query, time.time_ns()))
    _tell(found)
    click.echo("It is frozen now." if new else "The same content was frozen before; nothing new was made.")


@dataset.command("list")
@CONFIG
def list_command(config: Path) -> None:
    """Every dataset, the newest first."""
    from cloud.datasets import service
    from cloud.principal import Principal

    for parts in _on_cloud(config, lambda _: service.every(Principal.system("dataset"))):
        first = parts[0]
        click.echo(
            f"{first.name}@v{first.version}  {first.manifest_sha256}  {first.clips} clips  {first.patients} patients"
        )


@dataset.command()
@CONFIG
@click.argument("name")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="write the manifest, Parquet, to this file"
)
def show(config: Path, name: str, out: Path | None) -> None:
    """One dataset, as NAME, NAME@vN or its hash: splits, classes, and what is no longer stored."""
    from cloud.datasets import service
    from cloud.principal import Principal

    who = Principal.system("dataset")

    async def look(objects: Objects) -> tuple[list[Dataset], list[str], bytes]:
        parts = await service.named(who, name)
        sha256 = parts[0].manifest_sha256
        content = await service.manifest(who, objects, sha256) if out is not None else b""
        return parts, await service.missing_objects(who, objects, sha256), content

    parts, missing, content = _on_cloud(config, look)
    _tell(parts)
    click.echo(f"{len(missing)} of its clips are no longer stored.")
    if out is not None:
        out.write_bytes(content)
        click.echo(f"{out} is written.")


def _tell(parts: list[Dataset]) -> None:
    first = parts[0]
    click.echo(f"{first.name}@v{first.version}  {first.manifest_sha256}")
    click.echo(f"{first.clips} clips of {first.patients} patients in {', '.join(part.site for part in parts)}")
    for split, classes in first.counts.items():
        click.echo(f"  {split}: " + (", ".join(f"{count} {name}" for name, count in classes.items()) or "none"))
    for reason, count in first.left_out.items():
        click.echo(f"  left out: {count} ({reason.replace('_', ' ')})")


def _on_cloud(config: Path, deed: Callable[[Objects], Awaitable[Result]]) -> Result:
    from cloud.database import UNREACHABLE, database_server, open_tables
    from cloud.objects import Objects as Store
    from cloud.schema import must_be_current
    from shared.errors import Transient

    settings = load_settings(config)

    async def work() -> Result:
        try:
            async with database_server(settings.database) as address:
                await must_be_current(address)
                async with open_tables(address, 2):
                    return await deed(Store(settings.objects))
        except UNREACHABLE as error:
            raise Transient(f"The database cannot be reached: {error}.") from error

    return asyncio.run(work())
