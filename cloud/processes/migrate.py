"""`migrate`: the database brought to this version's shape, beds made known, the first account."""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog

from cloud.accounts.rules import Role
from cloud.accounts.service import FirstAccount, ensure_first_account, give_access
from cloud.clips.routes import caller_of
from cloud.clips.service import Caller
from cloud.database import UNREACHABLE, database_server, in_transaction, open_tables
from cloud.devices.queries import beds as known_beds
from cloud.devices.service import ensure_bed
from cloud.principal import Principal
from cloud.problems import HttpProblem
from cloud.schema import migrate_database
from cloud.settings import CloudSettings
from shared.errors import Refused, Transient

_log = structlog.get_logger(__name__)


async def prepare(settings: CloudSettings, beds: Sequence[str]) -> FirstAccount | None:
    """Safe to repeat. Returns the first account when it was made now: for the sites of all beds that are known.

    Raises Refused for a bed that is not `site.bed`, Transient when the database cannot be reached.
    """
    named = [_bed(name) for name in beds]
    try:
        async with database_server(settings.database) as address:
            await migrate_database(address)
            async with open_tables(address, 2):
                async with in_transaction() as connection:
                    for each in named:
                        await ensure_bed(connection, each.site, each.bed)
                sites = {bed.site for bed in await known_beds(Principal.system("migrate"))}
                first = await ensure_first_account(sites, time.time_ns()) if sites else None
    except UNREACHABLE as error:
        raise Transient(f"The database cannot be reached: {error}.") from error
    _log.info("database_prepared", beds=len(named))
    return first


async def give(settings: CloudSettings, name: str, role: str | None, sites: Sequence[str]) -> FirstAccount:
    """A new account, or a new password for a known one. Raises Refused, or Transient without a database."""
    try:
        async with database_server(settings.database) as address, open_tables(address, 2):
            return await give_access(name, Role(role) if role else None, sites, time.time_ns())
    except UNREACHABLE as error:
        raise Transient(f"The database cannot be reached: {error}.") from error


def _bed(name: str) -> Caller:
    try:
        return caller_of(name)
    except HttpProblem as problem:
        raise Refused(f"--bed: {name[:80]!r} is not of the form site.bed, such as north.bed-1.") from problem
