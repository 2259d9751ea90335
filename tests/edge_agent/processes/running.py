"""A bed's process in a thread of the test: its real module, context, bus and database; only the signals are missing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from edge_agent.bus import Subscriber
from edge_agent.bus_messages import Beat, BusTopic
from edge_agent.ring.folder import prepare_folder
from edge_agent.runner import Context
from edge_agent.settings import Settings
from shared.clock import SystemClock
from tests.waiting import wait_for


def make_settings(folder: Path, *, mqtt_port: int = 1, cloud_port: int = 1, bed: str = "bed-4") -> Settings:
    """Settings of a bed of the site north in `folder`, releases in `folder`/releases."""
    prepare_folder(folder, "north", bed)
    (folder / "releases").mkdir(exist_ok=True)
    sections: dict[str, Any] = {
        "bed": {"site": "north", "bed": bed},
        "storage": {"folder": str(folder), "max_bytes": 10**9},
        "source": {"kind": "simulator"},
        "detector": {"releases_folder": str(folder / "releases"), "release": "brightness"},
        "mqtt": {"host": "127.0.0.1", "port": mqtt_port},
        "cloud": {"url": f"http://127.0.0.1:{cloud_port}"},
    }
    return Settings.model_validate(sections)


@contextmanager
def running(module: ModuleType, settings: Settings) -> Iterator[Context]:
    """Runs `module.run` until the block ends; a failure of it fails the test."""
    name = module.__name__.rpartition(".")[2]
    context = Context(settings, name, SystemClock())
    failures: list[BaseException] = []

    def run() -> None:
        try:
            module.run(context)
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield context
    finally:
        context.stop.set()
        thread.join(20)
        stuck = thread.is_alive()
        if not stuck:
            context.close()
    assert not stuck, f"{name} did not stop"
    if failures:
        raise failures[0]


class Listener:
    """Hears one topic of a running process; `join` returns once nothing that the process says from then on can be missed."""

    def __init__(self, folder: Path, topic: BusTopic, process: str) -> None:
        self._inbox = Subscriber(folder, (topic, BusTopic.beat))
        self._topic, self._process = topic, process

    def join(self) -> None:
        """A socket that connects late hears nothing of before; a beat that arrived shows that it is connected."""
        wait_for(self._hears_a_beat, f"a beat of the {self._process}")

    def _hears_a_beat(self) -> bool:
        found = self._inbox.receive(100)
        return found is not None and isinstance(found[1], Beat) and found[1].process == self._process

    def next(self) -> Any:
        """The next message of the topic."""
        heard: list[Any] = []

        def take() -> bool:
            found = self._inbox.receive(100)
            if found is not None and found[0] is self._topic:
                heard.append(found[1])
            return bool(heard)

        wait_for(take, f"a message about {self._topic}")
        return heard[0]

    def close(self) -> None:
        self._inbox.close()
