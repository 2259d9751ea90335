"""The heartbeat tells what is, and each alarm is a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_agent.bus_messages import Beat, BusTopic, CameraFact, ProcessState, ProcessStates
from edge_agent.database import open_database
from edge_agent.health import Health
from edge_agent.settings import StorageSettings
from shared.frame import Stream
from shared.gap import GapCause
from shared.heartbeat import ClockHealth, HourCoverage, StreamCoverage
from shared.live_view import LiveHealth
from shared.score import Score
from shared.topics import RULES, Topic
from tests.edge_agent.ring.recording_bed import RecordingBed, desired
from tests.fakes.clock import FakeClock
from tests.fakes.frame_source import camera_info

GB = 10**9


@dataclass
class Machine:
    """What the health reads of the machine, set by the test."""

    health: Health
    clock: FakeClock
    usage: dict[int, tuple[float, int]] = field(default_factory=dict)
    free: list[int] = field(default_factory=lambda: [500 * GB])
    utc_error: list[int | None] = field(default_factory=lambda: [1_000_000])

    def alarms(self) -> str:
        return " ".join(self.health.heartbeat().alarms)

    def beat(self, process: str = "recorder", pid: int = 7, **counters: float) -> None:
        message = Beat(process=process, pid=pid, mono_ns=self.clock.monotonic_ns(), counters=counters)
        self.health.hear(BusTopic.beat, message)


def health_of(folder: Path, clock: FakeClock | None = None, max_bytes: int = 400 * GB) -> Machine:
    clock = clock or FakeClock()
    usage: dict[int, tuple[float, int]] = {}
    free = [500 * GB]
    utc_error: list[int | None] = [1_000_000]
    folder.mkdir(exist_ok=True)
    storage = StorageSettings(folder=folder, max_bytes=max_bytes, max_hours=72, reserve_bytes=GB)
    health = Health(storage, open_database(folder), clock, usage.get, lambda: free[0], lambda: utc_error[0])
    return Machine(health, clock, usage, free, utc_error)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return health_of(tmp_path / "bed")


def score(machine: Machine, value: float = 0.25) -> Score:
    now = machine.clock.monotonic_ns()
    return Score(mono_ns=now, utc_ns=machine.clock.utc_ns(), value=value, motor_types={}, release="detector-v0")


def test_a_fresh_bed_has_no_alarm_and_promises_what_the_settings_say(machine: Machine) -> None:
    heartbeat = machine.health.heartbeat()
    assert heartbeat.alarms == []
    assert heartbeat.promise_hours == 72
    assert heartbeat.camera == "reopening"
    assert heartbeat.coverage_1h == {}
    assert heartbeat.disk_free_bytes == 500 * GB


def test_the_camera_is_open_or_the_reason_is_told(machine: Machine) -> None:
    machine.health.hear(BusTopic.camera, CameraFact(mono_ns=1, opened=camera_info()))
    assert machine.health.heartbeat().camera == "open"
    machine.health.hear(BusTopic.camera, CameraFact(mono_ns=1, opened=None, sentence="The cable is out. " * 9))
    heartbeat = machine.health.heartbeat()
    assert heartbeat.camera.startswith("The cable is out.")
    assert len(heartbeat.camera) <= 64
    assert "The camera is lost: The cable is out." in machine.alarms()


def test_an_open_camera_that_cannot_be_trusted_is_an_alarm(machine: Machine) -> None:
    machine.health.hear(BusTopic.camera, CameraFact(mono_ns=1, opened=camera_info(), sentence="The camera is stuck."))
    assert machine.health.heartbeat().alarms == ["The camera is stuck."]


@pytest.mark.parametrize(
    ("process", "counters", "words"),
    [
        ("recorder", {"disk_full": 1.0}, "The disk is full; nothing is recorded."),
        ("recorder", {"condemned": 2.0}, "it is in quarantine"),
        ("evictor", {"blocked": 1.0}, "events hold all of it"),
    ],
)
def test_what_a_process_counts_becomes_a_sentence(
    machine: Machine, process: str, counters: dict[str, float], words: str
) -> None:
    message = Beat(process=process, pid=7, mono_ns=machine.clock.monotonic_ns(), counters=counters)
    machine.health.hear(BusTopic.beat, message)
    assert words in machine.alarms()


def test_a_loop_that_stands_still_is_named_though_its_process_lives(machine: Machine) -> None:
    machine.usage[7] = (1.0, 100)
    machine.beat("recorder")
    machine.clock.advance(14)
    assert "recorder makes no progress" not in machine.alarms()
    machine.clock.advance(2)
    heartbeat = machine.health.heartbeat()
    assert "recorder makes no progress." in heartbeat.alarms
    assert heartbeat.processes[0].running
    assert heartbeat.processes[0].progress_age_s == 16


def test_cores_and_memory_of_each_process_are_told(machine: Machine) -> None:
    state = ProcessState(name="recorder", pid=7, running=True, restarts=3)
    machine.health.hear(BusTopic.processes, ProcessStates(mono_ns=1, states=[state]))
    machine.usage[7] = (10.0, 1000)
    machine.health.heartbeat()
    machine.clock.advance(5)
    machine.usage[7] = (10.5, 2000)
    (process,) = machine.health.heartbeat().processes
    assert process.core_share == pytest.approx(0.1)
    assert (process.rss_bytes, process.restarts) == (2000, 3)


def test_a_process_that_is_gone_does_not_run(machine: Machine) -> None:
    machine.beat("recorder", pid=99)
    (process,) = machine.health.heartbeat().processes
    assert not process.running
    assert process.rss_bytes == 0


def test_the_supervisors_alarm_is_passed_on(machine: Machine) -> None:
    state = ProcessState(name="proxy", pid=0, running=False, restarts=11, alarm="proxy was restarted too often.")
    machine.health.hear(BusTopic.processes, ProcessStates(mono_ns=1, states=[state]))
    assert "proxy was restarted too often." in machine.alarms()


def test_scores_flow_or_the_silence_is_told(machine: Machine) -> None:
    machine.health.hear(BusTopic.score, score(machine))
    heartbeat = machine.health.heartbeat()
    assert (heartbeat.release, heartbeat.last_score) == ("detector-v0", 0.25)
    machine.clock.advance(61)
    heartbeat = machine.health.heartbeat()
    assert (heartbeat.release, heartbeat.last_score) == (None, None)
    assert "The detector gave no score for 60 s." in heartbeat.alarms


def test_frames_lost_on_the_bus_add_up_over_restarts_of_the_recorder(machine: Machine) -> None:
    machine.beat(pid=7, lapped=3)
    machine.beat(pid=7, lapped=5)
    machine.beat(pid=8, lapped=2)
    assert machine.health.heartbeat().dropped_frames == 7


def test_the_age_of_the_last_frame_is_told(machine: Machine) -> None:
    machine.beat(last_frame_s=machine.clock.monotonic_ns() / 1e9)
    machine.clock.advance(3)
    assert machine.health.heartbeat().last_frame_age_s == pytest.approx(3, abs=0.001)


def test_the_ring_its_coverage_and_its_promise_come_from_the_catalogue(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    bed.play([*range(150), *range(300, 450)])
    bed.recorder.close_segment()
    machine = health_of(tmp_path, bed.clock, max_bytes=100_000_000)
    heartbeat = machine.health.heartbeat()
    assert heartbeat.coverage_1h[Stream.depth] == pytest.approx(300 / 450, abs=0.01)
    assert heartbeat.ring_bytes == sum(row.size_bytes for row in bed.sealed)
    per_hour = heartbeat.ring_bytes / heartbeat.ring_hours
    assert heartbeat.promise_hours == pytest.approx(100_000_000 / per_hour, rel=0.01)
    assert "h at the present rate, not 72 h." in machine.alarms()


def test_coverage_of_a_bed_that_stopped_recording_falls(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    bed.play(range(300))
    bed.recorder.close_segment()
    machine = health_of(tmp_path, bed.clock)
    assert machine.health.heartbeat().coverage_1h[Stream.depth] == pytest.approx(1.0, abs=0.01)
    bed.clock.advance(30)
    assert machine.health.heartbeat().coverage_1h[Stream.depth] == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("counters", "words"),
    [
        ({"drift_ppm": -390.0}, ""),
        ({"drift_ppm": 520.0}, "runs 520 ppm off"),
        ({"drift_ppm": -1e9}, "ppm off"),
    ],
)
def test_a_camera_clock_that_runs_off_is_told(machine: Machine, counters: dict[str, float], words: str) -> None:
    machine.beat(**counters)
    assert words in machine.alarms() if words else not machine.alarms()


def test_the_clocks_are_in_the_heartbeat(machine: Machine) -> None:
    assert machine.health.heartbeat().clock == ClockHealth(
        device_drift_ppm=None, clock_error_ns=None, utc_error_ns=1_000_000
    )
    machine.beat(drift_ppm=-390.0, clock_error_s=0.012, clock_duplicate=3, clock_utc_step=1)
    assert machine.health.heartbeat().clock == ClockHealth(
        device_drift_ppm=-390.0, clock_error_ns=12_000_000, utc_error_ns=1_000_000,
        faults={"duplicate": 3, "utc_step": 1},
    )  # fmt: skip


def test_a_wall_clock_that_nobody_keeps_is_an_alarm(machine: Machine) -> None:
    machine.utc_error[0] = 1_500_000_000
    assert "The wall clock may be off by 1.5 s." in machine.alarms()
    machine.utc_error[0] = None
    assert "The wall clock is not synchronised" in machine.alarms()


def test_an_hour_with_holes_is_an_alarm_that_names_the_largest_cause(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    bed.play(range(3000), lapped=range(1000, 1042), unheard=range(2000, 2020))
    bed.recorder.close_segment()
    machine = health_of(tmp_path, bed.clock)
    assert (
        "Only 97.9 % of the last hour was recorded (depth); most was lost because the recorder was too slow (2 s)."
        in (machine.alarms())
    )
    bed.play(range(3000, 9000))
    bed.recorder.close_segment()
    assert "of the last hour" not in machine.alarms()


def test_a_pause_is_no_loss_and_a_bed_that_was_paused_all_along_has_no_coverage(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    bed.play(range(300))
    bed.recorder.obey(desired(1, paused=True))
    bed.play(range(300, 2700))
    machine = health_of(tmp_path, bed.clock)
    bed.recorder.stop()
    heartbeat = machine.health.heartbeat()
    assert heartbeat.coverage_1h[Stream.depth] == pytest.approx(1.0, abs=0.001)
    (hour,) = heartbeat.coverage_hours
    assert hour.streams[Stream.depth].not_wanted[GapCause.privacy_pause] == pytest.approx(80 / 3600, abs=0.001)
    assert hour.streams[Stream.depth].lost == {}
    bed.clock.advance(0.1)
    assert "of the last hour" not in machine.alarms()


def test_a_heartbeat_with_all_its_hours_is_well_below_the_limit_of_a_message(tmp_path: Path) -> None:
    lost = dict.fromkeys(list(GapCause)[:5], 0.1234)
    stream = StreamCoverage(recorded=0.1234, wanted=0.9876, lost=lost, not_wanted={GapCause.privacy_pause: 0.1234})
    hours = [
        HourCoverage(start_utc_ns=10**18, streams=dict.fromkeys((Stream.depth, Stream.ir, Stream.colour), stream))
        for _ in range(25)
    ]
    heartbeat = health_of(tmp_path / "bed").health.heartbeat().model_copy(update={"coverage_hours": hours})
    assert len(heartbeat.model_dump_json()) < RULES[Topic.heartbeat].limit_bytes // 2


def test_dead_letters_are_an_alarm(tmp_path: Path) -> None:
    machine = health_of(tmp_path / "bed")
    open_database(tmp_path / "bed").execute(
        "INSERT INTO dead_letters (kind, event_id, reason, utc_ns) VALUES ('message', 'e', 'refused', 1)"
    )
    assert "1 dead letters" in machine.alarms()


def test_who_watches_is_told_while_the_live_process_is_there_to_say_so(machine: Machine) -> None:
    watching = LiveHealth(private=False, most_viewers=5, viewers=[])
    machine.health.hear(BusTopic.live, watching)
    assert machine.health.heartbeat().live is None
    machine.beat("live")
    assert machine.health.heartbeat().live == watching
    machine.clock.advance(16)
    assert machine.health.heartbeat().live is None
