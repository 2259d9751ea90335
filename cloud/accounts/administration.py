"""What ops do to accounts on the cloud's own host: list them, grant and withdraw sites, end sessions, shut doors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cloud import audit
from cloud.accounts import queries
from cloud.accounts.rules import Role
from cloud.accounts.tables import Account, SiteGrant
from cloud.database import Connection, in_transaction
from cloud.principal import Principal
from shared.errors import Refused

_OPS = Principal.system("accounts")


@dataclass(frozen=True, slots=True)
class Listed:
    """One account as the list shows it."""

    name: str
    active: bool
    grants: list[tuple[str, str]]
    second_factor: bool
    may_break_glass: bool


async def all_accounts() -> list[Listed]:
    """Every account, by name."""
    grants: dict[str, list[tuple[str, str]]] = {}
    accounts = {row.name: row for row in await Account.all().order_by("name")}
    for grant in await SiteGrant.all().order_by("site").values("account_id", "site", "role"):
        name = str(grant["account_id"])
        grants.setdefault(name, []).append((str(grant["site"]), str(grant["role"] or accounts[name].role)))
    return [
        Listed(row.name, row.active, grants.get(row.name, []), row.totp_secret is not None, row.may_break_glass)
        for row in accounts.values()
    ]


async def grant(name: str, site: str, role: Role) -> None:
    """Grants a site in a role, in the place of another role there. Sessions end: they begin anew with what holds now."""

    async def deed(connection: Connection) -> None:
        await SiteGrant.update_or_create(using_db=connection, account_id=name, site=site, defaults={"role": role.value})

    await _change(name, "site_granted", deed, {"site": site, "role": role.value})


async def withdraw(name: str, site: str) -> None:
    """Takes a site back. Raises Refused when it was not granted."""

    async def deed(connection: Connection) -> None:
        if not await SiteGrant.filter(account_id=name, site=site).using_db(connection).delete():
            raise Refused(f"The account {name} has no grant for {site}.")

    await _change(name, "site_withdrawn", deed, {"site": site})


async def set_active(name: str, *, active: bool) -> None:
    """Shuts an account out, or lets it in again."""

    async def deed(connection: Connection) -> None:
        await Account.filter(name=name).using_db(connection).update(active=active)

    await _change(name, "account_enabled" if active else "account_disabled", deed)


async def end_sessions(name: str) -> None:
    """Ends all sessions, and within five seconds all that they still receive."""

    async def deed(connection: Connection) -> None:
        await queries.end_sessions(connection, name)

    await _change(name, "sessions_ended", deed)


async def forget_second_factor(name: str) -> None:
    """For a lost telephone: the password alone opens again, until a new second factor is set up."""

    async def deed(connection: Connection) -> None:
        rows = Account.filter(name=name).using_db(connection)
        await rows.update(totp_secret=None, totp_pending=None)

    await _change(name, "second_factor_forgotten", deed)


async def allow_broken_glass(name: str, *, allowed: bool) -> None:
    """Whether the account may break the glass."""

    async def deed(connection: Connection) -> None:
        await Account.filter(name=name).using_db(connection).update(may_break_glass=allowed)

    await _change(name, "broken_glass_allowed" if allowed else "broken_glass_forbidden", deed)


async def _change(
    name: str, word: str, deed: Callable[[Connection], Awaitable[None]], details: dict[str, audit.Detail] | None = None
) -> None:
    """One deed on a known account, its sessions ended, audited. Raises Refused for a name that is not there."""
    async with in_transaction() as connection:
        if not await Account.filter(name=name).using_db(connection).select_for_update().first():
            raise Refused(f"There is no account {name[:64]}.")
        await deed(connection)
        await queries.end_sessions(connection, name)
        await audit.record(connection, _OPS, word, subject=name, details=details)
