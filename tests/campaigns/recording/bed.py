"""A bed in the campaign: one folder that goes through many lives and faults, with the witness of all it told."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from shared.clock import NS_PER_S
from tests.campaigns.recording.children import Child, launch, start
from tests.campaigns.recording.life import ALL_STREAMS, PERIOD_NS, START_UTC_NS, STREAMS, Life, Plan, Times, command_of
from tests.campaigns.recording.truth import Truth, Verdict, judge

RESTART_FRAMES = 12
OFF_S = 20.0


class Bed:
    """Starts lives on one folder, knows where the clocks stand, and judges the folder after a fault.

    A bed whose first seed is odd has colour in files of its own, unless `colour_apart` says otherwise.
    """

    def __init__(self, folder: Path, seed: int, mutation: str = "", *, colour_apart: bool | None = None) -> None:
        self.folder, self.seed, self.mutation = folder, seed, mutation
        self.colour_apart = seed % 2 == 1 if colour_apart is None else colour_apart
        self.truth = Truth(streams=ALL_STREAMS if self.colour_apart else STREAMS)
        self.boots = 0
        self.restarts_s: list[float] = []
        self._times = Times(self._boot(), 500 * NS_PER_S, START_UTC_NS, 0)

    def _boot(self) -> str:
        self.boots += 1
        return str(UUID(int=(self.seed << 32) + (4 << 76) + (8 << 60) + self.boots))

    def plan(self, **wishes: Any) -> Plan:
        """The next life from where the clocks stand."""
        self.seed += 1
        return replace(Plan(self.folder, self.seed, self._times, colour_apart=self.colour_apart), **wishes)

    def begin(self, plan: Plan, environment: Mapping[str, str] | None = None, *, gated: bool = False) -> Child:
        """The life in a forked child."""
        self.truth.boot = plan.times.boot_id
        return start(lambda tell: Life(plan, tell).run(), environment, self.mutation, gated=gated)

    def launch(self, plan: Plan, environment: Mapping[str, str] | None = None, before: Sequence[str] = ()) -> Child:
        """The life in a program of its own, started by the command `before` when there is one."""
        self.truth.boot = plan.times.boot_id
        return launch([*before, *command_of(plan, self.mutation)], environment)

    def hear(self, child: Child, *, crashes: bool = False) -> None:
        """Takes over what the child told before it ended; the clocks go on behind its last frame.

        Raises RuntimeError when it crashed and no fault was there that explains it (`crashes`).
        """
        if child.crash and not crashes:
            raise RuntimeError(f"a life crashed: {child.crash}")
        self.truth.hear(child.told)
        last = child.words("frame")[-1:]
        index, mono_ns, utc_ns = last[0] if last else (self._times.index, self._times.mono_ns, self._times.utc_ns)
        index = (index // 1_000_000 + 1) * 1_000_000
        self._times = replace(self._times, mono_ns=mono_ns + PERIOD_NS, utc_ns=utc_ns + PERIOD_NS, index=index)

    def pass_time(self, seconds: float, *, reboot: bool) -> None:
        """The agent is down for so long; a boot begins at 5 s of monotonic time."""
        ns = round(seconds * NS_PER_S)
        mono_ns = 5 * NS_PER_S if reboot else self._times.mono_ns + ns
        boot_id = self._boot() if reboot else self._times.boot_id
        self._times = replace(self._times, boot_id=boot_id, mono_ns=mono_ns, utc_ns=self._times.utc_ns + ns)

    def restart(self, *, reboot: bool, frames: int = RESTART_FRAMES, own_program: bool = False) -> None:
        """The shipped start, some frames and a stop; raises RuntimeError when that does not work."""
        self.pass_time(OFF_S if reboot else 2.0, reboot=reboot)
        plan = self.plan(frames=frames, restless=0.0, evicts=False)
        began_s = time.monotonic()
        child = self.launch(plan) if own_program else self.begin(plan)
        child.listen(30.0, lambda told: told[0] == "frame")
        if own_program:
            self.restarts_s.append(time.monotonic() - began_s)
        code = child.end()
        self.hear(child)
        if code != 0:
            raise RuntimeError(f"the bed did not start again ({code}): {child.crash or child.words('failed')}")

    def recovered(self, *, reboot: bool, own_program: bool = False) -> Verdict:
        """Starts the bed again and judges its folder."""
        self.restart(reboot=reboot, own_program=own_program)
        return judge(self.folder, self.truth)
