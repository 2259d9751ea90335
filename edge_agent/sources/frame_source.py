"""The one protocol of all cameras, and the choice of one by the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from edge_agent.settings import SourceSettings
from shared.clock import Clock
from shared.errors import Misconfigured
from shared.frame import CameraInfo, Frame, Stream

Wait = Callable[[int], bool]
"""Waits until that monotonic time in ns; True when the wait was cut short because the process shall stop."""


class FrameSource(Protocol):
    """A camera, or what stands for it. One thread uses it: open, read again and again, close."""

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Which streams it gives, known once it is open."""

    def open(self) -> CameraInfo:
        """Raises Transient when the camera is not there now, Refused when it can never be read."""

    def read(self) -> Frame | None:
        """The next capture, waiting for it; None when the recording is over or the process shall stop.

        `index` jumps where the source lost captures. Raises Transient when the camera is lost, Refused for bad data.
        """

    def close(self) -> None:
        """Lets go of the camera. Closing twice does nothing."""


def source_of(settings: SourceSettings, clock: Clock, wait: Wait) -> FrameSource:
    """The source that the settings name, not yet open. Raises Misconfigured when its extra is not installed."""
    try:
        if settings.kind == "simulator":
            from edge_agent.sources.simulator import Simulator

            return Simulator(settings, clock, wait)
        if settings.kind == "azure_kinect":
            from edge_agent.sources.azure_kinect import AzureKinect

            return AzureKinect(settings, clock, wait)
        from edge_agent.sources.mkv_playback import MkvPlayback
    except ModuleNotFoundError as error:
        raise Misconfigured(
            f"The source {settings.kind} needs the module {error.name}; install the extra that brings it "
            "(ward for the simulator, edge for playback)."
        ) from error
    if settings.file is None:
        raise Misconfigured("source.file is missing.")
    return MkvPlayback(settings.file, clock, wait, loop=settings.loop, frames_per_s=settings.frames_per_s)
