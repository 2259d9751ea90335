"""Fits the clock model of a segment, one frame at a time: integers in, straight lines with their largest errors out. Pure.

A frame arrives late and never early, so the camera's line is the lower envelope of the arrivals: of all lines that lie under
every point, the one with the least sum of distances (Moon, Skelly and Towsley, INFOCOM 1999). It is the edge of the lower
convex hull over the mean device time; a late frame, however late, does not move it, where least squares would follow. Both
readings of wall time against monotonic time err either way, so that line is a least-squares one.
Slopes are held within 500 ppm, as Moonfire NVR does (design/time.md): a short segment cannot tell more, and no clock is worse.
Only the hulls are kept: some tens of points, whatever the number of frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.clock import NS_PER_MS, NS_PER_S
from shared.clock_model import ClockModel

MOST_PPM = 500.0
LATEST_NS = NS_PER_S
"""A camera's library holds captures for half a second at most (Azure Kinect SDK queue.h); twice that is a jump of its clock."""
UTC_STEP_NS = 50 * NS_PER_MS
DRIFT_BUCKET_NS = 10 * NS_PER_S
DRIFT_WINDOW_NS = 3600 * NS_PER_S
DRIFT_LEAST_NS = 120 * NS_PER_S
"""A younger estimate is off by more ppm than the drift has: 5 ms of jitter over 10 s are 500 ppm."""


class ClockFault(StrEnum):
    """What is wrong with the times of one frame. The frame is recorded all the same; the fit leaves it out."""

    duplicate = "duplicate"
    """The camera's clock stands: the same device time as the frame before."""
    regression = "regression"
    """The camera's clock went back."""
    jump = "jump"
    """The camera's clock moved more than a second more or less than the host's."""
    host = "host"
    """The host's arrival time did not grow."""


class Hull:
    """The lower (`sign` 1) or upper (`sign` -1) convex hull of points whose x grows; exact, in integers."""

    def __init__(self, sign: int = 1) -> None:
        self._sign = sign
        self.points: list[tuple[int, int]] = []

    def add(self, x: int, y: int) -> None:
        points = self.points
        while len(points) > 1:
            (ax, ay), (bx, by) = points[-2], points[-1]
            if self._sign * ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) > 0:
                break
            points.pop()
        points.append((x, y))

    def slope_over(self, x: float) -> float:
        """Slope of the edge over `x`; 1 where there are not two points."""
        for (ax, ay), (bx, by) in zip(self.points, self.points[1:], strict=False):
            if x <= bx:
                return (by - ay) / (bx - ax)
        return 1.0

    def offset(self, slope: float) -> float:
        """The line of that slope that touches the hull, as its y at x = 0: under all points, or over all of them."""
        offsets = [y - slope * x for x, y in self.points]
        return min(offsets) if self._sign > 0 else max(offsets)


def _held(slope: float) -> float:
    return min(1.0 + MOST_PPM / 1e6, max(1.0 - MOST_PPM / 1e6, slope))


@dataclass(frozen=True, slots=True)
class _Times:
    device_ns: int
    mono_ns: int
    utc_ns: int


class ClockFit:
    """Call `add` for each frame in the order of arrival, `model` when the segment is sealed, `begin_segment` for the next."""

    def __init__(self) -> None:
        self._last: _Times | None = None
        self._last_host: _Times | None = None
        self._suspect: _Times | None = None
        self.begins = 0
        """How often the camera's clock began anew: what was fitted before has no meaning any more."""
        self.begin_segment()

    def begin_segment(self) -> None:
        """Forgets the frames, not the clocks: a fault between two segments is seen too."""
        self._clear_device()
        self._clear_utc()

    def _clear_device(self) -> None:
        self._zero: _Times | None = None
        self._frames, self._device_sum = 0, 0
        self._lower, self._upper = Hull(1), Hull(-1)

    def _clear_utc(self) -> None:
        self._utc_zero: _Times | None = None
        self._host_frames = 0
        self._x, self._y, self._xx, self._xy = 0, 0, 0, 0
        self._utc_lower, self._utc_upper = Hull(1), Hull(-1)
        self._utc_step_ns = 0

    def add(self, device_ns: int, mono_ns: int, utc_ns: int) -> ClockFault | None:
        """Takes one frame's times; says what is wrong with them, or None."""
        now = _Times(device_ns, mono_ns, utc_ns)
        if self._last_host is not None and mono_ns <= self._last_host.mono_ns:
            return ClockFault.host
        self._add_utc(now)
        self._last_host = now
        fault = _fault_between(self._last, now)
        if fault is None:
            self._accept(now)
        elif self._suspect is not None and _fault_between(self._suspect, now) is None:
            first, self._suspect = self._suspect, None
            self._clear_device()
            self.begins += 1
            self._accept(first)
            self._accept(now)
            return None
        else:
            self._suspect = now if fault is not ClockFault.duplicate else None
        return fault

    def _accept(self, now: _Times) -> None:
        self._last, self._suspect = now, None
        if self._zero is None:
            self._zero = now
        x, y = now.device_ns - self._zero.device_ns, now.mono_ns - self._zero.mono_ns
        self._lower.add(x, y)
        self._upper.add(x, y)
        self._frames += 1
        self._device_sum += x

    def _add_utc(self, now: _Times) -> None:
        last = self._last_host
        if last is not None:
            step_ns = (now.utc_ns - last.utc_ns) - (now.mono_ns - last.mono_ns)
            if abs(step_ns) > UTC_STEP_NS + (now.mono_ns - last.mono_ns) // 1000:
                self._utc_step_ns += step_ns
        if self._utc_zero is None:
            self._utc_zero = now
        x = now.mono_ns - self._utc_zero.mono_ns
        y = now.utc_ns - self._utc_zero.utc_ns
        self._utc_lower.add(x, y)
        self._utc_upper.add(x, y)
        self._host_frames += 1
        self._x, self._y, self._xx, self._xy = self._x + x, self._y + y, self._xx + x * x, self._xy + x * y

    def model(self) -> ClockModel | None:
        """The lines of this segment's frames; None when no frame had a device time to go by."""
        zero = self._zero
        if zero is None or self._utc_zero is None or zero.device_ns < 0:
            return None
        slope = _held(self._lower.slope_over(self._device_sum / self._frames))
        least, most = self._lower.offset(slope), self._upper.offset(slope)
        mono_zero_ns = zero.mono_ns + round(least)
        utc_slope, utc_zero_ns, utc_error_ns = self._utc_line(mono_zero_ns)
        return ClockModel(
            frames=self._frames, device_zero_ns=zero.device_ns, mono_zero_ns=max(0, mono_zero_ns),
            utc_zero_ns=max(0, utc_zero_ns), mono_per_device=slope, utc_per_mono=utc_slope,
            mono_error_ns=_bound(most - least), utc_error_ns=_bound(utc_error_ns), utc_step_ns=self._utc_step_ns,
        )  # fmt: skip

    def _utc_line(self, at_mono_ns: int) -> tuple[float, int, float]:
        """Slope, wall time at that monotonic time, largest residual."""
        zero, count = self._utc_zero, self._host_frames
        assert zero is not None
        spread = count * self._xx - self._x * self._x
        slope = _held((count * self._xy - self._x * self._y) / spread) if spread else 1.0
        offset = (self._y - slope * self._x) / count
        error = max(self._utc_upper.offset(slope) - offset, offset - self._utc_lower.offset(slope))
        return slope, zero.utc_ns + round(offset + slope * (at_mono_ns - zero.mono_ns)), error


def _bound(error_ns: float) -> int:
    """An integer that is not below the error: a line through integers leaves parts of a nanosecond."""
    return int(max(0.0, error_ns)) + 1


def _fault_between(last: _Times | None, now: _Times) -> ClockFault | None:
    if now.device_ns < 0:
        return ClockFault.jump
    if last is None:
        return None
    device_ns, mono_ns = now.device_ns - last.device_ns, now.mono_ns - last.mono_ns
    if device_ns == 0:
        return ClockFault.duplicate
    if device_ns < 0:
        return ClockFault.regression
    return ClockFault.jump if abs(device_ns - mono_ns) > LATEST_NS + mono_ns // 1000 else None


class DriftMeter:
    """The camera's drift against the host over the last hour: of each 10 s the least delayed frame, then their lower envelope."""

    def __init__(self) -> None:
        self._best: list[tuple[int, int]] = []
        """(device_ns, mono_ns), one for each bucket of the device's time."""

    def begin(self) -> None:
        """The camera's clock began anew."""
        self._best = []

    def add(self, device_ns: int, mono_ns: int) -> None:
        """One frame without a fault, in the order of device time."""
        best = self._best
        if best and device_ns // DRIFT_BUCKET_NS == best[-1][0] // DRIFT_BUCKET_NS:
            if mono_ns - device_ns < best[-1][1] - best[-1][0]:
                best[-1] = (device_ns, mono_ns)
            return
        best.append((device_ns, mono_ns))
        if device_ns - best[0][0] > DRIFT_WINDOW_NS:
            best.pop(0)

    def ppm(self) -> float | None:
        """How much faster the camera's clock runs than the host's; None before two minutes were seen."""
        if not self._best or self._best[-1][0] - self._best[0][0] < DRIFT_LEAST_NS:
            return None
        hull, zero = Hull(1), self._best[0]
        for device_ns, mono_ns in self._best:
            hull.add(device_ns - zero[0], mono_ns - zero[1])
        mean = sum(device_ns - zero[0] for device_ns, _ in self._best) / len(self._best)
        return (1.0 / hull.slope_over(mean) - 1.0) * 1e6
