"""Brings a database to the shape that this version needs: the tables by their migrations, the job queue, the fence between
sites. Safe to repeat.
"""

from __future__ import annotations

from pathlib import Path

import asyncpg
from procrastinate.schema import SchemaManager
from tortoise import Tortoise
from tortoise.migrations.api import migrate

from cloud.database import DatabaseAddress, tortoise_config
from cloud.scope import raise_fence, unfenced_tables
from shared.errors import Misconfigured

MIGRATIONS_FOLDER = Path(__file__).parent / "migrations"
OFFLINE = tortoise_config(DatabaseAddress("127.0.0.1", 5432, "postgres", "", "deepepil"), 1)
"""For `tortoise -c cloud.schema.OFFLINE makemigrations`, which writes the next migration and needs no database."""
_MIGRATION_LOCK = 0x0DEE_9E91


async def migrate_database(address: DatabaseAddress) -> None:
    """Applies what is missing. Several processes may call it at once: one works, the others wait for it."""
    guard = await asyncpg.connect(address.url, timeout=30)
    try:
        await guard.execute("SELECT pg_advisory_lock($1)", _MIGRATION_LOCK)
        try:
            await migrate(config=tortoise_config(address, 2), direction="forward")
        finally:
            await Tortoise.close_connections()
        await prepare_jobs(address)
        await raise_fence(guard)
    finally:
        await guard.close()


async def prepare_jobs(address: DatabaseAddress) -> None:
    """Makes the job queue's tables and functions where they are missing."""
    connection = await asyncpg.connect(address.url, timeout=30)
    try:
        if await connection.fetchval("SELECT to_regclass('public.procrastinate_jobs')") is None:
            async with connection.transaction():
                await connection.execute(SchemaManager.get_schema())
    finally:
        await connection.close()


async def must_be_current(address: DatabaseAddress) -> None:
    """Raises Misconfigured when migrations of this version are missing in the database, or the database is of a newer one."""
    connection = await asyncpg.connect(address.url, timeout=30)
    try:
        known = await connection.fetchval("SELECT to_regclass('public.tortoise_migrations')") is not None
        rows = await connection.fetch("SELECT name FROM tortoise_migrations WHERE app = 'cloud'") if known else []
        unfenced = await unfenced_tables(connection)
    finally:
        await connection.close()
    applied = {str(row["name"]) for row in rows}
    wanted = {path.stem for path in MIGRATIONS_FOLDER.glob("[0-9]*.py")}
    if wanted - applied or unfenced:
        raise Misconfigured("The database is not prepared for this version; run `deepepil-cloud migrate` first.")
    if applied - wanted:
        raise Misconfigured("The database belongs to a newer version of this program.")
