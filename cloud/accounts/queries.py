"""Every query on accounts and sessions. They run before a principal exists: they are what makes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tortoise import Tortoise

from cloud.accounts.rules import ABSOLUTE_END_NS, BROKEN_GLASS, IDLE_END_NS, LOGIN_WINDOW_NS
from cloud.accounts.tables import Account, BrokenGlass, LoginFailure, PersonSession
from cloud.database import Connection


@dataclass(frozen=True, slots=True)
class FailureCount:
    """The state of one counter after this try was counted."""

    failures: int
    window_started_ns: int


@dataclass(frozen=True, slots=True)
class FoundSession:
    """A session of an active account: its times, and the (site, role) pairs that hold now."""

    account: str
    created_utc_ns: int
    used_utc_ns: int
    second_factor: bool
    grants: frozenset[tuple[str, str]]


_SESSION = """
SELECT a.name, s.created_utc_ns, s.used_utc_ns, a.totp_secret IS NOT NULL AS second_factor, ARRAY(
  SELECT g.site || ' ' || coalesce(g.role, a.role) FROM site_grant g WHERE g.account_id = a.name
  UNION
  SELECT b.site || ' ' || $3::text FROM broken_glass b
  WHERE b.session_sha256 = s.token_sha256 AND b.until_utc_ns > $2
) AS grants
FROM person_session s JOIN account a ON a.name = s.account_id AND a.active WHERE s.token_sha256 = $1
"""


async def any_account(connection: Connection) -> bool:
    """Whether an account exists at all."""
    return await Account.all().using_db(connection).exists()


async def account_named(name: str) -> Account | None:
    """The active account of this exact name."""
    return await Account.get_or_none(name=name, active=True)


async def session_with(token_sha256: str, now_ns: int) -> FoundSession | None:
    """The session, whatever its age, with all that makes a principal: one question to the database a request."""
    rows: list[dict[str, Any]] = await Tortoise.get_connection("default").execute_query_dict(
        _SESSION, [token_sha256, now_ns, BROKEN_GLASS]
    )
    if not rows:
        return None
    row = rows[0]
    grants = frozenset((site, role) for site, _, role in (str(pair).partition(" ") for pair in row["grants"]))
    return FoundSession(row["name"], row["created_utc_ns"], row["used_utc_ns"], row["second_factor"], grants)


async def living(hashes: Sequence[str], now_ns: int) -> set[str]:
    """Which of these sessions are neither ended nor taken back."""
    rows = PersonSession.filter(
        token_sha256__in=list(hashes),
        account__active=True,
        used_utc_ns__gt=now_ns - IDLE_END_NS,
        created_utc_ns__gt=now_ns - ABSOLUTE_END_NS,
    )
    return {str(found) for found in await rows.values_list("token_sha256", flat=True)}


async def touch(token_sha256: str, now_ns: int) -> None:
    """Notes that the session was used."""
    await PersonSession.filter(token_sha256=token_sha256, used_utc_ns__lt=now_ns).update(used_utc_ns=now_ns)


async def forget_ended_sessions(connection: Connection, now_ns: int) -> None:
    """Deletes the sessions that have ended, whoever they belonged to, and the glass that is whole again."""
    await PersonSession.filter(used_utc_ns__lte=now_ns - IDLE_END_NS).using_db(connection).delete()
    await PersonSession.filter(created_utc_ns__lte=now_ns - ABSOLUTE_END_NS).using_db(connection).delete()
    await BrokenGlass.filter(until_utc_ns__lte=now_ns).using_db(connection).delete()


async def end_sessions(connection: Connection, account: str, but: str = "") -> int:
    """Deletes an account's sessions, all but one if it is named. Returns how many there were."""
    return int(await PersonSession.filter(account_id=account).exclude(token_sha256=but).using_db(connection).delete())


async def take_step(connection: Connection, account: str, step: int) -> bool:
    """Notes the step of an accepted code; False when it, or a later one, was used already."""
    fresh = Account.filter(name=account, totp_step__lt=step).using_db(connection)
    return bool(await fresh.update(totp_step=step))


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


async def site_is_known(site: str) -> bool:
    """Whether the installation has a bed in this site."""
    found = await Tortoise.get_connection("default").execute_query_dict(
        "SELECT 1 FROM bed WHERE site = $1 LIMIT 1", [site]
    )
    return bool(found)
