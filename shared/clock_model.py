"""How the three clocks of one segment run against each other: straight lines, each with the largest error it leaves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.contract import MAX_NS, Contract, Count, Nanoseconds

SignedNanoseconds = Annotated[int, Field(ge=-MAX_NS, le=MAX_NS)]


class ClockModel(Contract):
    """mono = mono_zero_ns + mono_per_device · (device − device_zero_ns), and utc likewise from mono.

    The Kinect's clock runs some 390 ppm off (Azure Kinect Sensor SDK issue 1384), so a device time is not a host time. The
    errors are the largest residuals of the frames that the lines were fitted to; a frame's own arrival may be later than its
    exposure by the transfer, which no fit can see. Where the wall clock was set inside the segment no line fits:
    `utc_error_ns` is large then and `utc_step_ns` says by how much it was set. How each line is chosen: shared/clock_fit.py.
    """

    frames: Count = Field(description="frames that the lines were fitted to")
    device_zero_ns: Nanoseconds
    mono_zero_ns: Nanoseconds
    utc_zero_ns: Nanoseconds
    mono_per_device: float = Field(gt=0.5, lt=2.0, allow_inf_nan=False)
    utc_per_mono: float = Field(gt=0.5, lt=2.0, allow_inf_nan=False)
    mono_error_ns: Nanoseconds
    utc_error_ns: Nanoseconds
    utc_step_ns: SignedNanoseconds = Field(
        default=0, description="by how much the wall clock was set meanwhile; 0: not"
    )

    @property
    def device_drift_ppm(self) -> float:
        """How much faster the camera's clock runs than the host's, in parts per million (negative: slower)."""
        return (1.0 / self.mono_per_device - 1.0) * 1e6

    def mono_at(self, device_ns: int) -> int:
        """The host's time of a device time, in ns."""
        return self.mono_zero_ns + round(self.mono_per_device * (device_ns - self.device_zero_ns))

    def utc_at(self, mono_ns: int) -> int:
        """The wall time of a host's time, in ns."""
        return self.utc_zero_ns + round(self.utc_per_mono * (mono_ns - self.mono_zero_ns))
