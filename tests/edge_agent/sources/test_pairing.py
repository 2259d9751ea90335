"""Images become captures by the camera's clock, in order, each image once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.sources.capture_counter import LONGEST_JUMP_NS, CaptureCounter
from edge_agent.sources.pairing import HELD, Pairing
from shared.frame import Stream

PERIOD = 1000
BOTH = (Stream.depth, Stream.ir)


def test_images_within_half_a_period_are_one_capture() -> None:
    pairing: Pairing[str] = Pairing(BOTH, PERIOD)
    assert pairing.add(Stream.depth, 100, "d") == []
    (capture,) = pairing.add(Stream.ir, 599, "i")
    assert (capture.images, capture.device_ns) == ({Stream.depth: "d", Stream.ir: "i"}, 100)


def test_images_half_a_period_apart_are_two_captures() -> None:
    pairing: Pairing[str] = Pairing(BOTH, PERIOD)
    pairing.add(Stream.depth, 0, "d")
    assert pairing.add(Stream.ir, 500, "i") == []
    assert len(pairing.flush()) == 2
    assert pairing.flush() == []


def test_an_image_goes_to_the_nearest_capture() -> None:
    pairing: Pairing[str] = Pairing((*BOTH, Stream.colour), PERIOD)
    for time in (0, 900):
        pairing.add(Stream.depth, time, f"d{time}")
        pairing.add(Stream.ir, time, "i")
    assert pairing.add(Stream.colour, 480, "c") == []
    captures = pairing.flush()
    assert Stream.colour not in captures[0].images
    assert captures[1].images[Stream.colour] == "c"


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(-200, 200)), max_size=60))
def test_every_image_comes_out_once_in_order_and_few_are_held(frames: list[tuple[bool, bool, int]]) -> None:
    pairing: Pairing[tuple[Stream, int]] = Pairing(BOTH, PERIOD)
    out, given_in = [], []
    for index, (depth, ir, shift) in enumerate(frames):
        for stream, there, time in ((Stream.depth, depth, 0), (Stream.ir, ir, shift)):
            if there:
                given_in.append((stream, index))
                out += pairing.add(stream, index * PERIOD + time, (stream, index))
        assert len(given_in) - sum(len(capture.images) for capture in out) <= 2 * HELD
    out += pairing.flush()
    assert sorted(image for capture in out for image in capture.images.values()) == sorted(given_in)
    for capture in out:
        assert len({index for _, index in capture.images.values()}) == 1
    numbers = [next(iter(capture.images.values()))[1] for capture in out]
    assert numbers == sorted(numbers)


@given(st.lists(st.integers(-(2**40), 2**62), max_size=50))
def test_the_number_of_a_capture_always_rises_and_never_runs_away(times: list[int]) -> None:
    counter = CaptureCounter(33_333_333)
    last = -1
    for time in times:
        index = counter.next(time)
        assert 1 <= index - last <= LONGEST_JUMP_NS // 33_333_333 + 1
        last = index
