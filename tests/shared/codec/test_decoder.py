"""The decoder gives the pixels or refuses: cut, foreign, oversized or doubled bytes never give anything else."""

from __future__ import annotations

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codec import MAX_CHAIN, Codec
from shared.codec.decoder import Background, ImageDecoder
from shared.codec.encoder import StreamEncoder
from shared.codec.left import encode_left
from shared.codec.packing import BACKGROUND_HEAD, MED_HEAD
from shared.codec.zstd_frame import compressor
from shared.errors import Refused
from shared.frame import Uint16Image
from tests.shared.codec.images import bed_stream, make_image

DECODER = ImageDecoder()
HEIGHT, WIDTH = 20, 24
STREAM = bed_stream(3, height=HEIGHT, width=WIDTH)
ENCODER = StreamEncoder()
(_, KEY), (_, FIRST), (_, SECOND) = [ENCODER.encode(image, mono_ns) for mono_ns, image in STREAM]
LEFT = encode_left(STREAM[0][1], zstandard.ZstdCompressor(level=1))
KEYS = {Codec.left_planes_zstd: LEFT, Codec.med_zstd: KEY, Codec.raw: STREAM[0][1].tobytes()}


def after_key() -> Background:
    background = Background(DECODER)
    background.start(STREAM[0][1])
    return background


def decode(codec: Codec, data: bytes) -> Uint16Image:
    if codec is Codec.background_zstd:
        return after_key().decode(data, WIDTH, HEIGHT)
    return DECODER.decode(codec, data, WIDTH, HEIGHT)


ALL = {**KEYS, Codec.background_zstd: FIRST}


@pytest.mark.parametrize("codec", KEYS)
def test_a_key_image_of_each_codec_comes_back(codec: Codec) -> None:
    assert np.array_equal(decode(codec, KEYS[codec]), STREAM[0][1])


@settings(deadline=None)
@given(st.sampled_from(list(ALL)), st.binary(max_size=200))
def test_foreign_bytes_are_refused(codec: Codec, data: bytes) -> None:
    with pytest.raises(Refused):
        decode(codec, data)


@pytest.mark.parametrize("codec", ALL)
def test_a_cut_at_any_byte_is_refused(codec: Codec) -> None:
    for length in range(len(ALL[codec])):
        with pytest.raises(Refused):
            decode(codec, ALL[codec][:length])


@pytest.mark.parametrize("codec", ALL)
def test_bytes_behind_the_image_are_refused(codec: Codec) -> None:
    data, frame = ALL[codec], zstandard.ZstdCompressor().compress(b"more")
    for more in (b"\0", data, frame):
        with pytest.raises(Refused):
            decode(codec, data + more)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from([Codec.med_zstd, Codec.background_zstd]), st.data())
def test_a_flipped_bit_of_the_frame_is_refused_by_its_checksum(codec: Codec, data: st.DataObject) -> None:
    head = MED_HEAD.size if codec is Codec.med_zstd else BACKGROUND_HEAD.size
    damaged = bytearray(ALL[codec])
    bit = data.draw(st.integers(8 * head, 8 * len(damaged) - 1))
    damaged[bit // 8] ^= 1 << bit % 8
    try:
        found = decode(codec, bytes(damaged))
    except Refused:
        return
    assert np.array_equal(found, STREAM[codec is Codec.background_zstd][1])  # a reserved bit that changes nothing


@pytest.mark.parametrize("codec", [Codec.left_planes_zstd, Codec.med_zstd])
def test_a_bomb_is_refused_before_it_is_unpacked(codec: Codec) -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(64 * 1024 * 1024))
    with pytest.raises(Refused, match="does not state"):
        decode(codec, bomb if codec is Codec.left_planes_zstd else MED_HEAD.pack(0, 0) + bomb)


def test_a_frame_that_hides_its_size_is_refused() -> None:
    hidden = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(HEIGHT * WIDTH))
    with pytest.raises(Refused, match="does not state"):
        decode(Codec.med_zstd, MED_HEAD.pack(0, 0) + hidden)


def test_a_frame_without_checksum_is_refused() -> None:
    bare = zstandard.ZstdCompressor().compress(bytes(HEIGHT * WIDTH))
    with pytest.raises(Refused, match="no checksum"):
        decode(Codec.med_zstd, MED_HEAD.pack(0, 0) + bare)


def test_a_frame_with_a_huge_window_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=20, write_checksum=True, write_content_size=True)
    wide = zstandard.ZstdCompressor(compression_params=parameters).compress(bytes(1200 * 1200))
    with pytest.raises(Refused, match="window"):
        DECODER.decode(Codec.med_zstd, MED_HEAD.pack(0, 0) + wide, 1200, 1200)


@pytest.mark.parametrize(
    ("split", "escapes", "sentence"),
    [(1, 0, "splits"), (255, 0, "splits"), (0, 481, "claims 481"), (0, 2**32 - 1, "claims"), (0, 1, "state")],
)
def test_a_head_that_lies_is_refused(split: int, escapes: int, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        decode(Codec.med_zstd, MED_HEAD.pack(split, escapes) + compressor().compress(bytes(HEIGHT * WIDTH)))


def test_escapes_that_are_not_those_stated_are_refused() -> None:
    plain = bytes([255] * 3) + bytes(HEIGHT * WIDTH - 3) + bytes(4)
    with pytest.raises(Refused, match="has not the 2 escapes"):
        decode(Codec.med_zstd, MED_HEAD.pack(0, 2) + compressor().compress(plain))


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (8193, 5), (5, 8193)])
def test_a_side_outside_of_the_limits_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(Refused, match="outside"):
        DECODER.decode(Codec.med_zstd, b"", *size)


def test_an_image_that_leans_on_others_is_not_decoded_alone() -> None:
    with pytest.raises(Refused, match="not decoded alone"):
        DECODER.decode(Codec.background_zstd, FIRST, WIDTH, HEIGHT)


def test_a_chain_takes_no_other_image_than_the_next() -> None:
    with pytest.raises(Refused, match="number 2"):
        after_key().decode(SECOND, WIDTH, HEIGHT)
    background = after_key()
    background.decode(FIRST, WIDTH, HEIGHT)
    with pytest.raises(Refused, match="number 1"):
        background.decode(FIRST, WIDTH, HEIGHT)
    assert np.array_equal(background.decode(SECOND, WIDTH, HEIGHT), STREAM[2][1])


def test_a_chain_takes_no_image_of_another_size_and_none_before_its_key() -> None:
    with pytest.raises(Refused, match="does not follow"):
        after_key().decode(FIRST, HEIGHT, WIDTH)
    with pytest.raises(Refused, match="does not follow"):
        Background(DECODER).decode(FIRST, WIDTH, HEIGHT)


@pytest.mark.parametrize(("weight", "rate"), [(9, 3), (0, 0), (0, 8), (255, 255)])
def test_a_weight_or_rate_outside_its_limits_is_refused(weight: int, rate: int) -> None:
    with pytest.raises(Refused, match="weight"):
        after_key().decode(BACKGROUND_HEAD.pack(0, weight, rate, 1, 0) + FIRST[BACKGROUND_HEAD.size :], WIDTH, HEIGHT)


def test_a_chain_longer_than_the_limit_is_refused() -> None:
    background = after_key()
    background._step = MAX_CHAIN
    head = BACKGROUND_HEAD.pack(0, 0, 3, MAX_CHAIN + 1, 0)
    with pytest.raises(Refused, match="does not follow"):
        background.decode(head + FIRST[BACKGROUND_HEAD.size :], WIDTH, HEIGHT)


def test_a_raw_image_of_another_length_is_refused() -> None:
    with pytest.raises(Refused, match="raw image"):
        DECODER.decode(Codec.raw, make_image("noise", 4, 4, 0).tobytes(), 4, 5)
