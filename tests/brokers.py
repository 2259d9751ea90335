"""A real Mosquitto on a free port for tests, plain or with mutual TLS; it can be killed and come back empty."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.authority import Certificate, TestAuthority
from tests.waiting import wait_for


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def mosquitto_program() -> str:
    """The installed Mosquitto; skips the test where there is none."""
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip("Mosquitto is not installed; `apt-get install mosquitto` brings it.")
    return found


class Broker:
    """One Mosquitto without any memory on disk: `kill` forgets every session and retained message."""

    def __init__(
        self,
        folder: Path,
        *,
        authority: TestAuthority | None = None,
        server: Certificate | None = None,
        more: str = "",
        log: str = "all",
    ) -> None:
        self.port = free_port()
        self.ca_file = authority.ca_file if authority is not None else None
        lines = [f"listener {self.port} 127.0.0.1", "persistence false", "log_dest stderr", f"log_type {log}", more]
        if authority is not None and server is not None:
            lines += [f"cafile {authority.ca_file}", f"certfile {server.certificate_file}"]
            lines += [f"keyfile {server.key_file}", "require_certificate true", "use_identity_as_username true"]
        else:
            lines.append("allow_anonymous true")
        if os.geteuid() == 0:
            lines.append("user root")  # else it gives up root and cannot read the folder of the test
        self._log = folder / f"mosquitto-{self.port}.log"
        self._file = folder / f"mosquitto-{self.port}.conf"
        self._file.write_text("\n".join(line for line in lines if line) + "\n")
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it listens."""
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                [mosquitto_program(), "-c", str(self._file)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_for(self._listens, f"Mosquitto on port {self.port}")

    def _listens(self) -> bool:
        assert self._child is not None
        assert self._child.poll() is None, self.log
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """SIGKILL: no goodbye to anyone."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    @property
    def pid(self) -> int | None:
        """Its process number while it runs."""
        return self._child.pid if self._child is not None else None

    @property
    def log(self) -> str:
        """What the broker said so far."""
        return self._log.read_text(errors="replace")


BrokerMaker = Callable[..., Broker]


@contextmanager
def brokers(folder: Path) -> Iterator[BrokerMaker]:
    """Makes brokers and ends them all at the end."""
    made: list[Broker] = []

    def make(**options: object) -> Broker:
        broker = Broker(folder, **options)  # type: ignore[arg-type]
        made.append(broker)
        broker.start()
        return broker

    try:
        yield make
    finally:
        for broker in made:
            broker.kill()
