"""The service manager hears when we are ready and that we are alive, and nothing breaks where there is none."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.clock import NS_PER_S
from shared.service_manager import READY, ServiceManager


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A datagram socket that stands for systemd's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.setblocking(False)
        yield line


def heard(line: socket.socket) -> list[str]:
    words = []
    while True:
        try:
            words.append(line.recv(4096).decode())
        except BlockingIOError:
            return words


def test_a_word_reaches_the_manager(manager: socket.socket) -> None:
    ServiceManager({"NOTIFY_SOCKET": manager.getsockname()}).tell(READY)
    assert heard(manager) == ["READY=1"]


def test_signs_of_life_go_out_three_times_as_often_as_the_watchdog_wants(manager: socket.socket) -> None:
    told = ServiceManager({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "30000000"})
    assert told.period_s == 10
    for second in (1, 2, 10, 11, 12, 21):
        told.alive(second * NS_PER_S)
    assert heard(manager) == ["WATCHDOG=1"] * 3


def test_a_child_of_the_service_does_not_speak_for_it(manager: socket.socket) -> None:
    environment = {
        "NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid() + 1),
    }  # fmt: skip
    told = ServiceManager(environment)
    told.alive(NS_PER_S)
    assert told.period_s is None
    assert heard(manager) == []


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/notify", "WATCHDOG_USEC": "1000000"}])
def test_where_nobody_listens_nothing_happens(environment: dict[str, str]) -> None:
    told = ServiceManager(environment)
    told.tell(READY)
    told.alive(NS_PER_S)
