"""`deepepil-cloud audit`: proves the audit log, and makes the key that signs its heads."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from cloud.settings import CloudSettings, load_settings
from shared.errors import Misconfigured, Transient


@click.group("audit")
def audit_group() -> None:
    """The log of who did what, and the proof that nobody altered it."""


@audit_group.command()
@click.option("--config", required=True, type=click.Path(path_type=Path), help="the cloud's TOML file", metavar="FILE")
@click.option("--heads", type=click.Path(path_type=Path), metavar="FILE", help="the signed heads kept off this machine")
@click.option("--public-key", type=click.Path(path_type=Path), metavar="FILE", help="of the key that signed them, PEM")
def verify(config: Path, heads: Path | None, public_key: Path | None) -> None:
    """Name every row that was altered, deleted, cut off or written anew; code 1 when there is one."""
    if (heads is None) != (public_key is None):
        raise Misconfigured("--heads and --public-key go together.")
    faults, count = asyncio.run(_verify(load_settings(config), heads, public_key))
    for fault in faults:
        click.echo(fault)
    kept = "against the signed heads" if heads else "without signed heads: a chain written anew would not be seen"
    verdict = f"{len(faults)} faults" if faults else "all holds"
    click.echo(f"{count} entries were looked at, {kept}: {verdict}")
    sys.exit(1 if faults else 0)


@audit_group.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help="the new private key")
def key(out: Path) -> None:
    """Make the key that signs heads; print its public half, which belongs off this machine."""
    from cloud.audit.signed_heads import make_key

    click.echo(make_key(out), nl=False)


async def _verify(settings: CloudSettings, heads: Path | None, public_key: Path | None) -> tuple[list[str], int]:
    from cloud.audit.signed_heads import read_heads
    from cloud.audit.whole_check import all_faults, length
    from cloud.database import UNREACHABLE, database_server, open_tables
    from cloud.schema import must_be_current

    kept, faults = read_heads(heads, public_key) if heads and public_key else ({}, [])
    try:
        async with database_server(settings.database) as address, open_tables(address, 2):
            await must_be_current(address)
            found = [fault async for fault in all_faults(kept)]
            return [*faults, *found], await length()
    except UNREACHABLE as error:
        raise Transient(f"The database cannot be reached: {error}.") from error
