"""The second wall between sites: PostgreSQL itself shows a person's request the rows of that person's sites alone.

The first wall is the principal that every query takes. Behind it each connection that serves a person takes the role
`deepepil_people`, for which every table with a `site` has a policy. A query that forgets its filter then finds nothing
foreign, and the role cannot alter the audit log. Beds, ingester and worker keep their own role: nothing there is slower.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import asyncpg

from cloud.principal import INSTALLATION, Principal
from shared.errors import Misconfigured

ROLE = "deepepil_people"
MAKES_PRINCIPALS = frozenset({"site_grant", "broken_glass"})
"""Read before anybody knows whose request it is: these rows say which sites a person has."""
_SITES = "string_to_array(current_setting('deepepil.sites', true), ',')"
_MINE = f"site = ANY ((SELECT {_SITES})::text[])"
_GUARD = f"""
CREATE OR REPLACE FUNCTION deepepil_head_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_user = '{ROLE}' AND (NEW.site <> OLD.site OR NEW.number <= OLD.number) THEN
    RAISE EXCEPTION 'the head of an audit chain only moves on' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER head_grows BEFORE UPDATE ON audit_head FOR EACH ROW EXECUTE FUNCTION deepepil_head_grows();
"""
_RIGHTS = f"""
GRANT USAGE ON SCHEMA public TO {ROLE};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {ROLE};
REVOKE UPDATE, DELETE, TRUNCATE ON audit_entry FROM {ROLE};
REVOKE DELETE, TRUNCATE ON audit_head FROM {ROLE};
REVOKE INSERT, UPDATE, DELETE ON tortoise_migrations FROM {ROLE};
"""
_UNFENCED = """
SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'site'
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT a.attisdropped AND NOT (c.relrowsecurity
  AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'by_site'))
ORDER BY 1
"""


@dataclass
class Asking:
    """Whose rows the running request may see: nobody's until a person was recognised."""

    sites: frozenset[str] = frozenset()
    session: str = ""


_asking: ContextVar[Asking | None] = ContextVar("deepepil_asking", default=None)


@contextmanager
def fenced() -> Iterator[Asking]:
    """All that the block asks of the database it asks as a person; as one without sites until `see` is called."""
    token = _asking.set(Asking())
    try:
        found = _asking.get()
        assert found is not None
        yield found
    finally:
        _asking.reset(token)


def see(principal: Principal, session: str = "") -> None:
    """From now on the running request sees this principal's sites and no others. Nothing happens outside `fenced`."""
    asking = _asking.get()
    if asking is not None:
        asking.sites, asking.session = principal.sites, session


@contextmanager
def unfenced() -> Iterator[None]:
    """For the few deeds of a request that are not the person's own, such as an entry in another site's audit chain."""
    token = _asking.set(None)
    try:
        yield
    finally:
        _asking.reset(token)


class FencedConnection(asyncpg.Connection):  # type: ignore[misc]  # the driver brings no types
    """A connection that knows which role and sites it bears, so that the next request of the same sites costs no trip.

    Nothing else of a session is ever changed by this program outside of a transaction, so nothing else is reset between two
    borrowers: that saves the trip that asyncpg's own reset makes each time.
    """

    bears: str | None = None
    """The sites for which the role was taken; None: its own role."""

    async def bear(self, sites: str | None) -> None:
        """Takes the role for these sites, or gives it back. A connection on which that fails is not used."""
        if sites == self.bears:
            return
        self.bears = "\0"  # nobody's sites, until it is known that the change was made
        if sites is None:
            await self.execute("RESET ROLE; RESET deepepil.sites")
        else:
            quoted = sites.replace("'", "''")
            await self.execute(f"SET ROLE {ROLE}; SET deepepil.sites = '{quoted}'")
        self.bears = sites


async def take_role(connection: Any) -> None:
    """For asyncpg's pool, at each lending of a connection: at most one trip to the server, none when it bears the sites."""
    asking = _asking.get()
    await connection.bear(None if asking is None else ",".join(sorted(asking.sites)))


async def keep_role(_connection: Any) -> None:
    """For asyncpg's pool, at each return, in place of its own reset: a transaction left open was rolled back before."""


async def raise_fence(connection: asyncpg.Connection) -> None:
    """Makes the role, its rights and the policies where they are missing; safe to repeat. Raises Misconfigured."""
    await _ensure_role(connection)
    async with connection.transaction():
        await connection.execute(_RIGHTS)
        await connection.execute(_GUARD)
        for table in await unfenced_tables(connection):
            mine = f"{_MINE} OR site = '{INSTALLATION}'" if table.startswith("audit_") else _MINE
            await connection.execute(
                f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY;'
                f'DROP POLICY IF EXISTS by_site ON "{table}";'
                f'CREATE POLICY by_site ON "{table}" TO {ROLE} USING ({mine}) WITH CHECK ({mine})'
            )


async def unfenced_tables(connection: asyncpg.Connection) -> list[str]:
    """Tables with a site that lack their policy."""
    names = [str(row["name"]) for row in await connection.fetch(_UNFENCED)]
    return [name for name in names if name not in MAKES_PRINCIPALS]


async def _ensure_role(connection: asyncpg.Connection) -> None:
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", ROLE):
            await connection.execute(f"CREATE ROLE {ROLE} NOLOGIN")
        if not await connection.fetchval("SELECT pg_has_role(current_user, $1, 'MEMBER')", ROLE):
            await connection.execute(f"GRANT {ROLE} TO CURRENT_USER")
    except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):  # another database of this server was quicker
        await _ensure_role(connection)
    except asyncpg.InsufficientPrivilegeError as error:
        user = await connection.fetchval("SELECT current_user")
        raise Misconfigured(
            f"The database server lacks the role {ROLE} and this account may not make it: let its administrator run"
            f" CREATE ROLE {ROLE} NOLOGIN; GRANT {ROLE} TO {user};"
        ) from error
