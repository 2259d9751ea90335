"""What one worker process of the simulation does: it opens its parts once, then runs shares of seeds one after another."""

from __future__ import annotations

import re
import shutil
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

import cloud.clips.folder_upload
import cloud.clips.transfer
import edge_agent.transfer.clip_files
import shared.clip
from cloud.database import DatabaseAddress
from tests.campaigns.delivery.sim_backup import Backups
from tests.campaigns.delivery.sim_checks import check
from tests.campaigns.delivery.sim_cloud import CloudHost
from tests.campaigns.delivery.sim_disk import make_template
from tests.campaigns.delivery.sim_mutations import mutate
from tests.campaigns.delivery.sim_world import Violation, Workshop, World

CHUNK = 64
"""Chunks of 64 bytes, so that a clip of a few hundred bytes has several; the code is the same."""
TRACE_KEPT = 80
_CRITICAL = 50
_CONTEXT = re.compile(r"FAULT|HEALED|VIOLATION|crashed|backup|power cut")
_NAMES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


@dataclass(frozen=True, slots=True)
class Share:
    """Seeds for one call. Past `end_s` (of the monotonic clock) none is begun; a violation of `stop_at` ends it."""

    seeds: tuple[int, ...]
    end_s: float | None
    stop_at: str = ""
    whole: bool = False
    """Keep the whole trace, violation or not."""


@dataclass(slots=True)
class RunReport:
    """What one seed did, small enough to be sent between processes."""

    seed: int
    events: int
    faults: int
    virtual_s: float
    kinds: Counter[str]
    points: Counter[str]
    violations: list[tuple[str, str]]
    trace: list[str]
    digest: str
    """Of all that happened: the same seed has the same one."""
    dead_letters: int


class _Worker:
    """Callable by name from another process; opened once in each."""

    def __init__(self) -> None:
        self._shop: Workshop | None = None

    def open(self, address: DatabaseAddress, folder: Path, mutation: str) -> None:
        """In a process of its own: it changes modules for good."""
        for module in (shared.clip, cloud.clips.transfer, cloud.clips.folder_upload, edge_agent.transfer.clip_files):
            setattr(module, "CHUNK_BYTES", CHUNK)  # noqa: B010
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_CRITICAL))
        folder.mkdir()
        host = CloudHost(address).__enter__()
        self._shop = Workshop(host, Backups(host), folder, make_template(folder / "template"))
        if mutation:
            mutate(mutation, host)

    def run(self, share: Share) -> list[RunReport]:
        assert self._shop is not None
        self._shop.backups.empty()
        reports: list[RunReport] = []
        for seed in share.seeds:
            if share.end_s is not None and time.monotonic() >= share.end_s:
                break
            reports.append(self._run_seed(seed, self._shop, whole=share.whole))
            if share.stop_at and any(name == share.stop_at for name, _ in reports[-1].violations):
                break
        return reports

    def _run_seed(self, seed: int, shop: Workshop, *, whole: bool) -> RunReport:
        world = World(seed, shop)
        try:
            world.run()
            check(world)
        except Exception as error:
            world.complain("the run ends", f"{type(error).__name__}: {error}")
        dead_letters = 0
        kinds = world.faults + Counter({"torn commit (a crash at its point)": sum(bed.torn_cuts for bed in world.beds)})
        for bed in world.beds:
            dead_letters += bed.connection.execute("SELECT count(*) FROM dead_letters").fetchone()[0]
            bed.connection.close()
        shutil.rmtree(shop.folder / world.site)
        trace = minimal_trace(world.time.trace, world.violations) if world.violations else []
        if whole:
            trace = list(world.time.trace)
        return RunReport(
            seed, world.planned, world.fault_count, world.time.now_s, kinds, world.crashes.fired,
            [(each.check, each.sentence) for each in world.violations], trace, world.time.digest(), dead_letters,
        )  # fmt: skip


_worker = _Worker()


class _RunShare:
    """A function with `open`: the pool sends it by its name."""

    def __call__(self, share: Share) -> list[RunReport]:
        return _worker.run(share)

    def open(self, address: DatabaseAddress, folder: Path, mutation: str) -> None:
        _worker.open(address, folder, mutation)


run_share = _RunShare()


def minimal_trace(lines: Iterable[str], violations: list[Violation]) -> list[str]:
    """Lines on the events that the violations name, and the faults around them; the newest `TRACE_KEPT`."""
    names = {name for each in violations for name in _NAMES.findall(each.sentence)}
    found = list(lines)
    if names:
        found = [line for line in found if _CONTEXT.search(line) or any(name in line for name in names)]
    return found[-TRACE_KEPT:]
