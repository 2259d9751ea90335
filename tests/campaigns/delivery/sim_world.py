"""One seed's world: beds, lines, broker and cloud in virtual time; it lives through its faults, heals, and runs until it is quiet."""

from __future__ import annotations

import random
import time as real_time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

import shared.envelope
import shared.ids
from edge_agent.transfer.cloud_client import CloudAddress, CloudClient
from edge_agent.transfer.pace import Pace, RatePlan
from edge_agent.transfer.plan import ClipEnd
from shared.clip import RawPolicy
from shared.clock import NS_PER_S, SystemClock
from shared.event import EventPhase
from shared.ids import uuid7
from tests.campaigns.delivery.sim_backup import Backups
from tests.campaigns.delivery.sim_bed import Bed
from tests.campaigns.delivery.sim_cloud import Cloud, CloudHost
from tests.campaigns.delivery.sim_crashes import Crashes, install, uninstall
from tests.campaigns.delivery.sim_disk import BedDisk
from tests.campaigns.delivery.sim_faults import plan_faults
from tests.campaigns.delivery.sim_network import Broker, Line, Mood, Weather
from tests.campaigns.delivery.sim_time import UTC_START_NS, SeededSecrets, VirtualTime
from tests.campaigns.delivery.sim_web import Web

LEAST_EVENTS, MOST_EVENTS = 50, 60
BURSTS = (3, 6)
LENGTH_S = 1200.0
QUIET_WITHIN_S = 4 * 86_400.0
COMPARED_WITHIN_S = 25 * 3600.0
STEP_S = 120.0
CLIPS = 2


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that did not hold: the check that saw it, and what it saw."""

    check: str
    sentence: str


@dataclass(slots=True)
class Workshop:
    """What the runs of one worker share: it is dear to make and remembers nothing of a run."""

    host: CloudHost
    backups: Backups
    folder: Path
    template: Path
    clients: dict[str, CloudClient] = field(default_factory=dict)

    def client(self, bed: str, web: Web) -> CloudClient:
        """The shipped client of one bed, its requests going over this web."""
        if bed not in self.clients:
            pace = Pace(RatePlan(0), SystemClock(), lambda _seconds: False, lambda: None)
            self.clients[bed] = CloudClient(CloudAddress("http://cloud"), pace)
        client = self.clients[bed]
        client._http = httpx.Client(base_url="http://cloud/bed/v1/", transport=web)
        return client


class World:
    """Made from a seed alone; the same seed makes the same run."""

    def __init__(self, seed: int, shop: Workshop) -> None:
        self.seed, self.shop = seed, shop
        self.dice = random.Random(seed)
        self.time = VirtualTime()
        self.crashes = Crashes()
        self.faults: Counter[str] = Counter()
        self.violations: list[Violation] = []
        self.site = f"s{seed}"
        self.restored = False
        self.planned = 0
        self._mends: list[Callable[[], None]] = []
        self._end_s = LENGTH_S
        folder = shop.folder / self.site
        self.broker = Broker(self.time, random.Random(self.dice.random()))
        self.cloud = Cloud(
            shop.host, self.time, self.dice, self.broker, self.site, folder / "objects", self.complain, self._struck
        )  # fmt: skip
        self.cloud.policy = RawPolicy.never if self.dice.random() < 0.2 else RawPolicy.always
        self.webs: dict[str, Web] = {}
        self.beds = [self._bed(f"bed-{number + 1}", folder) for number in range(self.dice.randint(1, 3))]

    def _bed(self, name: str, folder: Path) -> Bed:
        line = Line(self.time, self.dice, self.broker, self.site, name)
        self.broker.lines[name] = line
        web = Web(
            self.time, self.dice, name, f"{self.site}.{name}", lambda: self.cloud.app if self.cloud.api_up else None,
            self.shop.host.run, self.cloud.crash_api, self._struck,
        )  # fmt: skip
        self.webs[name] = web
        disk = BedDisk(folder / name, self.shop.template)
        bed = Bed(
            self.time, self.dice, disk, line, self.shop.client(name, web), self.site, self.complain, self._clip_done
        )
        self._watch(disk)
        return bed

    def _watch(self, disk: BedDisk) -> None:
        before = self.crashes.watchers.get("before_outbox_commit", lambda: None)

        def watch() -> None:
            before()
            disk.watch_commit()

        self.crashes.watchers["before_outbox_commit"] = watch

    def _struck(self, name: str) -> None:
        self.faults[name] += 1

    def complain(self, check: str, sentence: str) -> None:
        """One violation; the run goes on."""
        self.time.note(f"VIOLATION {check}: {sentence}")
        self.violations.append(Violation(check, sentence))

    def bed_by_lot(self, dice: random.Random) -> Bed:
        return dice.choice(self.beds)

    def until(self, seconds: float, mend: Callable[[], None]) -> None:
        """A fault ends after so long, at the latest when the world heals."""
        self._end_s = max(self._end_s, self.time.now_s + min(seconds, 8 * 86_400.0))
        self.time.after(seconds, mend)

    def call_all(self) -> None:
        """Whoever is not connected tries again."""
        for bed in self.beds:
            bed.line.call()

    def _plan_events(self) -> None:
        self.planned = self.dice.randint(LEAST_EVENTS, MOST_EVENTS)
        bursts = [self.dice.uniform(1.0, LENGTH_S * 0.9) for _ in range(self.dice.randint(*BURSTS))]
        clips = set(self.dice.sample(range(self.planned), CLIPS))
        for number in range(self.planned):
            bed = self.dice.choice(self.beds)
            start_s = self.dice.choice(bursts) + self.dice.uniform(0.0, 3.0)
            event_id = uuid7(UTC_START_NS + round(start_s * NS_PER_S) + number)
            if number in clips:
                bed.with_clip.add(event_id)
            steps = [(0.0, EventPhase.opened), (30.0, EventPhase.closed)]
            if self.dice.random() < 0.2:
                steps.insert(1, (10.0, EventPhase.updated))
            for later_s, phase in steps:
                self.time.after(
                    start_s + later_s,
                    lambda bed=bed, event_id=event_id, phase=phase: bed.report(event_id, 0.0, phase),  # type: ignore[misc]
                )

    def run(self) -> None:
        """Faults, then health, then quiet; what is checked at the end is in sim_checks."""
        secrets = SeededSecrets(random.Random(f"ids of {self.seed}"))
        ids: Any = shared.ids
        envelope: Any = shared.envelope
        kept = ids.secrets, envelope.secrets, real_time.time_ns
        ids.secrets = envelope.secrets = secrets
        real_time.time_ns = self.time.utc_stamp_ns
        install(self.crashes)
        try:
            self._plan_events()
            plan_faults(self, self.dice, LENGTH_S)
            self.shop.backups.keep(self.site)
            self.time.after(self.dice.uniform(0.0, LENGTH_S), self._back_up)
            self.time.run_until(round(LENGTH_S * NS_PER_S))
            self.time.run_until(round(self._end_s * NS_PER_S))
            self.heal()
            self._settle()
        finally:
            uninstall()
            ids.secrets, envelope.secrets, real_time.time_ns = kept

    def _back_up(self) -> None:
        self.time.note("a backup of the database is made")
        self.shop.backups.keep(self.site)

    def restore_backup(self) -> None:
        """The cloud's database is lost to its backup."""
        self.restored = True
        self.cloud.committed.clear()
        self.shop.backups.restore(self.site)
        if self.cloud.ingester_up:
            self.cloud.crash_ingester()

    def heal(self) -> None:
        """Every fault ends."""
        self.time.note("HEALED")
        self.crashes.armed.clear()
        self.broker.mood = Mood()
        cloud = self.cloud
        cloud.away, cloud.refusals, cloud.lose_commits = False, 0, 0
        cloud.start_api()
        cloud.start_ingester()
        for bed in self.beds:
            bed.line.weather = Weather()
            bed.torn_next = False
            web = self.webs[bed.name]
            web.cut, web.moods = False, []
            bed.line.call()
            bed.wake_publisher(1.0)
            bed.wake_uploader(1.0)

    def _settle(self) -> None:
        end_ns = self.time.now_ns + round(QUIET_WITHIN_S * NS_PER_S)
        self._until_quiet(end_ns)
        if self.restored:  # a bed that stays connected finds out with its daily comparison
            self.time.run_until(self.time.now_ns + round(COMPARED_WITHIN_S * NS_PER_S))
            for bed in self.beds:
                bed.wake_uploader(0.0)
            self._until_quiet(end_ns)

    def _until_quiet(self, end_ns: int) -> None:
        while self.time.now_ns < end_ns:
            self.time.run_until(self.time.now_ns + round(STEP_S * NS_PER_S))
            if not self.broker.queue and all(bed.is_quiet() for bed in self.beds):
                return
        for bed in self.beds:
            if not bed.is_quiet():
                self.complain("quiet after healing", f"{bed.name} still owes {bed.outbox.waiting()} messages or a clip")

    def _clip_done(self, bed: str, event_id: UUID, end: ClipEnd) -> None:
        from tests.campaigns.delivery.sim_checks import must_be_stored

        must_be_stored(self, bed, event_id, end)

    @property
    def fault_count(self) -> int:
        """Faults that struck, crashes at points among them."""
        return self.faults.total() + self.crashes.fired.total()
