"""A stream comes back image by image whatever it shows; the background is used where it pays, within its 2 seconds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings

from shared.codec import MAX_CHAIN, Codec
from shared.codec.decoder import Background, ImageDecoder
from shared.codec.encoder import StreamEncoder
from shared.frame import Uint16Image
from tests.shared.codec.images import KINDS, PERIOD_NS, Coded, bed_stream, make_image, streams

DECODER = ImageDecoder()


def encode(stream: list[tuple[int, Uint16Image]]) -> Coded:
    encoder = StreamEncoder()
    return [encoder.encode(image, mono_ns) for mono_ns, image in stream]


def decode(coded: Coded, height: int, width: int) -> list[Uint16Image]:
    background, found = Background(DECODER), []
    for codec, data in coded:
        if codec.is_key:
            found.append(DECODER.decode(codec, data, width, height))
            background.start(found[-1])
        else:
            found.append(background.decode(data, width, height))
    return found


@settings(deadline=None, max_examples=150)
@given(streams())
def test_every_stream_comes_back_bit_by_bit(stream: list[tuple[int, Uint16Image]]) -> None:
    coded = encode(stream)
    height, width = stream[0][1].shape
    for found, (_, image) in zip(decode(coded, height, width), stream, strict=True):
        assert found.dtype == np.uint16
        assert np.array_equal(found, image)
    assert all(len(data) <= 2 * height * width for _, data in coded)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_image_comes_back_as_a_key(kind: str) -> None:
    image = make_image(kind, 37, 53, 5)
    assert np.array_equal(decode(encode([(0, image)]), 37, 53)[0], image)


def test_a_still_scene_is_coded_over_its_background_and_is_smaller_so() -> None:
    coded = encode(bed_stream())
    assert coded[0][0] is Codec.med_zstd
    assert {codec for codec, _ in coded[1:]} == {Codec.background_zstd}
    assert sum(len(data) for _, data in coded[20:]) < 0.95 * 20 * len(coded[0][1])


def test_a_key_comes_every_two_seconds() -> None:
    coded = encode(bed_stream(130, height=16, width=16))
    assert [number for number, (codec, _) in enumerate(coded) if codec.is_key] == [0, 61, 122]


def test_a_chain_is_bounded_in_images_too() -> None:
    coded = encode([(number, image) for number, (_, image) in enumerate(bed_stream(MAX_CHAIN + 2, height=4, width=8))])
    assert [number for number, (codec, _) in enumerate(coded) if codec.is_key] == [0, MAX_CHAIN + 1]


def test_a_scene_that_moves_is_coded_by_its_neighbours() -> None:
    stream = [(number * PERIOD_NS, np.roll(make_image("ramp", 64, 64, 0), 9 * number, axis=1)) for number in range(30)]
    coded = encode(stream)
    assert all(codec.is_key for codec, _ in coded[4:])


@pytest.mark.parametrize("mono_ns", [PERIOD_NS - 1, 0])
def test_time_that_steps_back_begins_with_a_key(mono_ns: int) -> None:
    stream = bed_stream(6)
    encoder = StreamEncoder()
    for at_ns, image in stream:
        encoder.encode(image, at_ns + PERIOD_NS)
    assert encoder.encode(stream[0][1], mono_ns)[0].is_key


def test_another_size_begins_with_a_key() -> None:
    coded = encode([*bed_stream(6), (6 * PERIOD_NS, make_image("quiet", 16, 24, 0))])
    assert [codec.is_key for codec, _ in coded] == [True, False, False, False, False, False, True]


def test_after_a_restart_comes_a_key() -> None:
    encoder = StreamEncoder()
    stream = bed_stream(8)
    for mono_ns, image in stream[:5]:
        encoder.encode(image, mono_ns)
    encoder.restart()
    assert encoder.encode(stream[5][1], stream[5][0])[0].is_key
    assert not encoder.encode(stream[6][1], stream[6][0])[0].is_key


@pytest.mark.parametrize(
    "view",
    [
        lambda image: image[::2, 3:17],
        lambda image: image.T,
        lambda image: image.astype(">u2"),
        lambda image: np.frombuffer(b"\0" + image.tobytes(), np.uint16, offset=1).reshape(image.shape),
    ],
    ids=["strided", "transposed", "big-endian", "unaligned and read-only"],
)
def test_the_layout_of_an_array_does_not_matter(view: Callable[[Uint16Image], Uint16Image]) -> None:
    image = view(make_image("quiet", 40, 30, 1))
    copy = np.array(image, np.uint16, order="C")
    assert StreamEncoder().encode(image, 0) == StreamEncoder().encode(copy, 0)
