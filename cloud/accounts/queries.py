"""Every query on accounts and sessions. They run before a principal exists: they are what makes one."""

from __future__ import annotations

from dataclasses import dataclass

from cloud.accounts.rules import ABSOLUTE_END_NS, IDLE_END_NS, LOGIN_WINDOW_NS
from cloud.accounts.tables import Account, LoginFailure, PersonSession, SiteGrant
from cloud.database import Connection


@dataclass(frozen=True, slots=True)
class FailureCount:
    """The state of one counter after this try was counted."""

    failures: int
    window_started_ns: int


async def any_account(connection: Connection) -> bool:
    """Whether an account exists at all."""
    return await Account.all().using_db(connection).exists()


async def account_named(name: str) -> Account | None:
    """The active account of this exact name."""
    return await Account.get_or_none(name=name, active=True)


async def sites_of(account: str) -> frozenset[str]:
    """The sites granted to the account."""
    found = await SiteGrant.filter(account_id=account).values_list("site", flat=True)
    return frozenset(str(site) for site in found)


async def session_with(token_sha256: str) -> PersonSession | None:
    """The session with its account, whatever its age."""
    return await PersonSession.get_or_none(token_sha256=token_sha256, account__active=True).select_related("account")


async def touch(token_sha256: str, now_ns: int) -> None:
    """Notes that the session was used."""
    await PersonSession.filter(token_sha256=token_sha256, used_utc_ns__lt=now_ns).update(used_utc_ns=now_ns)


async def forget_ended_sessions(connection: Connection, now_ns: int) -> None:
    """Deletes the sessions that have ended, whoever they belonged to."""
    await PersonSession.filter(used_utc_ns__lte=now_ns - IDLE_END_NS).using_db(connection).delete()
    await PersonSession.filter(created_utc_ns__lte=now_ns - ABSOLUTE_END_NS).using_db(connection).delete()


async def count_try(connection: Connection, key: str, now_ns: int) -> FailureCount:
    """Counts one try under `key`, in a fresh window when the old one is over. One statement: tries at once all count."""
    rows = await connection.execute_query_dict(
        "INSERT INTO login_failure AS f (key, failures, window_started_ns) VALUES ($1, 1, $2)"
        " ON CONFLICT (key) DO UPDATE SET"
        " failures = CASE WHEN f.window_started_ns <= $3 THEN 1 ELSE least(f.failures + 1, 1000000) END,"
        " window_started_ns = CASE WHEN f.window_started_ns <= $3 THEN $2 ELSE f.window_started_ns END"
        " RETURNING failures, window_started_ns",
        [key, now_ns, now_ns - LOGIN_WINDOW_NS],
    )
    return FailureCount(int(rows[0]["failures"]), int(rows[0]["window_started_ns"]))


async def uncount(connection: Connection, account_key: str, address_key: str) -> None:
    """A right password clears the name's count and takes its own try off the address's."""
    await LoginFailure.filter(key=account_key).using_db(connection).delete()
    await connection.execute_query(
        "UPDATE login_failure SET failures = greatest(failures - 1, 0) WHERE key = $1", [address_key]
    )


async def forget_old_failures(connection: Connection, now_ns: int) -> None:
    """Deletes the counters whose window is over."""
    await LoginFailure.filter(window_started_ns__lte=now_ns - LOGIN_WINDOW_NS).using_db(connection).delete()
