"""The simulated cloud: the shipped intake, clip service and bed application over a real PostgreSQL, without sockets to beds.

One `CloudHost` lives as long as its worker process; each seed is a site of its own in it, so that nothing has to be emptied
between two seeds.
"""

from __future__ import annotations

import asyncio
import json
import random
import types
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
from fastapi import FastAPI

from cloud.clips.routes import create_bed_app
from cloud.clips.service import ClipParts
from cloud.database import DatabaseAddress, open_tables
from cloud.devices.limits import BedLimits
from cloud.ingest import intake as intake_module
from cloud.ingest.broker_link import QUEUE_LIMIT, SHARE_OF_A_BED, Delivery
from cloud.ingest.fair_queue import FairQueue
from cloud.ingest.intake import Intake
from cloud.ingest.rules import Incoming, bed_of
from cloud.ingest.service import Reply, Taker
from cloud.objects import Objects
from cloud.settings import BedsSection, ObjectsSection
from shared.clip import RawPolicy
from shared.envelope import unseal
from shared.errors import Refused
from shared.receipt import Receipt, ReceiptKind
from shared.review import Verdict
from shared.topics import Address, Topic, parse_topic
from tests.campaigns.delivery.sim_crashes import CloudCrash
from tests.campaigns.delivery.sim_network import Broker
from tests.campaigns.delivery.sim_time import VirtualTime

Result = TypeVar("Result")
BATCH = 64
RESTART_S = (0.5, 20.0)
OVERDUE_S = 600
LOOSE_REQUESTS_A_SECOND = 1e5
Key = tuple[str, int, UUID, int]
"""Bed, sequence, event, revision."""


class _AtOnce(ThreadPoolExecutor):
    """Runs what is handed to a thread here and now: the same order each time."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:
            done.set_exception(error)
        return done


async def _no_wait(_seconds: float) -> None:
    return None


class CloudHost:
    """An event loop, open tables and the bed application, made once a worker. Use as a context."""

    def __init__(self, address: DatabaseAddress) -> None:
        self._address = address
        self._stack = ExitStack()
        self.loop = asyncio.new_event_loop()
        self.raw: asyncpg.Connection[Any]

    def __enter__(self) -> CloudHost:
        self.loop.set_default_executor(_AtOnce(1))
        self._tables = open_tables(self._address, 2)
        self.run(self._tables.__aenter__())
        self.raw = self.run(asyncpg.connect(self._address.url))
        shim = types.SimpleNamespace(**{name: getattr(asyncio, name) for name in ("TaskGroup", "Event", "wait_for")})
        shim.sleep = _no_wait
        self._asyncio, intake_module.asyncio = intake_module.asyncio, shim  # type: ignore[assignment,attr-defined]
        return self

    def __exit__(self, *_: object) -> None:
        intake_module.asyncio = self._asyncio  # type: ignore[attr-defined]
        self.run(self.raw.close())
        self.run(self._tables.__aexit__(None, None, None))
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Until it is done; virtual time stands still meanwhile."""
        return self.loop.run_until_complete(work)

    def rows(self, query: str, *values: Any) -> list[asyncpg.Record]:
        """What the database says, past the shipped code."""
        return list(self.run(self.raw.fetch(query, *values)))

    def execute(self, script: str) -> None:
        """One script past the shipped code."""
        self.run(self.raw.execute(script))


class _Limits(BedLimits):
    """The shipped limits; while the database is away every request finds it away."""

    away: Callable[[], bool]

    def request(self, bed: str) -> None:
        if self.away():
            raise ConnectionRefusedError(111, "the database is away")
        super().request(bed)


class _Store:
    """The shipped Taker; between it and the intake the database may be away, or a commit's answer be lost."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._taker = Taker(OVERDUE_S, lambda: cloud.time.now_ns)

    async def take_all(self, batch: Sequence[Incoming]) -> list[Reply | None]:
        cloud = self._cloud
        if cloud.refusals > 0:
            cloud.refusals -= 1
            raise ConnectionRefusedError(111, "the database is away")
        replies = await self._taker.take_all(batch)
        cloud.committed.update(key for key in map(key_of, batch) if key is not None)
        cloud.handled.update(map(id, batch))
        if cloud.lose_commits > 0:
            cloud.lose_commits -= 1
            cloud.time.note("the answer to a COMMIT was lost")
            cloud.struck("commit's answer lost")
            raise asyncpg.ConnectionDoesNotExistError("the answer to COMMIT was lost")
        return replies

    async def refuse(self, address: Address | None, incoming: Incoming, reason: str) -> Reply | None:
        self._cloud.handled.add(id(incoming))
        return await self._taker.refuse(address, incoming, reason)

    async def note_shed(self, counts: dict[str, int]) -> None:
        await self._taker.note_shed(counts)


def key_of(incoming: Incoming) -> Key | None:
    """What an event's message says it is; None for any other message."""
    try:
        address = parse_topic(incoming.topic)
        if address.topic is not Topic.event:
            return None
        envelope = json.loads(incoming.payload)
        report = envelope["data"]
        return address.bed, int(envelope["sequence"]), UUID(report["event_id"]), int(report["revision"])
    except (Refused, ValueError, KeyError, TypeError):
        return None


class Cloud:
    """One seed's cloud: its ingester, its api and its folder of objects. It stands where the intake's link stands too."""

    def __init__(
        self, host: CloudHost, time: VirtualTime, dice: random.Random, broker: Broker, site: str, folder: Path,
        complain: Callable[[str, str], None], struck: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.host, self.time, self.broker, self.site = host, time, broker, site
        self.policy = RawPolicy.always
        self.away = False
        self.refusals = 0
        self.lose_commits = 0
        self.api_up = True
        self.ingester_up = True
        self.crashes = 0
        self.batches = 0
        self.shed = 0
        self.committed: set[Key] = set()
        self.handled: set[int] = set()
        self._dice, self._complain, self.struck = dice, complain, struck
        self._objects = Objects(ObjectsSection(url=f"file://{folder}"))
        self.folder = folder
        self._window_s = dice.choice((1.0, 5.0, 15.0, 40.0))
        self._due = False
        self.app: FastAPI
        self.start_api()
        self.start_ingester()
        broker.wake = self.wake

    def start_api(self) -> None:
        """As after a crash: nothing is remembered but database and folder."""
        self.api_up = True
        parts = ClipParts.of(self._objects, lambda _site: self.policy, _no_verdict)
        files: dict[str, Any] = dict.fromkeys(("certificate_file", "key_file", "ca_file"), Path("unused"))
        limits = _Limits(BedsSection(**files, requests_per_s=LOOSE_REQUESTS_A_SECOND), lambda: self.time.now_ns)
        limits.away = lambda: self.away
        self.app = shared_app(parts, limits)

    def start_ingester(self) -> None:
        """Subscribed again; what the broker held for it is gone."""
        self.ingester_up = self.broker.subscribed = True
        self._deliveries: FairQueue[Delivery] = FairQueue(QUEUE_LIMIT, SHARE_OF_A_BED)
        self._intake = Intake(self, _Store(self), self._dice)  # type: ignore[arg-type]
        self.wake()

    def wake(self) -> None:
        """The ingester looks at what came, a little later, so that messages are taken in batches as under load."""
        if not self._due and self.ingester_up:
            self._due = True
            self.time.after(self._dice.uniform(0.01, self._window_s), self._take)

    def _take(self) -> None:
        self._due = False
        if not self.ingester_up:
            return  # it wakes when it is back
        for waiting in self.broker.queue:
            delivery = Delivery(Incoming(waiting.topic, waiting.payload), 1, 1, 1)
            if not self._deliveries.put(bed_of(waiting.topic), delivery):
                self.shed += 1  # a bed with so many under way sends them again
        self.broker.queue.clear()
        if self.away or not len(self._deliveries):
            return
        self.batches += 1
        self.handled.clear()
        batch = self.host.run(self._deliveries.take(BATCH))
        try:
            self.host.run(self._intake.take(batch))
        except CloudCrash as crash:
            self.time.note(f"the ingester crashed at {crash} with {len(batch)} messages")
            self.crash_ingester()
        if len(self._deliveries):
            self.wake()

    def crash_ingester(self) -> None:
        """It comes back a little later, with nothing."""
        self.crashes += 1
        self.ingester_up = self.broker.subscribed = False
        self.broker.queue.clear()
        self.time.after(self._dice.uniform(*RESTART_S), self.start_ingester)

    def crash_api(self) -> None:
        """It comes back a little later, with nothing."""
        self.crashes += 1
        self.api_up = False
        self.time.after(self._dice.uniform(*RESTART_S), self.start_api)

    def acknowledge(self, delivery: Delivery) -> None:
        """The intake calls it for the broker."""
        if id(delivery.incoming) not in self.handled:
            self._complain(
                "acknowledged before commit", f"{delivery.incoming.topic} was acknowledged and not taken yet"
            )

    def publish(self, topic: str, payload: bytes, *, qos: int) -> bool:
        """The intake calls it for the broker."""
        address = parse_topic(topic)
        if address.topic is Topic.receipt:
            receipt = unseal(address, payload, Receipt)[1]
            key = (address.bed, receipt.sequence, receipt.event_id, receipt.revision or 0)
            self.time.note(f"cloud → {address.bed}: {receipt.kind.value} {receipt.sequence} of {receipt.event_id}")
            if receipt.kind is ReceiptKind.stored and key not in self.committed:
                self._complain(
                    "receipt before commit", f"message {receipt.sequence} of {address.bed} was not committed"
                )
        return self.broker.publish(topic, payload)


_apps: list[FastAPI] = []


def shared_app(parts: ClipParts, limits: BedLimits) -> FastAPI:
    """One application a process: to build it costs more than a run, and it remembers nothing but these two."""
    if not _apps:
        _apps.append(create_bed_app(parts, limits))
    _apps[0].state.parts, _apps[0].state.limits = parts, limits
    return _apps[0]


async def _no_verdict(_event_id: UUID) -> Verdict | None:
    return None
