"""The bed's health from what the processes say: beats, camera, scores, link, the supervisor's states; alarms are sentences."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edge_agent.bus_messages import Beat, BusTopic, CameraFact, LinkFact, ProcessState, ProcessStates
from edge_agent.desired import load_desired
from edge_agent.outbox.dead_letters import delivery_alarms
from edge_agent.process_table import row_of
from edge_agent.recording_health import clock_alarms, clock_health, coverage_alarms, hours_of
from edge_agent.releases.state import load_standing, release_alarms
from edge_agent.ring.catalogue import total_bytes
from edge_agent.ring.coverage_hours import HOUR_NS, CoverageHours
from edge_agent.ring.damage import damage_alarm
from edge_agent.ring.promise import Promise, promise
from edge_agent.settings import StorageSettings
from shared.clock import NS_PER_S, Clock
from shared.heartbeat import Heartbeat, ProcessHealth
from shared.live_view import LiveHealth
from shared.score import Score
from shared.software import software_version

SCORE_IS_OLD_S = 60.0
LIVE_IS_OLD_S = 15.0
_MOST_AGE_S = 1e9
Usage = Callable[[int], tuple[float, int] | None]
"""CPU seconds and resident bytes of a process by its number; None when it is gone."""


@dataclass(slots=True)
class _Process:
    """What is known of one process."""

    beat: Beat | None = None
    state: ProcessState | None = None
    cpu: tuple[int, float, int] | None = None
    """pid, CPU seconds, monotonic ns of the last heartbeat."""


@dataclass(slots=True)
class _Heard:
    """The newest word on each matter."""

    camera: CameraFact | None = None
    score: Score | None = None
    link: LinkFact | None = None
    live: LiveHealth | None = None
    processes: dict[str, _Process] = field(default_factory=dict)
    lapped: dict[int, float] = field(default_factory=dict)
    """Frames lost on the bus, by the recorder's process number."""


class Health:
    """Hears messages, makes heartbeats."""

    def __init__(
        self, storage: StorageSettings, connection: sqlite3.Connection, clock: Clock, usage: Usage,
        free_bytes: Callable[[], int], utc_error_ns: Callable[[], int | None],
    ) -> None:  # fmt: skip
        self._storage, self._connection, self._clock = storage, connection, clock
        self._usage, self._free_bytes, self._utc_error_ns = usage, free_bytes, utc_error_ns
        self._coverage = CoverageHours(connection, clock)
        self._heard = _Heard()
        self._started_ns = clock.monotonic_ns()

    def hear(self, topic: BusTopic, message: Any) -> None:
        """Takes one message of the bus."""
        heard = self._heard
        if topic is BusTopic.camera:
            heard.camera = message
        elif topic is BusTopic.score:
            heard.score = message
        elif topic is BusTopic.link:
            heard.link = message
        elif topic is BusTopic.live:
            heard.live = message
        elif topic is BusTopic.beat:
            heard.processes.setdefault(message.process, _Process()).beat = message
            if "lapped" in message.counters:
                heard.lapped[message.pid] = message.counters["lapped"]
        elif isinstance(message, ProcessStates):
            for state in message.states:
                heard.processes.setdefault(state.name, _Process()).state = state

    def heartbeat(self) -> Heartbeat:
        """The health now. Raises sqlite3.OperationalError when the database cannot be read."""
        now_ns = self._clock.monotonic_ns()
        desired = load_desired(self._connection)
        promised, standing = self._promise(), load_standing(self._connection)
        counters, last_hour = self._counters("recorder"), self._coverage.last_hour()
        clock = clock_health(counters, self._utc_error_ns())
        recording = [*clock_alarms(clock), *coverage_alarms(last_hour)]
        camera, score = self._heard.camera, self._heard.score
        score_is_new = score is not None and self._age_s(score.mono_ns, now_ns) < SCORE_IS_OLD_S
        return Heartbeat(
            boot_id=self._clock.boot_id, mono_ns=now_ns, utc_ns=self._clock.utc_ns(), version=software_version(),
            release=score.release if score is not None and score_is_new else None, stay_id=desired.stay_id,
            paused=desired.paused, camera=_camera_word(camera),
            coverage_1h={stream: each.coverage for stream, each in last_hour.items() if each.coverage is not None},
            coverage_hours=hours_of(self._coverage.hours(), HOUR_NS), clock=clock,
            last_frame_age_s=self._frame_age_s(now_ns), last_score=score.value if score is not None and score_is_new else None,
            ring_bytes=total_bytes(self._connection), ring_hours=promised.hours_held, promise_hours=promised.hours_promised,
            disk_free_bytes=self._free_bytes(), outbox_waiting=self._count("SELECT count(*) FROM messages"),
            clips_waiting=self._count("SELECT count(*) FROM clips WHERE stage IN ('recording', 'ready')"),
            pinned_bytes=promised.pinned_bytes, dropped_frames=int(sum(self._heard.lapped.values())),
            alarms=[*self._alarms(now_ns, promised, paused=desired.paused), *recording][:32],
            processes=[self._process(name, each, now_ns) for name, each in self._heard.processes.items()][:32],
            live=self._live(now_ns), release_run=standing.told() if standing is not None else None,
        )  # fmt: skip

    def _alarms(self, now_ns: int, promised: Promise, *, paused: bool) -> list[str]:
        alarms: list[str] = []
        camera = self._heard.camera
        if camera is not None and camera.opened is None:
            alarms.append(f"The camera is lost: {camera.sentence}")
        elif camera is not None and camera.sentence:
            alarms.append(camera.sentence)
        if self._counter("recorder", "disk_full"):
            alarms.append("The disk is full; nothing is recorded.")
        if self._counter("recorder", "condemned"):
            alarms.append("A segment could not be written to the disk; it is in quarantine.")
        if self._counter("evictor", "blocked"):
            alarms.append("The ring is over its limit and events hold all of it.")
        if self._counter("evictor", "names_short"):
            alarms.append("The disk has hardly any names (inodes) left for files; the oldest segments go.")
        damage = damage_alarm(self._connection)
        if damage is not None:
            alarms.append(damage)
        if promised.at_risk:
            alarms.append(promised.at_risk)
        alarms += delivery_alarms(self._connection) + release_alarms(self._connection)
        if not paused and self._silent_detector(now_ns):
            alarms.append(f"The detector gave no score for {SCORE_IS_OLD_S:.0f} s.")
        return alarms + self._process_alarms(now_ns)

    def _process_alarms(self, now_ns: int) -> list[str]:
        alarms = []
        for name, each in self._heard.processes.items():
            row = row_of(name)
            if each.state is not None and each.state.alarm:
                alarms.append(each.state.alarm)
            if row is not None and each.beat is not None and self._age_s(each.beat.mono_ns, now_ns) > row.progress_s:
                alarms.append(f"{name} makes no progress.")
        return alarms

    def _live(self, now_ns: int) -> LiveHealth | None:
        """Who watches, as long as the live process is there to say so."""
        known = self._heard.processes.get("live")
        beats = known is not None and known.beat is not None and self._age_s(known.beat.mono_ns, now_ns) < LIVE_IS_OLD_S
        return self._heard.live if beats else None

    def _silent_detector(self, now_ns: int) -> bool:
        score = self._heard.score
        since_ns = self._started_ns if score is None else max(score.mono_ns, self._started_ns)
        return self._age_s(since_ns, now_ns) > SCORE_IS_OLD_S

    def _promise(self) -> Promise:
        return promise(self._connection, self._storage.limits, self._free_bytes())

    def _process(self, name: str, each: _Process, now_ns: int) -> ProcessHealth:
        state, beat = each.state, each.beat
        pid = state.pid if state is not None and state.pid else (beat.pid if beat is not None else 0)
        usage = self._usage(pid) if pid else None
        share = 0.0
        if usage is not None:
            before, each.cpu = each.cpu, (pid, usage[0], now_ns)
            if before is not None and before[0] == pid and now_ns > before[2]:
                share = max(0.0, (usage[0] - before[1]) * NS_PER_S / (now_ns - before[2]))
        return ProcessHealth(
            name=name, running=usage is not None, restarts=state.restarts if state is not None else 0,
            progress_age_s=self._age_s(beat.mono_ns if beat is not None else self._started_ns, now_ns),
            core_share=share, rss_bytes=usage[1] if usage is not None else 0,
        )  # fmt: skip

    def _frame_age_s(self, now_ns: int) -> float:
        at_s = self._counter("recorder", "last_frame_s")
        return self._age_s(round(at_s * NS_PER_S), now_ns) if at_s else self._age_s(self._started_ns, now_ns)

    def _counters(self, process: str) -> dict[str, float]:
        known = self._heard.processes.get(process)
        return known.beat.counters if known is not None and known.beat is not None else {}

    def _counter(self, process: str, name: str) -> float:
        return self._counters(process).get(name, 0.0)

    def _count(self, question: str) -> int:
        return int(self._connection.execute(question).fetchone()[0])

    @staticmethod
    def _age_s(then_ns: int, now_ns: int) -> float:
        return min(_MOST_AGE_S, max(0.0, (now_ns - then_ns) / NS_PER_S))


def _camera_word(camera: CameraFact | None) -> str:
    if camera is None:
        return "reopening"
    return "open" if camera.opened is not None else (camera.sentence or "reopening")[:64]
