"""Lets people watch the bed: wires the live view to the bus, the privacy switch and WebRTC."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from edge_agent.bus_messages import BusTopic
from edge_agent.desired import load_desired
from edge_agent.live.privacy import is_private
from edge_agent.live.studio import Studio
from edge_agent.live.views import Connect, Connection, Views
from edge_agent.runner import Context
from shared.clock import NS_PER_S
from shared.errors import Misconfigured
from shared.frame import Stream
from shared.live_view import ViewCause, ViewReport

TURN_S = 0.05
IDLE_TURN_S = 0.1
FACT_PERIOD_NS = NS_PER_S


def run(context: Context) -> None:
    """Until the stop; then each viewer is told."""
    asyncio.run(_serve(context))


async def _serve(context: Context) -> None:
    live = context.settings.live
    loop = asyncio.get_running_loop()
    studio = Studio(
        context.folder, lambda: context.subscribe(BusTopic.frame), live.frames_per_s,
        lambda stream: _lack(loop, views, stream),
    )  # fmt: skip
    connect, reachable = _network(context)
    views = Views(live, context.clock, connect, studio.watch, lambda report: _tell(context, report), reachable)
    inbox = context.subscribe(BusTopic.offer, BusTopic.hangup, BusTopic.desired)
    paused = load_desired(context.database()).paused
    next_fact_ns = 0
    while not context.stop.is_set():
        views.turn(private=is_private(context.folder), paused=paused)
        while (found := inbox.receive(0)) is not None:
            if found[0] is BusTopic.offer:
                views.take(found[1])
            elif found[0] is BusTopic.hangup:
                views.end(found[1].view_id, ViewCause.hung_up)
            else:
                paused = found[1].paused
        if studio.fault is not None:
            raise studio.fault
        health = views.health
        context.beat(viewers=len(health.viewers), encoded=studio.encoded, dropped=inbox.dropped)
        if context.clock.monotonic_ns() >= next_fact_ns:
            next_fact_ns = context.clock.monotonic_ns() + FACT_PERIOD_NS
            context.publish(BusTopic.live, health)
        await asyncio.sleep(TURN_S if health.viewers else IDLE_TURN_S)
    await views.close()


def _lack(loop: asyncio.AbstractEventLoop, views: Views, stream: Stream) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(views.lack, stream)


def _tell(context: Context, report: ViewReport) -> None:
    context.publish(BusTopic.view, report)
    facts = {"view_id": str(report.view_id), "cause": report.cause.value if report.cause else None}
    context.log.info(f"view_{report.phase.value}", **facts)


def _network(context: Context) -> tuple[Connect, Callable[[], bool]]:
    """How a viewer is connected, and whether the box has an address for it. Without a network no WebRTC code is loaded."""
    live, bed = context.settings.live, context.settings.bed
    if not live.network:
        return _never, lambda: False
    from edge_agent.live import network
    from edge_agent.live.viewing import Viewing

    network.listen_only_within(live.network)

    def connect(joined: Callable[[], None], lost: Callable[[ViewCause], None]) -> Connection:
        servers = network.configuration(live, f"{bed.site}.{bed.bed}", context.clock.utc_ns())
        return Viewing(servers, context.clock, joined, lost)

    return connect, lambda: bool(network.addresses_within(live.network, network.own_addresses()))


def _never(_joined: Callable[[], None], _lost: Callable[[ViewCause], None]) -> Connection:
    raise Misconfigured("live.network is not set.")
