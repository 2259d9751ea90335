"""One stream as H.264 for the live view: painted by the tables of the proxies, so that live and recorded pictures look alike."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av

from edge_agent.clips.colours import depth_painter, ir_painter
from shared.clock import NS_PER_S
from shared.frame import Frame, Stream

TICKS_PER_S = 90_000
MOST_PIXELS = 1280 * 720
"""H.264 level 3.1, which every browser takes; larger pictures are scaled down."""
KEY_FRAME_EVERY_S = 1.0
"""A viewer who lost packets for good sees the picture again after this at the latest."""
_X264 = {"preset": "ultrafast", "tune": "zerolatency", "crf": "26", "maxrate": "3M", "bufsize": "1500k", "level": "31"}
_SMPTE170M = 6
_LIMITED_RANGE = 1


@dataclass(frozen=True, slots=True)
class Shot:
    """One encoded picture; `packet` is in Annex B form with its time in 90 kHz ticks. `mono_ns`, `utc_ns`: when it was taken."""

    packet: av.Packet[Any]
    key: bool
    mono_ns: int
    utc_ns: int


class LiveEncoder:
    """Encodes the frames of one stream in order; each becomes a shot at once, none is held back."""

    def __init__(self, stream: Stream, frames_per_s: float) -> None:
        self.stream = stream
        self.encoded = 0
        self._rate = frames_per_s
        self._painter = {Stream.depth: depth_painter, Stream.ir: ir_painter}.get(stream, lambda: None)()
        self._jpeg = av.CodecContext.create("mjpeg", "r")
        self._coder: av.VideoCodecContext | None = None
        self._first_ns = 0
        self._ticks = -1

    def encode(self, frame: Frame, *, key: bool) -> Shot | None:
        """The shot, a whole picture with `key`; None when the frame lacks the stream or its colour is no JPEG."""
        picture = self._picture(frame)
        if picture is None:
            return None
        coder = self._coder
        if coder is None or (coder.width, coder.height) != (picture.width, picture.height):
            coder = self._coder = self._coder_for(picture)
            key = True
        self._first_ns = self._first_ns or frame.mono_ns
        self._ticks = max(self._ticks + 1, (frame.mono_ns - self._first_ns) * TICKS_PER_S // NS_PER_S)
        picture.pts, picture.time_base = self._ticks, Fraction(1, TICKS_PER_S)
        picture.pict_type = av.video.frame.PictureType.I if key else av.video.frame.PictureType.NONE
        packets = coder.encode(picture)
        if not packets:
            return None
        self.encoded += 1
        return Shot(packets[0], bool(packets[0].is_keyframe), frame.mono_ns, frame.utc_ns)

    def _picture(self, frame: Frame) -> av.VideoFrame | None:
        if self._painter is not None:
            image = frame.depth if self.stream is Stream.depth else frame.ir
            if image is None:
                return None
            return _fitting(av.VideoFrame.from_ndarray(self._painter.paint(image), format="yuv420p"))
        try:
            found = self._jpeg.decode(av.Packet(frame.colour)) if frame.colour else []
        except (av.FFmpegError, ValueError):
            return None
        return _fitting(found[0]) if found else None

    def _coder_for(self, picture: av.VideoFrame) -> av.VideoCodecContext:
        coder = av.CodecContext.create("libx264", "w")
        assert isinstance(coder, av.VideoCodecContext)
        coder.width, coder.height, coder.pix_fmt = picture.width, picture.height, "yuv420p"
        coder.time_base = Fraction(1, TICKS_PER_S)
        coder.framerate = Fraction(self._rate).limit_denominator(1000)
        coder.gop_size = max(1, round(self._rate * KEY_FRAME_EVERY_S))
        coder.profile = "Baseline"
        coder.thread_count = 1
        coder.options = dict(_X264)
        coder.color_range = _LIMITED_RANGE
        coder.colorspace = coder.color_primaries = coder.color_trc = _SMPTE170M
        return coder


def _fitting(picture: av.VideoFrame) -> av.VideoFrame:
    """At most `MOST_PIXELS`, even sides, the shape kept."""
    share = min(1.0, (MOST_PIXELS / (picture.width * picture.height)) ** 0.5)
    width, height = int(picture.width * share) // 2 * 2, int(picture.height * share) // 2 * 2
    if (width, height, picture.format.name) == (picture.width, picture.height, "yuv420p"):
        return picture
    return picture.reformat(width, height, "yuv420p")
