"""How the three clocks of one segment run against each other: straight lines, each with the largest error it leaves."""

from __future__ import annotations

from pydantic import Field

from shared.contract import Contract, Count, Nanoseconds


class ClockModel(Contract):
    """mono = mono_zero_ns + mono_per_device · (device − device_zero_ns), and utc likewise from mono.

    The Kinect's clock runs some 390 ppm off (Azure Kinect Sensor SDK issue 1384), so a device time is not a host time. The
    errors are the largest residuals of the frames that the lines were fitted to; a frame's own arrival may be later than its
    exposure by the transfer, which no fit can see.
    """

    frames: Count = Field(description="frames that the lines were fitted to")
    device_zero_ns: Nanoseconds
    mono_zero_ns: Nanoseconds
    utc_zero_ns: Nanoseconds
    mono_per_device: float = Field(gt=0.5, lt=2.0, allow_inf_nan=False)
    utc_per_mono: float = Field(gt=0.5, lt=2.0, allow_inf_nan=False)
    mono_error_ns: Nanoseconds
    utc_error_ns: Nanoseconds

    @property
    def device_drift_ppm(self) -> float:
        """How much faster the camera's clock runs than the host's, in parts per million (negative: slower)."""
        return (1.0 / self.mono_per_device - 1.0) * 1e6
