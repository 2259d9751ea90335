"""What a viewer sees is what the proxies show: the same colours, whole pictures on demand, no picture held back."""

from __future__ import annotations

import av
import numpy as np
import pytest

from edge_agent.clips.colours import depth_painter, ir_painter
from edge_agent.live.encoder import MOST_PIXELS, LiveEncoder
from shared.frame import Frame, Stream, Uint16Image
from tests.fakes.frame_source import PERIOD_NS


def frame_of(index: int, image: Uint16Image | None, stream: Stream) -> Frame:
    at_ns = 10**12 + index * PERIOD_NS
    depth, ir = (image, None) if stream is Stream.depth else (None, image)
    return Frame(index, 0, at_ns, at_ns, depth, ir, None)


def smooth(height: int, width: int, index: int) -> Uint16Image:
    rows, columns = np.mgrid[0:height, 0:width]
    image: Uint16Image = (500 + 2 * rows + 3 * columns + 20 * index).astype(np.uint16)
    return image


@pytest.mark.parametrize(("stream", "painter"), [(Stream.depth, depth_painter()), (Stream.ir, ir_painter())])
def test_decoded_pictures_have_the_colours_of_the_proxies(stream: Stream, painter: object) -> None:
    encoder, decoder = LiveEncoder(stream, 15), av.CodecContext.create("h264", "r")
    for index in range(6):
        image = smooth(106, 128, index)
        shot = encoder.encode(frame_of(index, image, stream), key=False)
        assert shot is not None, "no picture waits for the next"
        assert shot.key == (index == 0)
        (shown,) = decoder.decode(shot.packet)
        painted = painter.paint(image)  # type: ignore[attr-defined]
        assert np.abs(shown.to_ndarray().astype(int) - painted).mean() < 4


def test_a_whole_picture_comes_when_it_is_asked_for_and_each_second() -> None:
    encoder = LiveEncoder(Stream.ir, 10)
    shots = [encoder.encode(frame_of(index, smooth(106, 128, 0), Stream.ir), key=index == 4) for index in range(16)]
    assert [index for index, shot in enumerate(shots) if shot is not None and shot.key] == [0, 4, 14]


def test_a_camera_that_comes_back_with_another_size_goes_on_with_a_whole_picture() -> None:
    encoder = LiveEncoder(Stream.ir, 15)
    first = encoder.encode(frame_of(0, smooth(106, 128, 0), Stream.ir), key=False)
    other = encoder.encode(frame_of(1, smooth(211, 321, 0), Stream.ir), key=False)
    assert first is not None
    assert other is not None
    assert other.key
    assert (other.packet.pts or 0) > (first.packet.pts or 0)


def test_a_large_picture_is_scaled_to_what_every_browser_takes() -> None:
    shot = LiveEncoder(Stream.ir, 15).encode(frame_of(0, smooth(1024, 1024, 0), Stream.ir), key=True)
    assert shot is not None
    (shown,) = av.CodecContext.create("h264", "r").decode(shot.packet)
    assert shown.width == shown.height
    assert 0.95 * MOST_PIXELS < shown.width * shown.height <= MOST_PIXELS


def test_a_frame_without_the_stream_or_with_broken_colour_gives_nothing() -> None:
    assert LiveEncoder(Stream.depth, 15).encode(frame_of(0, None, Stream.depth), key=True) is None
    broken = Frame(0, 0, 1, 1, None, None, b"\xff\xd8 no picture")
    assert LiveEncoder(Stream.colour, 15).encode(broken, key=True) is None
