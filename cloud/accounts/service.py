"""Signing in and out, sessions, new accounts. A wrong name costs and says exactly what a wrong password does."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import NoReturn

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import TypeAdapter, ValidationError

from cloud import audit
from cloud.accounts import queries
from cloud.accounts.rules import (
    LOGIN_FAILURES_PER_ACCOUNT,
    LOGIN_FAILURES_PER_ADDRESS,
    TOUCH_STEP_NS,
    AccountName,
    Role,
    login_wait_s,
    session_ended,
)
from cloud.accounts.second_factor import step_of
from cloud.accounts.tables import Account, PersonSession, SiteGrant
from cloud.database import Connection, in_transaction
from cloud.principal import INSTALLATION, Principal
from cloud.problems import HttpProblem, absent
from shared.errors import Refused

FIRST_ACCOUNT = "admin"
WRONG = "Account, password or code is wrong."
_DECOY_SECRET = "A" * 32
MIN_PASSWORD_LETTERS = 12
_FIRST_ACCOUNT_LOCK = 0x6465_6570
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_NAME: TypeAdapter[str] = TypeAdapter(AccountName)
_hasher = PasswordHasher()  # argon2id, RFC 9106's second recommended parameters (64 MiB)
_hash_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")  # bounds the memory that logins can take
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person with a live session."""

    principal: Principal
    session: str
    second_factor: bool = False


@dataclass(frozen=True, slots=True)
class Typed:
    """What a person types to prove who they are; `code` is empty for accounts without a second factor."""

    name: str
    password: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class FirstAccount:
    """The account made at the first start; the password is told once and kept nowhere."""

    name: str
    password: str


@cache
def _decoy_hash() -> str:
    return _hasher.hash(secrets.token_urlsafe(24))


def _verify(password_hash: str | None, password: str) -> bool:
    decoy = _decoy_hash()
    try:
        return _hasher.verify(password_hash or decoy, password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def _counter_key(kind: str, value: str) -> str:
    return f"{kind}:{hashlib.sha256(value.encode()).hexdigest()}"


def _token_sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def refuse(principal: Principal, subject: str) -> NoReturn:
    """Audits that somebody asked for what is absent or not theirs, then raises the one answer to both."""
    site = next(iter(principal.sites)) if len(principal.sites) == 1 else INSTALLATION
    async with in_transaction() as connection:
        await audit.record(connection, principal, "refused", site=site, subject=subject[:200])
    raise absent()


async def sign_in(typed: Typed, address: str, now_ns: int) -> tuple[str, SignedIn]:
    """A new session's token and person. Raises HttpProblem 401 for wrong credentials, 429 after too many tries."""
    account = await prove(typed, address, now_ns)
    token = secrets.token_urlsafe(32)
    async with in_transaction() as connection:
        await queries.forget_ended_sessions(connection, now_ns)
        await PersonSession.create(
            using_db=connection,
            token_sha256=_token_sha256(token),
            account=account,
            created_utc_ns=now_ns,
            used_utc_ns=now_ns,
        )
        await audit.record(connection, Principal(account.name, "person"), "signed_in", subject=account.name)
    found = await session_of(token, now_ns, background=True)
    if found is None:  # taken back in this very moment
        raise HttpProblem(401, WRONG)
    return token, found


async def prove(typed: Typed, address: str, now_ns: int) -> Account:
    """The account whose name, password and, where it has one, second factor these are.

    Every try counts against the name and the address. Raises HttpProblem 401 in one sentence for all that can be wrong,
    429 after too many tries.
    """
    keys = _counter_key("account", typed.name), _counter_key("address", address)
    async with in_transaction() as connection:
        await queries.forget_old_failures(connection, now_ns)
        by_name = await queries.count_try(connection, keys[0], now_ns)
        by_address = await queries.count_try(connection, keys[1], now_ns)
    wait_s = max(
        login_wait_s(by_name.failures - 1, LOGIN_FAILURES_PER_ACCOUNT, by_name.window_started_ns, now_ns),
        login_wait_s(by_address.failures - 1, LOGIN_FAILURES_PER_ADDRESS, by_address.window_started_ns, now_ns),
    )
    if wait_s:
        raise HttpProblem(429, f"Too many tries; please wait {wait_s} seconds.", retry_after_s=wait_s)
    account = await queries.account_named(typed.name)
    loop = asyncio.get_running_loop()
    password_hash = account.password_hash if account else None
    right = await loop.run_in_executor(_hash_threads, _verify, password_hash, typed.password)
    secret = account.totp_secret if account else None
    step = step_of(secret or _DECOY_SECRET, typed.code, now_ns)
    if account is not None and right and (secret is None or step is not None):
        async with in_transaction() as connection:
            if secret is None or await queries.take_step(connection, account.name, step or 0):
                await queries.uncount(connection, *keys)
                return account
    await _note_failure(account)
    raise HttpProblem(401, WRONG)


async def _note_failure(account: Account | None) -> None:
    # An unknown name is not written down: people type passwords into the wrong field.
    name = account.name if account else "unknown"
    async with in_transaction() as connection:
        await audit.record(connection, Principal(name, "person"), "login_failed", subject=name)


async def session_of(token: str | None, now_ns: int, *, background: bool) -> SignedIn | None:
    """The person behind a session token, None when it is unknown or has ended. A background request is not a use."""
    if not token or len(token) > 128:
        return None
    digest = _token_sha256(token)
    session = await queries.session_with(digest, now_ns)
    if session is None or session_ended(session.created_utc_ns, session.used_utc_ns, now_ns):
        return None
    if not background and now_ns - session.used_utc_ns >= TOUCH_STEP_NS:
        await queries.touch(digest, now_ns)
    return SignedIn(Principal.person(session.account, session.grants), digest, session.second_factor)


async def sign_out(person: SignedIn) -> None:
    """Ends the session."""
    async with in_transaction() as connection:
        await PersonSession.filter(token_sha256=person.session).using_db(connection).delete()
        await audit.record(connection, person.principal, "signed_out", subject=person.principal.name)


async def hash_of(password: str) -> str:
    """The argon2id hash to keep. Raises Refused for a password under 12 letters or over 256."""
    if not MIN_PASSWORD_LETTERS <= len(password) <= 256:
        raise Refused(f"A password has {MIN_PASSWORD_LETTERS} to 256 letters.")
    return await asyncio.get_running_loop().run_in_executor(_hash_threads, _hasher.hash, password)


async def create_account(
    connection: Connection,
    principal: Principal,
    name: str,
    password: str,
    role: Role,
    sites: Iterable[str],
    now_ns: int,
) -> None:
    """Makes an account for these sites. Raises Refused for a bad name, a password under 12 letters or a name taken."""
    try:
        _NAME.validate_python(name)
    except ValidationError as error:
        raise Refused("An account name is 1 to 64 small letters, digits, dots, dashes or underscores.") from error
    password_hash = await hash_of(password)
    if await Account.filter(name=name).using_db(connection).exists():
        raise Refused("This account name is taken.")
    account = await Account.create(
        using_db=connection, name=name, password_hash=password_hash, role=role.value, created_utc_ns=now_ns
    )
    granted = sorted(set(sites))
    await SiteGrant.bulk_create([SiteGrant(account=account, site=site) for site in granted], using_db=connection)
    await audit.record(
        connection, principal, "account_created", subject=name, details={"role": role.value, "sites": " ".join(granted)}
    )


async def ensure_first_account(sites: Iterable[str], now_ns: int) -> FirstAccount | None:
    """Makes the account `admin` for these sites when no account exists. The caller shows the password once."""
    async with in_transaction() as connection:
        await connection.execute_query("SELECT pg_advisory_xact_lock($1)", [_FIRST_ACCOUNT_LOCK])
        if await queries.any_account(connection):
            return None
        password = _new_password()
        system = Principal.system("accounts")
        await create_account(connection, system, FIRST_ACCOUNT, password, Role.admin, sites, now_ns)
    _log.info("first_account_created", account=FIRST_ACCOUNT)
    return FirstAccount(FIRST_ACCOUNT, password)


async def give_access(name: str, role: Role | None, sites: Iterable[str], now_ns: int) -> FirstAccount:
    """A new account for these sites; for a known name a new password, its sessions ended. The caller shows it once.

    Raises Refused for a bad name, for a new account without a role or sites, and for a known name with sites.
    """
    wanted = sorted(set(sites))
    password = _new_password()
    system = Principal.system("accounts")
    async with in_transaction() as connection:
        account = await Account.filter(name=name).using_db(connection).select_for_update().first()
        if account is None:
            if role is None or not wanted:
                raise Refused("A new account needs a --role and at least one --site.")
            await create_account(connection, system, name, password, role, wanted, now_ns)
            return FirstAccount(name, password)
        if wanted:
            raise Refused(f"The account {name} exists: leave out --site to give it a new password.")
        account.password_hash = await hash_of(password)
        await account.save(using_db=connection, update_fields=["password_hash"])
        await queries.end_sessions(connection, name)
        await audit.record(connection, system, "password_renewed", subject=name)
    return FirstAccount(name, password)


def _new_password() -> str:
    """Four groups of four letters that are not easily mistaken."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))
