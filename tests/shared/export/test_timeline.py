"""Device times and file times: exact, never negative, forward over a restart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.export.timeline import LARGEST_OFFSET_US, Timeline

DAY_US = 86_400 * 1_000_000


@given(st.integers(0, 400 * DAY_US), st.lists(st.integers(0, 2_000_000), max_size=30))
def test_offset_and_file_time_give_the_device_time_back(first_us: int, steps_us: list[int]) -> None:
    timeline, device_us = Timeline(), first_us
    for step_us in [0, *steps_us]:
        device_us += step_us
        at_us = timeline.file_us(device_us * 1000 + 999, 0)
        assert timeline.offset_us is not None
        assert at_us + timeline.offset_us == device_us
        assert at_us >= 0
        assert timeline.offset_us <= LARGEST_OFFSET_US
    assert timeline.restarts == 0


@given(
    st.integers(0, 10 * DAY_US),
    st.lists(st.tuples(st.integers(0, 10 * DAY_US), st.integers(1, 2_000_000)), min_size=1, max_size=20),
)
def test_whatever_the_cameras_clock_does_the_file_never_goes_back_by_more_than_a_second(
    first_us: int, later: list[tuple[int, int]]
) -> None:
    timeline, mono_ns = Timeline(), 0
    reached_us = timeline.file_us(first_us * 1000, 0)
    for device_us, step_us in later:
        mono_ns += step_us * 1000
        at_us = timeline.file_us(device_us * 1000, mono_ns)
        assert at_us >= max(0, reached_us - 1_000_000)
        reached_us = max(reached_us, at_us)
