"""Takes frames from the camera into the frame pool, and tells on the bus where each lies."""

from __future__ import annotations

from edge_agent.runner import Context
from edge_agent.sources.capturing import Capturing
from edge_agent.sources.frame_source import source_of
from shared.clock import NS_PER_S


def run(context: Context) -> None:
    """Until the stop: one frame a turn."""

    def wait(until_mono_ns: int) -> bool:
        return context.stop.wait(max(0, until_mono_ns - context.clock.monotonic_ns()) / NS_PER_S)

    source = source_of(context.settings.source, context.clock, wait)
    capturing = Capturing(context.folder, source, context.clock, wait, context.publish, context.log)
    try:
        while not context.stop.is_set():
            context.beat(**capturing.counters())
            capturing.turn()
    finally:
        capturing.close()
