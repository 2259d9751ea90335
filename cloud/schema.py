"""Brings a database to the shape that this version needs: the tables by their migrations, then the job queue. Safe to repeat."""

from __future__ import annotations

import asyncpg
from procrastinate.schema import SchemaManager
from tortoise import Tortoise
from tortoise.migrations.api import migrate

from cloud.database import DatabaseAddress, tortoise_config

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
