"""The doctor names what is wrong in a sentence with a page that is there, and finds nothing at a bed that is well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.bus_messages import Beat, BusTopic, CameraFact, ProcessState, ProcessStates
from edge_agent.cli import main
from edge_agent.doctor import after_upgrade, examine, page_of, refuse_upgrade_now
from edge_agent.process_table import ROWS
from edge_agent.processes.heartbeat import write_heartbeat
from edge_agent.ring.folder import locked, prepare_folder
from edge_agent.settings import Settings, load_settings
from shared.errors import Transient
from shared.finding import certificate_findings
from shared.score import Score
from tests.authority import TestAuthority
from tests.edge_agent.small_agent import write_settings
from tests.edge_agent.test_health import Machine, health_of
from tests.fakes.clock import FakeClock
from tests.fakes.frame_source import camera_info

PAGES = Path(__file__).parents[2] / "docs/operations"


def nobody(_host: str, _port: int) -> str | None:
    return "connection refused"


def everybody(_host: str, _port: int) -> str | None:
    return None


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(write_settings(tmp_path, tmp_path / "none.mkv"))


@contextmanager
def running(folder: Path, clock: FakeClock) -> Iterator[Machine]:
    """An agent that holds its folder and whose loops all move on."""
    prepare_folder(folder, "north", "bed-4")
    machine = health_of(folder, clock)
    now_ns = clock.monotonic_ns()
    machine.health.hear(BusTopic.camera, CameraFact(mono_ns=now_ns, opened=camera_info()))
    machine.health.hear(
        BusTopic.score, Score(mono_ns=now_ns, utc_ns=clock.utc_ns(), value=0.1, motor_types={}, release="detector-v0")
    )
    for pid, row in enumerate(ROWS, start=10):
        machine.usage[pid] = (1.0, 10**8)
        machine.health.hear(BusTopic.beat, Beat(process=row.name, pid=pid, mono_ns=now_ns))
    states = [ProcessState(name=row.name, pid=pid, running=True, restarts=0) for pid, row in enumerate(ROWS, start=10)]
    machine.health.hear(BusTopic.processes, ProcessStates(mono_ns=now_ns, states=states))
    with locked(folder, "supervisor"):
        yield machine


def sentences(settings: Settings, clock: FakeClock) -> list[str]:
    return [finding.sentence for finding in examine(settings, clock, everybody)]


def test_a_bed_that_is_well_has_nothing(settings: Settings) -> None:
    clock, folder = FakeClock(), settings.storage.folder
    with running(folder, clock) as machine:
        write_heartbeat(folder, machine.health.heartbeat())
        assert examine(settings, clock, everybody) == []
        assert after_upgrade(settings, clock) == []


def test_an_agent_that_never_ran_that_stopped_or_that_is_silent_is_told_apart(settings: Settings) -> None:
    clock, folder = FakeClock(), settings.storage.folder
    assert sentences(settings, clock) == [f"The agent never ran in {folder}."]
    with running(folder, clock) as machine:
        assert sentences(settings, clock) == ["The agent runs and has not told its health yet."]
        write_heartbeat(folder, machine.health.heartbeat())
        clock.advance(90)
        assert sentences(settings, clock) == ["The agent runs and told its health 90 s ago last."]
    assert sentences(settings, clock) == ["The agent does not run; `journalctl -u deepepil-edge` says why."]


def test_broker_and_cloud_are_tried_and_named(settings: Settings) -> None:
    found = [finding for finding in examine(settings, FakeClock(), nobody) if finding.page == "lost-network"]
    assert [finding.sentence for finding in found] == [
        "The broker 127.0.0.1:1 cannot be reached: connection refused.",
        "The cloud 127.0.0.1:1 cannot be reached: connection refused.",
    ]


def test_every_alarm_of_the_bed_is_a_finding(settings: Settings) -> None:
    clock, folder = FakeClock(), settings.storage.folder
    with running(folder, clock) as machine:
        machine.utc_error[0] = None
        write_heartbeat(folder, machine.health.heartbeat())
        (finding,) = examine(settings, clock, everybody)
    assert (finding.sentence, finding.page) == (
        "The wall clock is not synchronised; times of day may be wrong.",
        "trouble",
    )


@pytest.mark.parametrize(
    ("alarm", "page"),
    [
        ("The disk is full; nothing is recorded.", "disk-full"),
        ("The ring grows by 12.0 MB/s: it holds 20.0 h at the present rate, not 72 h.", "disk-full"),
        ("3 events are parked at the bed until the outbox has room.", "lost-network"),
        ("A segment could not be written to the disk; it is in quarantine.", "replace-a-box"),
        ("The camera is lost: The cable is out.", "trouble"),
    ],
)
def test_an_alarm_leads_to_its_page(alarm: str, page: str) -> None:
    assert page_of(alarm) == page
    assert (PAGES / f"{page}.md").exists()


def test_a_new_version_must_show_its_loops_its_camera_and_scores(settings: Settings) -> None:
    clock, folder = FakeClock(), settings.storage.folder
    with running(folder, clock) as machine:
        machine.usage.clear()
        machine.health.hear(BusTopic.camera, CameraFact(mono_ns=1, opened=None, sentence="The cable is out."))
        clock.advance(61)
        write_heartbeat(folder, machine.health.heartbeat().model_copy(update={"version": "0.0.1"}))
        found = [finding.sentence for finding in after_upgrade(settings, clock)]
    assert found[0].startswith("The agent that runs is version 0.0.1, not ")
    assert found[1:-2] == [f"{row.name} does not run." for row in ROWS]
    assert found[-2:] == ["The camera is not open: The cable is out.", "The detector gives no scores."]


def test_an_upgrade_waits_for_an_open_event(settings: Settings) -> None:
    refuse_upgrade_now(settings)
    folder = settings.storage.folder
    with running(folder, FakeClock()) as machine:
        connection = machine.health._connection
        refuse_upgrade_now(settings)
        connection.execute("INSERT INTO events (event_id, phase, revision, report) VALUES ('e', 'opened', 0, '{}')")
        connection.commit()
        with pytest.raises(Transient, match="1 events are open"):
            refuse_upgrade_now(settings)


def test_a_certificate_is_told_before_it_ends_and_when_it_is_gone(tmp_path: Path) -> None:
    import time

    path = TestAuthority(tmp_path).issue("north.bed-1").certificate_file
    now_ns = time.time_ns()
    day_ns = 86_400 * 10**9
    assert list(certificate_findings(path, now_ns)) == []
    assert "ends in" in next(certificate_findings(path, now_ns + 720 * day_ns)).sentence
    assert "ended" in next(certificate_findings(path, now_ns + 740 * day_ns)).sentence
    assert "cannot be read" in next(certificate_findings(tmp_path / "none", now_ns)).sentence


def test_the_command_ends_with_one_and_leads_to_pages_that_are_there(tmp_path: Path) -> None:
    config = write_settings(tmp_path, tmp_path / "none.mkv")
    found = CliRunner().invoke(main, ["doctor", "--config", str(config)])
    assert found.exit_code == 1
    assert "fault: The agent never ran in" in found.stdout
    for line in found.stdout.splitlines():
        if "see docs/operations/" in line:
            assert (PAGES / line.rsplit("/", 1)[1]).exists()
    waiting = CliRunner().invoke(main, ["doctor", "--config", str(config), "--may-upgrade"])
    assert (waiting.exit_code, waiting.stdout) == (0, "No event is open.\n")
