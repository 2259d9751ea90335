"""Every state that a power cut may leave: prefixes of what a life did, with any part of what was not flushed.

After "All File Systems Are Not Created Equal" (ALICE, OSDI 2014): bytes that were not flushed may be on the disk or not, in
any order, torn at 512 bytes; names that were not flushed are on the disk in the order in which each folder got them, up to any
point. Each state is written into a folder, the shipped start and check run over it, and the witness judges.
"""

from __future__ import annotations

import random
import shutil
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.campaigns.recording.bed import OFF_S, Bed
from tests.campaigns.recording.children import answer
from tests.campaigns.recording.disks import Bench
from tests.campaigns.recording.life import Life, Plan
from tests.campaigns.recording.tally import Tally
from tests.campaigns.recording.traces import Step, Trace, record
from tests.campaigns.recording.truth import Truth, Verdict, judge_here

TRIAL = "crash state"
A_CHILD = 24
NAME_STEPS = {"create", "rename", "unlink"}


@dataclass(slots=True)
class Memory:
    """The disk and what waits for it, at one moment of a trace."""

    names: dict[str, int]
    contents: dict[int, bytearray]
    waiting_names: list[Step] = field(default_factory=list)
    waiting_bytes: dict[int, list[Step]] = field(default_factory=lambda: defaultdict(list))

    def do(self, step: Step) -> None:
        """One step: what is flushed goes to the disk, everything else waits."""
        if step.kind in NAME_STEPS:
            self.waiting_names.append(step)
        elif step.kind in {"write", "cut"}:
            self.waiting_bytes[step.node].append(step)
        elif step.kind == "sync":
            for each in self.waiting_bytes.pop(step.node, []):
                _change(self.contents.setdefault(step.node, bytearray()), each)
            self.contents.setdefault(step.node, bytearray())
        elif step.kind == "sync_folder":
            done = [each for each in self.waiting_names if _folder(each) == step.path]
            for each in done:
                _name(self.names, each)
            # A name that is on the disk as moved away cannot come up again under the one it had before.
            moved = {each.path for each in done if each.kind == "rename"}
            self.waiting_names = [
                each for each in self.waiting_names if _folder(each) != step.path and each.path not in moved
            ]

    def crash(self, rng: random.Random, *, bare: bool) -> dict[str, bytes]:
        """The files after a power cut at this moment: some of what waited made it, or nothing of it."""
        names = dict(self.names)
        if bare:
            return {path: bytes(self.contents.get(node, b"")) for path, node in names.items()}
        until = {folder: rng.random() for folder in {_folder(each) for each in self.waiting_names}}
        count: dict[str, int] = defaultdict(int)
        total: dict[str, int] = defaultdict(int)
        for each in self.waiting_names:
            total[_folder(each)] += 1
        for each in self.waiting_names:
            folder = _folder(each)
            count[folder] += 1
            if count[folder] <= round(until[folder] * total[folder]):
                _name(names, each)
        return {path: self._bytes(node, rng) for path, node in names.items()}

    def _bytes(self, node: int, rng: random.Random) -> bytes:
        content = bytearray(self.contents.get(node, b""))
        steps = self.waiting_bytes.get(node, [])
        way = rng.randrange(4)
        if way == 0:
            return bytes(content)
        kept = steps if way == 1 else [each for each in steps if rng.random() < 0.5]
        if way == 2:
            kept = steps[: rng.randint(0, len(steps))]
        for number, each in enumerate(kept):
            torn = way == 2 and number == len(kept) - 1 and each.kind == "write"
            _change(
                content, replace(each, data=each.data[: 512 * rng.randint(0, len(each.data) // 512)]) if torn else each
            )
        return bytes(content)


def _folder(step: Step) -> str:
    path = step.target or step.path
    return path.rpartition("/")[0]


def _name(names: dict[str, int], step: Step) -> None:
    if step.kind == "create":
        names[step.path] = step.node
    elif step.kind == "unlink":
        names.pop(step.path, None)
    else:
        names.pop(step.path, None)
        names[step.target] = step.node


def _change(content: bytearray, step: Step) -> None:
    if step.kind == "cut":
        del content[step.offset :]
        content.extend(bytes(step.offset - len(content)))
        return
    content.extend(bytes(max(0, step.offset - len(content))))
    content[step.offset : step.offset + len(step.data)] = step.data


def enumerate_states(bench: Bench, tally: Tally, states: int, seed: int, mutation: str = "") -> None:
    """So many states of one life over all of its steps; a quarter right after a promise, with nothing that was not flushed."""
    tally.seeds[TRIAL] = seed
    bed = Bed(bench.memory(f"traced-{seed}", "300m") / "bed", seed, mutation)
    bed.restart(reboot=False)
    bed.pass_time(1.0, reboot=False)
    before = replace_truth(bed.truth)
    plan = bed.plan(frames=130, restless=1.5, seal_each=25, ring_bytes=150_000, pins=0.01, pinned_s=1)
    trace = record(bed, plan, bench.folder / "images" / f"trace-{seed}")
    rng = random.Random(seed)
    promises = [number for number, step in enumerate(trace.steps) if step.kind == "tell" and step.told[0] == "sealed"]
    bare = states // 4
    moments = sorted(rng.choices(range(len(trace.steps)), k=states - bare) + rng.choices(promises, k=bare))
    rng.shuffle(moments)
    place = bench.memory(f"states-{seed}", "300m")
    for start in range(0, states, A_CHILD):
        batch = sorted(moments[start : start + A_CHILD])
        for moment, found in answer(partial(_judge, place, trace, plan, before, batch, seed), mutation):
            where = f"step {moment} of {len(trace.steps)}, seed {seed}"
            if isinstance(found, str):
                tally.trials[TRIAL] += 1
                tally.complain(TRIAL, where, found)
                continue
            verdict = Verdict(**found)
            tally.add(TRIAL, verdict, where)
            tally.tail(TRIAL, verdict, where)
        if mutation and tally.complaints:
            return
        if start % (10 * A_CHILD) == 0 and start:
            tally.say(f"{start + len(batch)} of {states} crash states; {len(tally.complaints)} complaints")


def replace_truth(truth: Truth) -> Truth:
    """A copy that goes its own way."""
    return Truth(
        dict(truth.confirmed),
        dict(truth.pins),
        dict(truth.removed),
        dict(truth.frames),
        set(truth.taken),
        set(truth.seen),
        gone_before=dict(truth.gone_before),
        streams=truth.streams,
    )


def _judge(
    place: Path, trace: Trace, plan: Plan, before: Truth, moments: list[int], seed: int
) -> list[tuple[int, dict[str, Any] | str]]:
    """For each moment a verdict, or in words why there is none. Runs in a child: files are rebuilt from the first step on."""
    contents = {trace.names[path]: bytearray(body) for path, body in trace.base.items()}
    memory = Memory(dict(trace.names), contents)
    truth = replace_truth(before)
    truth.boot = plan.times.boot_id
    found: list[tuple[int, dict[str, Any] | str]] = []
    reached = 0
    for number, moment in enumerate(moments):
        for step in trace.steps[reached : moment + 1]:
            memory.do(step)
            if step.kind == "tell":
                truth.hear([tuple(step.told)])
        reached = moment + 1
        folder = place / "bed"
        shutil.rmtree(folder, ignore_errors=True)
        step = trace.steps[moment]
        bare = step.kind == "tell" and step.told[0] == "sealed"
        _write(folder, trace, memory.crash(random.Random(f"{seed} {moment} {number}"), bare=bare))
        try:
            found.append((moment, _live_on(folder, plan, replace_truth(truth))))
        except Exception as error:
            found.append((moment, f"the bed did not start again: {error!r}"))
    return found


def _write(folder: Path, trace: Trace, files: dict[str, bytes]) -> None:
    folder.mkdir()
    for path in sorted(trace.folders):
        (folder / path).mkdir(mode=0o700, exist_ok=True)
    for name, body in files.items():
        (folder / name).write_bytes(body)


def _live_on(folder: Path, plan: Plan, truth: Truth) -> dict[str, Any]:
    last_ns = max(utc_ns for _, _, utc_ns in truth.frames.values())
    times = replace(
        plan.times, boot_id="00000000-0000-4000-8000-ffffffffffff", mono_ns=5_000_000_000,
        utc_ns=last_ns + round(OFF_S * 1e9), index=900_000_000,
    )  # fmt: skip
    truth.boot = times.boot_id
    again = replace(plan, folder=folder, times=times, frames=3, restless=0.0, evicts=False)
    life = Life(again, lambda word, facts: truth.hear([(word, facts)]))
    try:
        life.run()
    finally:
        life.close()
    return judge_here(folder, truth)
