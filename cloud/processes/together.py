"""`all`: api, ingester and worker on one machine as child processes; what ends is started again, a stop is clean."""

from __future__ import annotations

import asyncio
import fcntl
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from cloud.database import EmbeddedServer, database_server
from cloud.processes.run import until_stopped
from cloud.schema import must_be_current
from cloud.settings import CloudSettings, folder_of
from shared.errors import Misconfigured

NAMES = ("api", "ingester", "worker")
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0
STEADY_S = 30.0
"""A child that lived this long is started again at once, whatever went before."""
STOP_LIMIT_S = 12.0
DATABASE_PERIOD_S = 1.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Child:
    """One program to keep running."""

    name: str
    command: Sequence[str]

    async def keep(self) -> None:
        """Runs it, again and again, until cancelled. Raises Misconfigured when it says at once that its settings are wrong."""
        wait_s = 0.0
        ran_before = False
        while True:
            await asyncio.sleep(wait_s)
            started_s = time.monotonic()
            code = await self._once()
            if code == Misconfigured.exit_code and not ran_before:
                raise Misconfigured(f"The process {self.name} cannot run with these settings; it said why above.")
            ran_before = True
            steady = time.monotonic() - started_s >= STEADY_S
            wait_s = 0.0 if steady else min(LONGEST_WAIT_S, max(FIRST_WAIT_S, 2 * wait_s))
            _log.warning("process_ended", name=self.name, code=code, again_in_s=wait_s)

    async def _once(self) -> int:
        process = await asyncio.create_subprocess_exec(*self.command, stdin=asyncio.subprocess.DEVNULL)
        _log.info("process_started", name=self.name, pid=process.pid)
        try:
            return await process.wait()
        except asyncio.CancelledError:
            await _end(process)
            raise


async def _end(process: asyncio.subprocess.Process) -> None:
    """Asks, waits, and kills what does not end."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_LIMIT_S)
    except TimeoutError:
        process.kill()
        await process.wait()


def children(config: Path) -> list[Child]:
    """The three processes, as this very Python runs them."""
    start = [sys.executable, "-m", "cloud.cli"]
    return [Child(name, [*start, name, "--config", str(config), "--end-with-parent"]) for name in NAMES]


class Together:
    """The process `all`; `config` is handed to the children."""

    def __init__(self, config: Path) -> None:
        self._children = children(config)

    async def run(self, settings: CloudSettings, stop: asyncio.Event) -> None:
        """Until `stop`; the embedded database is stopped last."""
        folder = folder_of(settings.database.url)
        if folder is None:
            async with database_server(settings.database) as address:
                await must_be_current(address)
            await until_stopped(stop, *(child.keep() for child in self._children))
            return
        with _alone(folder):
            server = EmbeddedServer(folder)
            try:
                async with database_server(settings.database) as address:
                    await must_be_current(address)
                    work = [child.keep() for child in self._children]
                    await until_stopped(stop, *work, _keep_database(server))
            finally:
                await asyncio.to_thread(server.stop)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds the embedded database for one `all`. Raises Misconfigured when another one runs on it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Misconfigured(f"database.url: another `deepepil-cloud all` runs on {folder}.") from error
        yield


async def _keep_database(server: EmbeddedServer) -> None:
    """Starts the embedded database again when it was killed."""
    await asyncio.to_thread(server.start)
    while True:
        await asyncio.sleep(DATABASE_PERIOD_S)
        if not await asyncio.to_thread(server.is_running):
            _log.warning("process_ended", name="database")
            await asyncio.to_thread(server.start)
            _log.info("process_started", name="database")
