"""The three clocks are fitted by straight lines whose errors hold for every frame, whatever the clocks and arrivals do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import NS_PER_MS, NS_PER_S
from shared.clock_fit import MOST_PPM, ClockFault, ClockFit, DriftMeter, Hull
from shared.clock_model import ClockModel

PERIOD_NS = NS_PER_S // 30
MONO_NS = 500 * NS_PER_S
UTC_NS = 1_790_000_000 * NS_PER_S
DEVICE_NS = 7 * NS_PER_S
Times = tuple[int, int, int]


def arrivals(count: int, ppm: float = 0.0, latest_ms: float = 0.0, seed: int = 1) -> Iterator[Times]:
    """Exposures at 30 a second of the camera's own clock, which runs `ppm` faster; each arrives 5 ms later or more."""
    rng = np.random.default_rng(seed)
    for k in range(count):
        host_ns = round(k * PERIOD_NS / (1 + ppm / 1e6)) + 5 * NS_PER_MS
        late_ns = round(float(rng.exponential(latest_ms / 4)) * NS_PER_MS) if latest_ms else 0
        host_ns += min(late_ns, round(latest_ms * NS_PER_MS))
        yield DEVICE_NS + k * PERIOD_NS, MONO_NS + host_ns, UTC_NS + host_ns


def fitted(times: list[Times]) -> ClockModel:
    fit = ClockFit()
    for each in times:
        assert fit.add(*each) is None
    model = fit.model()
    assert model is not None
    return model


@pytest.mark.parametrize("ppm", [-390.0, 0.0, 390.0])
def test_a_clock_that_runs_off_is_found_in_ten_seconds_of_late_frames(ppm: float) -> None:
    model = fitted(list(arrivals(300, ppm, latest_ms=12)))
    assert model.device_drift_ppm == pytest.approx(ppm, abs=30)
    assert model.frames == 300


def test_without_jitter_the_drift_is_exact_and_the_error_nothing() -> None:
    model = fitted(list(arrivals(300, 390.0)))
    assert model.device_drift_ppm == pytest.approx(390, abs=0.01)
    assert model.mono_error_ns <= 3


def test_one_frame_that_hangs_for_400_ms_does_not_move_the_line_but_is_in_its_error() -> None:
    times = list(arrivals(300, 390.0))
    device_ns, mono_ns, utc_ns = times[299]
    late_ns = 400 * NS_PER_MS
    hung = fitted([*times[:299], (device_ns, mono_ns + late_ns, utc_ns + late_ns)])
    assert hung.device_drift_ppm == pytest.approx(390, abs=0.01)
    assert hung.mono_error_ns == pytest.approx(late_ns, rel=0.01)


@given(
    st.lists(st.integers(0, 300 * NS_PER_MS), min_size=1, max_size=60),
    st.floats(-450, 450),
    st.integers(-2 * NS_PER_MS, 2 * NS_PER_MS),
)
def test_the_errors_hold_for_every_frame_and_no_frame_lies_under_the_line(
    late: list[int], ppm: float, read_ns: int
) -> None:
    times: list[Times] = []
    for k, late_ns in enumerate(late):
        mono_ns = MONO_NS + round(k * PERIOD_NS * (1 + ppm / 1e6)) + late_ns
        if not times or mono_ns > times[-1][1]:
            times.append((DEVICE_NS + k * PERIOD_NS, mono_ns, mono_ns + UTC_NS + (read_ns if k % 5 == 0 else 0)))
    model = fitted(times)
    assert abs(model.mono_per_device - 1) <= MOST_PPM / 1e6 + 1e-9
    for device_ns, mono_ns, utc_ns in times:
        assert -2 <= mono_ns - model.mono_at(device_ns) <= model.mono_error_ns + 1
        assert abs(utc_ns - model.utc_at(mono_ns)) <= model.utc_error_ns + 1


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(-1000, 1000)), min_size=2, max_size=40))
def test_the_hull_touches_the_points_and_lies_under_all_of_them(steps: list[tuple[int, int]]) -> None:
    hull, points, x = Hull(1), [], 0
    for step, y in steps:
        x += step
        points.append((x, y))
        hull.add(x, y)
    slope = hull.slope_over(sum(x for x, _ in points) / len(points))
    offset = hull.offset(slope)
    distances = [y - slope * x - offset for x, y in points]
    assert min(distances) == pytest.approx(0, abs=1e-6)
    brute = min(
        sum(y - s * x - min(b - s * a for a, b in points) for x, y in points)
        for i, (ax, ay) in enumerate(points)
        for bx, by in points[i + 1 :]
        for s in [(by - ay) / (bx - ax)]
    )
    assert sum(distances) <= brute + 1e-6 * max(1.0, abs(brute))


def test_the_slope_of_a_short_segment_is_held_within_500_ppm() -> None:
    times = [(DEVICE_NS + k * PERIOD_NS, MONO_NS + k * (PERIOD_NS + NS_PER_MS), UTC_NS) for k in range(3)]
    model = fitted(times)
    assert model.mono_per_device == pytest.approx(1 + MOST_PPM / 1e6)


def test_a_wall_clock_that_is_set_inside_a_segment_is_told_and_its_error_covers_it() -> None:
    times = list(arrivals(300))
    for step_s in (-3600, 2, 3600):
        stepped = [
            (device, mono, utc + (step_s * NS_PER_S if k >= 150 else 0)) for k, (device, mono, utc) in enumerate(times)
        ]
        model = fitted(stepped)
        assert model.utc_step_ns == step_s * NS_PER_S
        assert model.utc_error_ns >= abs(step_s) * NS_PER_S * 0.49
    assert fitted(times).utc_step_ns == 0
    assert fitted(times).utc_error_ns <= 2


def test_a_clock_that_is_slewed_is_no_step() -> None:
    slewed = [(device, mono, utc + (mono - MONO_NS) // 2500) for device, mono, utc in arrivals(300)]
    model = fitted(slewed)
    assert model.utc_step_ns == 0
    assert (model.utc_per_mono - 1) * 1e6 == pytest.approx(400, abs=1)


def test_a_duplicate_a_regression_and_a_jump_are_named_and_left_out() -> None:
    fit, times = ClockFit(), list(arrivals(10))
    for each in times[:3]:
        assert fit.add(*each) is None
    assert fit.add(times[2][0], times[3][1], times[3][2]) is ClockFault.duplicate
    assert fit.add(times[0][0], times[4][1], times[4][2]) is ClockFault.regression
    assert fit.add(times[5][0], times[5][1], times[5][2]) is None
    assert fit.add(times[6][0] + 3600 * NS_PER_S, times[6][1], times[6][2]) is ClockFault.jump
    assert fit.add(-5, times[7][1], times[7][2]) is ClockFault.jump
    assert fit.add(times[8][0], times[7][1], times[8][2]) is ClockFault.host
    assert fit.add(*times[9]) is None
    model = fit.model()
    assert model is not None
    assert model.frames == 5
    assert model.mono_error_ns <= 2


def test_a_clock_that_stands_is_a_duplicate_each_frame_and_never_a_crash() -> None:
    fit, times = ClockFit(), list(arrivals(100))
    faults = [fit.add(times[0][0], mono_ns, utc_ns) for _, mono_ns, utc_ns in times]
    assert faults == [None, *[ClockFault.duplicate] * 99]
    model = fit.model()
    assert model is not None
    assert model.frames == 1


@pytest.mark.parametrize("restart_ns", [0, 9_000 * NS_PER_S])
def test_a_camera_whose_clock_begins_anew_costs_one_frame_of_the_fit(restart_ns: int) -> None:
    fit, times = ClockFit(), list(arrivals(200, 390.0))
    faults = [
        fit.add(device_ns - (times[100][0] - restart_ns if k >= 100 else 0), mono_ns, utc_ns)
        for k, (device_ns, mono_ns, utc_ns) in enumerate(times)
    ]
    assert [k for k, fault in enumerate(faults) if fault] == [100]
    assert fit.begins == 1
    model = fit.model()
    assert model is not None
    assert (model.frames, model.device_zero_ns) == (100, restart_ns)
    assert model.device_drift_ppm == pytest.approx(390, abs=0.01)


def test_the_next_segment_is_fitted_to_its_own_frames() -> None:
    fit, times = ClockFit(), list(arrivals(60))
    for each in times[:30]:
        fit.add(*each)
    fit.begin_segment()
    assert fit.model() is None
    for each in times[30:]:
        assert fit.add(*each) is None
    model = fit.model()
    assert model is not None
    assert (model.frames, model.device_zero_ns) == (30, times[30][0])


def test_the_drift_of_an_hour_is_told_after_two_minutes_and_follows_the_clock() -> None:
    meter = DriftMeter()
    for k, (device_ns, mono_ns, _) in enumerate(arrivals(2 * 3600, 390.0, latest_ms=40)):
        meter.add(device_ns, mono_ns)
        if k == 3000:
            assert meter.ppm() is None
    assert meter.ppm() == pytest.approx(390, abs=3)
    meter.begin()
    assert meter.ppm() is None


def test_the_drift_remembers_an_hour_and_no_more() -> None:
    meter = DriftMeter()
    host_ns = 0.0
    for second in range(3 * 3600):
        host_ns += NS_PER_S * (1 + (100e-6 if second < 5400 else 300e-6))
        meter.add(second * NS_PER_S, round(host_ns))
    assert meter.ppm() == pytest.approx(-300, abs=1)
    assert len(meter._best) <= 362
