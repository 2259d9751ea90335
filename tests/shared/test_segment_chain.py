"""Any image of a segment is found by decoding at most two seconds of others, and damage reaches no further than the next key."""

from __future__ import annotations

import gc
import random
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codec.decoder import Background, ImageDecoder
from shared.errors import Refused
from shared.frame import Stream
from shared.segment import SegmentReader
from shared.segment_chain import StreamChain
from shared.segment_records import StreamImage
from tests.shared.codec.images import PERIOD_NS, bed_stream, streams
from tests.shared.segments import ImageStream, write_streams

DEPTH = bed_stream(130, height=12, width=16)
KEYS = [0, 61, 122]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chain")
    return write_streams(folder / "a.part", DEPTH, DEPTH[:5]).seal(folder).path


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with each image that is decoded over its background."""
    real, calls = Background.decode, []

    def decode(self: Background, data: bytes, width: int, height: int) -> np.ndarray:
        calls.append(1)
        return real(self, data, width, height)

    monkeypatch.setattr(Background, "decode", decode)
    return calls


def test_the_index_names_the_key_images_of_streams_that_have_others(sealed: Path) -> None:
    with SegmentReader(sealed) as reader:
        found = [position for position, image in enumerate(reader.frames([Stream.depth])) if image.codec.is_key]
        assert found == KEYS
        assert reader._chains[Stream.depth]._keys == KEYS
        assert reader._chains[Stream.ir]._keys == [0]


def test_reading_in_order_decodes_each_image_once(sealed: Path, counted: list[int]) -> None:
    with SegmentReader(sealed) as reader:
        for image, (_, wanted) in zip(reader.frames([Stream.depth]), DEPTH, strict=True):
            assert np.array_equal(image.pixels(), wanted)
    assert len(counted) == len(DEPTH) - len(KEYS)


def test_a_seek_decodes_from_the_key_image_before_it(sealed: Path, counted: list[int]) -> None:
    at_ns = 100 * PERIOD_NS
    with SegmentReader(sealed) as reader:
        image = next(reader.frames([Stream.depth], start_mono_ns=at_ns))
        assert np.array_equal(image.pixels(), DEPTH[100][1])
    assert len(counted) == 100 - 61


def test_a_seek_from_an_earlier_image_goes_by_the_nearer_key_image(sealed: Path, counted: list[int]) -> None:
    with SegmentReader(sealed) as reader:
        images = list(reader.frames([Stream.depth]))
        images[3].pixels()
        images[100].pixels()
    assert len(counted) == 3 + (100 - 61)


def test_images_that_are_passed_over_are_decoded_when_a_later_one_is_asked_for(
    sealed: Path, counted: list[int]
) -> None:
    with SegmentReader(sealed) as reader:
        images = list(reader.frames([Stream.depth]))
        for position in range(62, 100, 7):
            assert np.array_equal(images[position].pixels(), DEPTH[position][1])
    assert len(counted) == 97 - 61


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 129), min_size=1, max_size=12), st.sampled_from([Stream.depth, Stream.ir]))
def test_images_come_back_in_any_order(sealed: Path, order: list[int], stream: Stream) -> None:
    with SegmentReader(sealed) as reader:
        images = list(reader.frames([stream]))
        for position in order:
            wanted = DEPTH[position % len(images)][1]
            assert np.array_equal(images[position % len(images)].pixels(), wanted)


@settings(deadline=None, max_examples=40)
@given(streams(), streams(), st.booleans(), st.randoms())
def test_every_segment_of_any_streams_comes_back(
    folder: Path, depth: ImageStream, ir: ImageStream, seal: bool, lot: random.Random
) -> None:
    path = folder / "any.part"
    path.unlink(missing_ok=True)
    writer = write_streams(path, depth, ir)
    if seal:
        path = writer.seal(folder).path
    writer.close()
    with SegmentReader(path) as reader:
        assert reader.sealed is seal
        images = list(reader.frames())
        lot.shuffle(images)
        for image in images:
            wanted = (depth if image.stream is Stream.depth else ir)[image.index][1]
            assert np.array_equal(image.pixels(), wanted)
    path.unlink()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any")


def test_damage_reaches_no_further_than_the_next_key_image(sealed: Path, tmp_path: Path, counted: list[int]) -> None:
    with SegmentReader(sealed) as reader:
        offset = reader._places["depth"][70][0]
    damaged = bytearray(sealed.read_bytes())
    damaged[offset + 90] ^= 4
    path = tmp_path / "damaged.seg"
    path.write_bytes(damaged)
    with SegmentReader(path) as reader:
        images = [reader._image(Stream.depth, position) for position in range(130) if position != 70]
        with pytest.raises(Refused, match="damaged at byte"):
            reader._image(Stream.depth, 70)
        for image in images:
            if 70 < image.index < 122:
                with pytest.raises(Refused, match="damaged"):
                    image.pixels()
            else:
                assert np.array_equal(image.pixels(), DEPTH[image.index][1])
    assert len(counted) < 2 * len(DEPTH)


def test_a_record_that_is_missing_from_a_chain_gives_no_wrong_pixels(sealed: Path) -> None:
    with SegmentReader(sealed) as reader:
        images = list(reader.frames([Stream.depth]))
    del images[30]
    chain = StreamChain(lambda position: images[position], [0, 60, 121], ImageDecoder())
    with pytest.raises(Refused, match="does not follow"):
        chain.decode(40, images[40])
    assert np.array_equal(chain.decode(29, images[29]), DEPTH[29][1])


@pytest.mark.parametrize("keys", [None, [], [50], [5]])
def test_an_index_that_lies_about_key_images_is_refused(sealed: Path, keys: list[int] | None) -> None:
    with SegmentReader(sealed) as reader:
        images = list(reader.frames([Stream.depth]))
    chain = StreamChain(lambda position: images[position], keys, ImageDecoder())
    with pytest.raises(Refused, match="key image"):
        chain.decode(10, images[10])


def test_a_chain_that_is_too_long_is_refused(sealed: Path) -> None:
    with SegmentReader(sealed) as reader:
        image = next(reader.frames([Stream.depth], start_mono_ns=PERIOD_NS))

    def load(_position: int) -> StreamImage:
        raise AssertionError("nothing may be read")

    with pytest.raises(Refused, match="within 600"):
        StreamChain(load, [0], ImageDecoder()).decode(601, image)


def test_an_image_of_a_closed_segment_is_refused_when_it_needs_others(sealed: Path) -> None:
    with SegmentReader(sealed) as reader:
        images = list(reader.frames([Stream.depth]))
    assert np.array_equal(images[61].pixels(), DEPTH[61][1])
    assert np.array_equal(images[62].pixels(), DEPTH[62][1])
    with pytest.raises(Refused, match="was closed"):
        images[90].pixels()


def test_a_closed_reader_is_gone_without_the_collector(sealed: Path) -> None:
    """An export reads hundreds of segments: none may wait in memory for a collection that few allocations ever start."""
    gc.disable()
    try:
        reader = SegmentReader(sealed)
        for image in reader.frames():
            image.image()
        del image
        reader.close()
        gone = weakref.ref(reader)
        del reader
        assert gone() is None
    finally:
        gc.enable()
