"""What a person does to their own account: a new password, a second factor, sessions ended, and the glass broken."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import structlog

from cloud import audit, scope
from cloud.accounts import queries
from cloud.accounts.rules import BROKEN_GLASS_NS, session_ended
from cloud.accounts.second_factor import SECRET_BYTES, secret_of, step_of
from cloud.accounts.service import SignedIn, Typed, hash_of, prove, refuse
from cloud.accounts.tables import Account, BrokenGlass, PersonSession
from cloud.database import in_transaction
from cloud.principal import INSTALLATION
from cloud.problems import HttpProblem
from shared.comment_gate import doubtful
from shared.errors import Refused

SESSION_NAME_LETTERS = 16
"""A session is named by the first letters of its token's hash: enough to tell it apart, nothing to sign in with."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OwnSession:
    """One of a person's sessions."""

    name: str
    created_utc_ns: int
    used_utc_ns: int
    this_one: bool


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """A person's account as they may see it."""

    grants: list[tuple[str, str]]
    second_factor: bool
    may_break_glass: bool
    sessions: list[OwnSession]


async def own_account(person: SignedIn, now_ns: int) -> OwnAccount:
    """The account behind the session."""
    account = await Account.get(name=person.principal.name)
    rows = await PersonSession.filter(account_id=account.name).order_by("-used_utc_ns")
    sessions = [
        OwnSession(
            row.token_sha256[:SESSION_NAME_LETTERS],
            row.created_utc_ns,
            row.used_utc_ns,
            row.token_sha256 == person.session,
        )
        for row in rows
        if not session_ended(row.created_utc_ns, row.used_utc_ns, now_ns)
    ]
    grants = sorted(person.principal.grants)
    return OwnAccount(grants, account.totp_secret is not None, account.may_break_glass, sessions)


async def change_password(person: SignedIn, typed: Typed, new: str, address: str, now_ns: int) -> None:
    """Keeps a new password and ends all other sessions. Raises HttpProblem as `prove`, Refused for a bad new password."""
    account = await prove(typed, address, now_ns)
    if new == typed.password:
        raise Refused("new_password: it is the old one.")
    password_hash = await hash_of(new)
    async with in_transaction() as connection:
        await Account.filter(name=account.name).using_db(connection).update(password_hash=password_hash)
        await queries.end_sessions(connection, account.name, but=person.session)
        await audit.record(connection, person.principal, "password_changed", subject=account.name)


async def begin_second_factor(person: SignedIn, typed: Typed, address: str, now_ns: int) -> str:
    """A new secret that counts from the day a code of it was shown; until then the old one holds. Raises as `prove`."""
    account = await prove(typed, address, now_ns)
    secret = secret_of(secrets.token_bytes(SECRET_BYTES))
    async with in_transaction() as connection:
        await Account.filter(name=account.name).using_db(connection).update(totp_pending=secret)
        await audit.record(connection, person.principal, "second_factor_begun", subject=account.name)
    return secret


async def confirm_second_factor(person: SignedIn, code: str, now_ns: int) -> None:
    """The begun second factor holds from now on; all other sessions end. Raises HttpProblem 409 for a wrong code."""
    account = await Account.get(name=person.principal.name)
    pending = account.totp_pending
    step = step_of(pending, code, now_ns) if pending else None
    if step is None:
        raise HttpProblem(409, "This is not the code of the second factor that was begun; please try the next one.")
    async with in_transaction() as connection:
        rows = Account.filter(name=account.name, totp_pending=pending).using_db(connection)
        await rows.update(totp_secret=pending, totp_pending=None, totp_step=step)
        await queries.end_sessions(connection, account.name, but=person.session)
        await audit.record(connection, person.principal, "second_factor_set", subject=account.name)


async def end_session(person: SignedIn, name: str) -> None:
    """Ends one of one's own sessions. 404, audited, for any other name."""
    async with in_transaction() as connection:
        rows = PersonSession.filter(account_id=person.principal.name, token_sha256__startswith=name)
        ended = await rows.using_db(connection).delete()
        if ended:
            await audit.record(connection, person.principal, "session_ended", subject=person.principal.name)
    if not ended:
        await refuse(person.principal, "session")


async def break_glass(person: SignedIn, site: str, reason: str, now_ns: int) -> int:
    """Lets a person see a site's patients for an hour without a grant, with an alarm. Returns until when, UTC ns.

    Only an account marked for it may. 404, audited, for others and for a site that is not there; Refused for a reason
    that holds what could be a name or a number of a person.
    """
    fault = next(iter(doubtful(reason)), None)
    if fault is not None:
        raise Refused("reason: it holds what could name a person; please say it without names, dates and numbers.")
    account = await Account.get(name=person.principal.name)
    with scope.unfenced():  # neither the site nor its audit chain is this person's yet
        if not account.may_break_glass or not await queries.site_is_known(site):
            await refuse(person.principal, "broken_glass")
        until_ns = now_ns + BROKEN_GLASS_NS
        async with in_transaction() as connection:
            await BrokenGlass.update_or_create(
                using_db=connection,
                session_sha256=person.session,
                site=site,
                defaults={
                    "account": account.name,
                    "reason": reason,
                    "since_utc_ns": now_ns,
                    "until_utc_ns": until_ns,
                },
            )
            facts: dict[str, audit.Detail] = {"reason": reason, "until_utc_ns": until_ns}
            await audit.record(
                connection, person.principal, "glass_broken", site=site, subject=account.name, details=facts
            )
            await audit.record(
                connection, person.principal, "glass_broken", site=INSTALLATION, subject=account.name, details=facts
            )
    _log.error("glass_broken", account=account.name, site=site)
    return until_ns
