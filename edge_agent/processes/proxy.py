"""Makes the watchable video of each event: wires the proxy maker to the bus and the ring."""

from __future__ import annotations

from edge_agent.bus_messages import BusTopic, ClipProgress
from edge_agent.clips.proxy_maker import ProxyMaker, Turn
from edge_agent.runner import Context
from shared.clock import NS_PER_S
from shared.errors import Refused
from shared.release import card_path, load_card

IDLE_TURN_MS = 1_000
DRAIN_LIMIT = 200
SWEEP_NS = 3600 * NS_PER_S


def post_roll_ns(context: Context) -> int:
    """What the detector's trigger adds after the last high score; 0 when its card cannot be read."""
    detector = context.settings.detector
    try:
        trigger = load_card(card_path(detector.releases_folder, detector.release)).trigger
    except Refused as error:
        context.log.warning("card_unreadable", sentence=error.sentence)
        return 0
    return round(min(trigger.post_roll_s, trigger.merge_s) * NS_PER_S) if trigger is not None else 0


def run(context: Context) -> None:
    """Until the stop: one segment a turn; the bus only says that it is worth looking."""
    maker = ProxyMaker(context.folder, context.database(), context.clock, post_roll_ns(context))
    inbox = context.subscribe(BusTopic.event, BusTopic.sealed)
    made, sweep_at_ns = 0, 0
    while not context.stop.is_set():
        if context.clock.monotonic_ns() >= sweep_at_ns:
            sweep_at_ns = context.clock.monotonic_ns() + SWEEP_NS
            context.log.info("proxies_swept", removed=maker.sweep())
        turn = maker.turn()
        made += len(turn.proxies)
        _tell(context, turn)
        context.beat(proxies=made)
        wait_ms = 0 if turn.busy else IDLE_TURN_MS
        for _ in range(DRAIN_LIMIT):
            if inbox.receive(wait_ms) is None:
                break
            wait_ms = 0
    maker.close()


def _tell(context: Context, turn: Turn) -> None:
    for sentence in turn.troubles:
        context.log.warning("proxy_troubled", sentence=sentence)
    for proxy in turn.proxies:
        context.log.info("proxy_made", event_id=str(turn.ready), stream=proxy.stream.value, size_bytes=proxy.size_bytes)
    if turn.ready is not None:
        context.publish(BusTopic.clip, ClipProgress(event_id=turn.ready, what="proxy_made"))
