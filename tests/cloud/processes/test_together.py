"""`all` and what all processes share: what ends is started again, a stop leaves nobody, wrong settings end it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from cloud.processes import together
from cloud.processes.run import until_stopped
from cloud.processes.together import Child
from shared.errors import Misconfigured, Transient

WAITS = "import os, pathlib, time; pathlib.Path(os.sys.argv[1]).open('a').write(f'{os.getpid()}\\n'); time.sleep(600)"


def child(code: str, *args: str) -> Child:
    return Child("test", [sys.executable, "-c", code, *args])


async def pids(path: Path, count: int) -> list[int]:
    """The ids of all programs started so far, once there are `count` of them."""

    async def enough() -> list[int]:
        while True:
            lines = path.read_text().splitlines() if path.exists() else []
            if len(lines) >= count:
                return [int(line) for line in lines]
            await asyncio.sleep(0.01)

    return await asyncio.wait_for(enough(), 60)


async def test_a_killed_child_is_started_again_and_a_stop_leaves_nobody(tmp_path: Path) -> None:
    path = tmp_path / "pids"
    keeping = asyncio.create_task(child(WAITS, str(path)).keep())
    os.kill((await pids(path, 1))[0], signal.SIGKILL)
    started = await pids(path, 2)
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
    assert not [pid for pid in started if psutil.pid_exists(pid)]


async def test_a_child_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "STOP_LIMIT_S", 0.2)
    path = tmp_path / "pids"
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    keeping = asyncio.create_task(child(deaf + WAITS, str(path)).keep())
    started = await pids(path, 1)
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
    assert not psutil.pid_exists(started[0])


async def test_a_child_with_wrong_settings_is_not_started_again() -> None:
    with pytest.raises(Misconfigured, match="test"):
        await asyncio.wait_for(child("raise SystemExit(78)").keep(), 60)


async def test_waits_grow_between_starts_that_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 8:
            raise asyncio.CancelledError

    async def fails(_child: Child) -> int:
        return 1

    monkeypatch.setattr(together.asyncio, "sleep", note)
    monkeypatch.setattr(Child, "_once", fails)
    with pytest.raises(asyncio.CancelledError):
        await child("").keep()
    assert waits == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_only_one_all_runs_on_an_embedded_database(tmp_path: Path) -> None:
    with (
        together._alone(tmp_path / "database"),
        pytest.raises(Misconfigured, match="another"),
        together._alone(tmp_path / "database"),
    ):
        pass
    with together._alone(tmp_path / "database"):
        pass


async def test_a_stop_ends_all_loops() -> None:
    stop, ended = asyncio.Event(), []

    async def loop(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    asyncio.get_running_loop().call_soon(stop.set)
    await until_stopped(stop, loop("a"), loop("b"))
    assert sorted(ended) in ([], ["a", "b"])


async def test_a_loop_that_fails_or_ends_ends_the_process_with_a_word() -> None:
    async def fails() -> None:
        raise ArithmeticError

    async def ends() -> None:
        return

    async def waits() -> None:
        await asyncio.Event().wait()

    with pytest.raises(ArithmeticError):
        await until_stopped(asyncio.Event(), waits(), fails())
    with pytest.raises(Transient, match="ended by itself"):
        await until_stopped(asyncio.Event(), waits(), ends())
