"""What runs inside a forked child: its failpoints, its shorter waits, its mutation, then the shipped command line.

The waits are the shipped ones divided, so that a trial takes seconds: re-sends, reconnects and comparisons come sooner, in the
same order and by the same code. `hurried = False` leaves them as they are.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

import httpx

import shared.failpoints
from edge_agent.outbox.backoff import Backoff
from shared.clock import NS_PER_S
from tests.campaigns.delivery.mutations import mutate
from tests.campaigns.delivery.nursery import Wish

SHORTER: dict[str, dict[str, Any]] = {
    "edge_agent.outbox.sending": {"FLIGHT_NS": 2 * NS_PER_S, "FIRST_RESEND_S": 2.0, "LONGEST_RESEND_S": 5.0},
    "edge_agent.outbox.delivery": {"MUTE_AFTER_S": (8.0, 12.0), "DECLINED_WAIT_S": (0.5, 2.0)},
    "edge_agent.outbox.isolation": {"SILENT_AFTER_NS": 4 * NS_PER_S},
    "edge_agent.outbox.mqtt_link": {"RECONNECT": Backoff(0.3, 2.0, 0.05), "AFTER_TAKEOVER": Backoff(1.0, 5.0)},
    "edge_agent.outbox.reconciling": {
        "AFTER_CONNECT_S": (0.5, 1.5), "BETWEEN_RUNS_NS": 3 * NS_PER_S, "FIRST_WAIT_S": 3.0,
    },
    "edge_agent.transfer.plan": {"RETRY": Backoff(0.3, 2.0), "WAIT_NS": 2 * NS_PER_S},
    "edge_agent.processes.uploader": {"LOOK_NS": NS_PER_S // 4, "IDLE_TURN_MS": 100},
    "edge_agent.transfer.cloud_client": {"TIMEOUT": httpx.Timeout(connect=3.0, read=6.0, write=6.0, pool=3.0)},
    "edge_agent.transfer.store_client": {"TIMEOUT": httpx.Timeout(connect=3.0, read=6.0, write=6.0, pool=3.0)},
    "cloud.jobs": {"STALLED_AFTER_S": 3.0, "BEAT_PERIOD_S": 1.0},
    "cloud.processes.worker": {"STALLED_AFTER_S": 3.0, "BEAT_PERIOD_S": 1.0},
    "cloud.ingest.broker_link": {"LONGEST_RETRY_S": 2},
}  # fmt: skip
"""Module by module; LONGEST_RESEND_S and the like keep their order among one another."""


def run_child(wish: Wish) -> int:
    """Returns the exit code of the program."""
    os.environ.pop("DEEPEPIL_SUPERVISOR_PID", None)
    setattr(shared.failpoints, "_plans", shared.failpoints.read_plans(wish.failpoints))  # noqa: B010
    setattr(shared.failpoints, "_log", wish.point_log)  # noqa: B010
    if wish.hurried:
        hurry()
    mutate(wish.mutation)
    program, *arguments = wish.words
    if program == "feed":
        from tests.campaigns.delivery.feeding import feed_alone

        return feed_alone(arguments)
    if program == "swarm":
        from tests.campaigns.delivery.swarm import run_swarm

        return run_swarm(arguments)
    main = importlib.import_module("edge_agent.cli" if program == "edge" else "cloud.cli").main
    main(arguments, prog_name=program)
    return 0


def hurry() -> None:
    """Divides the waits of this process."""
    for module, values in SHORTER.items():
        found = importlib.import_module(module)
        for name, value in values.items():
            assert hasattr(found, name), f"{module} has no {name}"
            setattr(found, name, value)
