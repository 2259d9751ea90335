"""The database: addresses, jobs that share the fate of the transaction that queued them."""

from __future__ import annotations

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.database import DatabaseAddress, defer_in_transaction, in_transaction
from shared.errors import Misconfigured


async def _jobs(address: DatabaseAddress) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(address.url)
    try:
        found: list[asyncpg.Record] = await connection.fetch(
            "SELECT task_name, args::text, queue_name, scheduled_at FROM procrastinate_jobs ORDER BY id"
        )
        return found
    finally:
        await connection.close()


async def test_no_statement_is_compiled_before_it_runs(database: DatabaseAddress) -> None:
    async with in_transaction() as connection:
        (row,) = await connection.execute_query_dict("SELECT current_setting('jit') AS jit")
    assert row["jit"] == "off"


async def test_a_job_exists_once_its_transaction_commits(database: DatabaseAddress) -> None:
    async with in_transaction() as connection:
        number = await defer_in_transaction(connection, "watch_clip", {"event_id": "x"}, scheduled_in_s=600)
        assert await _jobs(database) == []
    jobs = await _jobs(database)
    assert number is not None
    assert [(job["task_name"], job["args"], job["queue_name"]) for job in jobs] == [
        ("watch_clip", '{"event_id": "x"}', "upkeep")
    ]
    assert jobs[0]["scheduled_at"] is not None


async def test_a_job_of_a_failed_transaction_never_existed(database: DatabaseAddress) -> None:
    async def fails() -> None:
        async with in_transaction() as connection:
            await defer_in_transaction(connection, "watch_clip", {})
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        await fails()
    assert await _jobs(database) == []


async def test_a_taken_queueing_lock_leaves_the_callers_work_standing(database: DatabaseAddress) -> None:
    async with in_transaction() as connection:
        first = await defer_in_transaction(connection, "classify_event", {}, queueing_lock="one")
    async with in_transaction() as connection:
        second = await defer_in_transaction(connection, "classify_event", {}, queueing_lock="one")
        third = await defer_in_transaction(connection, "classify_event", {}, queueing_lock="other")
    assert (first is None, second is None, third is None) == (False, True, False)
    assert len(await _jobs(database)) == 2


@given(
    user=st.text(min_size=1, max_size=8).filter(lambda text: text.isprintable() and text.isascii()),
    password=st.text(max_size=8).filter(lambda text: text.isprintable() and text.isascii()),
    host=st.sampled_from(["db.example", "127.0.0.1", "/run/a socket/folder"]),
)
def test_an_address_survives_its_own_url(user: str, password: str, host: str) -> None:
    address = DatabaseAddress(host, 5433, user, password, "deepepil")
    assert DatabaseAddress.parse(address.url) == address


@pytest.mark.parametrize("url", ["postgresql://host", "postgresql://host:port/name", "mysql://host/name"])
def test_a_wrong_database_url_is_refused_in_words(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"database\.url"):
        DatabaseAddress.parse(url)
