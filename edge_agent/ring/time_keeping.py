"""The times of a bed's frames as they arrive: kept in order, fitted for each segment, their faults and drift counted. Pure."""

from __future__ import annotations

from collections import Counter

from shared.clock import NS_PER_S
from shared.clock_fit import ClockFault, ClockFit, DriftMeter
from shared.clock_model import ClockModel

UTC_STEP = "utc_step"
FAULT_NAMES = (*(fault.value for fault in ClockFault), UTC_STEP)


class TimeKeeper:
    """`in_order` for each arrival, `note` for each frame that was read, `seal_model` when a segment ends."""

    def __init__(self) -> None:
        self._fit, self._drift = ClockFit(), DriftMeter()
        self._begins = 0
        self._last_mono_ns = -1
        self.faults: Counter[str] = Counter()
        """Frames with an impossible time since the recorder started, by kind."""
        self.clock_error_ns: int | None = None
        """The largest residual of the newest sealed segment's frames."""

    def begin_session(self) -> None:
        """The camera opened (again): its clock may begin anew."""
        self._fit, self._begins = ClockFit(), 0
        self._drift.begin()

    def in_order(self, mono_ns: int) -> int:
        """The arrival time to record: what does not grow is put a nanosecond after the frame before, and counted."""
        if mono_ns <= self._last_mono_ns:
            self.faults[ClockFault.host.value] += 1
            mono_ns = self._last_mono_ns + 1
        self._last_mono_ns = mono_ns
        return mono_ns

    def note(self, device_ns: int, mono_ns: int, utc_ns: int) -> None:
        """One frame's three times, in the order of arrival."""
        fault = self._fit.add(device_ns, mono_ns, utc_ns)
        if self._fit.begins != self._begins:
            self._begins = self._fit.begins
            self._drift.begin()
        if fault is None:
            self._drift.add(device_ns, mono_ns)
        elif fault is not ClockFault.host:
            self.faults[fault.value] += 1

    def seal_model(self) -> ClockModel | None:
        """The clock model of the segment that ends now; the next one begins."""
        model = self._fit.model()
        self._fit.begin_segment()
        if model is not None:
            self.clock_error_ns = model.mono_error_ns
            self.faults[UTC_STEP] += model.utc_step_ns != 0
        return model

    def counters(self) -> dict[str, float]:
        """Figures for the recorder's beat; what is not known yet is left out."""
        found: dict[str, float] = {f"clock_{name}": self.faults[name] for name in FAULT_NAMES if self.faults[name]}
        if self.clock_error_ns is not None:
            found["clock_error_s"] = self.clock_error_ns / NS_PER_S
        drift_ppm = self._drift.ppm()
        if drift_ppm is not None:
            found["drift_ppm"] = drift_ppm
        return found
