"""A running demonstration's parts can be turned off and on by hand; a wrong request changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.demo.layout import Ports
from cloud.demo.programs import Program, start_program
from cloud.demo.run import Demo
from cloud.demo.switch import SOCKET_NAME, Deed, Switch, ask, read_request
from shared.errors import Refused, Transient


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """A demonstration whose only part is a program that sleeps."""
    demo = Demo(tmp_path, "simulator", tmp_path, Ports(0, 0, 0))
    demo.programs.append(start_program("bed-1", ["sleep", "600"], tmp_path / "logs", demo.tell))
    yield demo
    demo.programs[0].kill()


def part(demo: Demo) -> Program:
    return demo.programs[0]


@pytest.mark.parametrize("deed", ["off", "kill"])
def test_a_part_that_was_turned_off_stays_off_until_it_is_turned_on(demo: Demo, deed: Deed) -> None:
    demo.turn(deed, "bed-1")
    demo._start_what_ended()
    assert part(demo).ended
    demo.turn("on", "bed-1")
    assert not part(demo).ended


def test_a_part_that_ended_by_itself_is_started_again(demo: Demo) -> None:
    part(demo).child.kill()
    part(demo).child.wait()
    demo._start_what_ended()
    assert not part(demo).ended


def test_what_was_asked_over_the_socket_is_done_and_answered(demo: Demo) -> None:
    switch = Switch(demo.folder, demo.turn)
    try:
        assert ask(demo.folder, "off", "bed-1") == "bed-1 was turned off by hand."
        assert part(demo).ended
        with pytest.raises(Refused, match=r"There is no part cellar; there are bed-1\."):
            ask(demo.folder, "off", "cellar")
    finally:
        switch.close()


def test_without_a_running_demonstration_the_request_says_so(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="No demonstration runs in"):
        ask(tmp_path, "off", "cloud")


def test_the_socket_goes_with_the_demonstration_and_an_old_one_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / SOCKET_NAME).touch()
    Switch(tmp_path, lambda deed, name: f"{name} {deed}").close()
    assert not (tmp_path / SOCKET_NAME).exists()


@pytest.mark.parametrize("raw", [b"", b"off", b"off a b", b"burn cloud", b"\xff\xfe\x00"])
def test_a_request_of_another_shape_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused, match="The request is not"):
        read_request(raw)
