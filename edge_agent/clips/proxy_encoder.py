"""One stream of one clip as a watchable file: images in the order of time in, fragmented MP4 (H.264) and its frame times out.

ir and depth come at full size, painted by tables; colour is scaled to at most 1280 pixels wide. Frame k of the file shows
the image taken at `times[k]`; its time in the file is counted from the first.
"""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av

from edge_agent.clips.colours import depth_painter, ir_painter
from shared.clip import ProxyFile
from shared.clock import NS_PER_S
from shared.errors import Refused, Transient
from shared.frame import Stream
from shared.segment import hash_file
from shared.segment_records import StreamImage

TICKS_PER_S = 90_000
KEY_FRAME_EVERY = 30
COLOUR_WIDTH = 1280
MAX_FRAMES = 200_000
_MOVFLAGS = "frag_keyframe+empty_moov+default_base_moof+global_sidx"
_X264 = {"preset": "ultrafast", "crf": "28"}
_SMPTE170M = 6
_LIMITED_RANGE = 1


class ProxyEncoder:
    """Writes `path` as it goes; `finish` makes it whole. A damaged image is left out and counted in `skipped`."""

    def __init__(self, path: Path, stream: Stream) -> None:
        self.path = path
        self.stream = stream
        self.times: list[int] = []
        self.device_times: list[int] = []
        self.skipped = 0
        self._ticks = -1
        self._file: av.container.OutputContainer | None = None
        self._track: av.VideoStream | None = None
        self._painter = {Stream.depth: depth_painter, Stream.ir: ir_painter}.get(stream, lambda: None)()
        self._jpeg = av.CodecContext.create("mjpeg", "r")

    def add(self, image: StreamImage) -> None:
        """The next image; one that is not later than the one before, or has another size, is left out. Raises Transient."""
        if (self.times and image.mono_ns <= self.times[-1]) or len(self.times) >= MAX_FRAMES:
            self.skipped += 1
            return
        try:
            frame = self._frame_of(image)
        except (Refused, av.FFmpegError, ValueError):
            self.skipped += 1
            return
        try:
            track = self._track_for(frame)
            if (frame.width, frame.height) != (track.width, track.height):
                self.skipped += 1
                return
            self._write(track, frame, image)
        except (OSError, av.FFmpegError) as error:
            raise Transient(f"The {self.stream.value} proxy cannot be written now: {error}.") from error

    def _frame_of(self, image: StreamImage) -> av.VideoFrame:
        if self._painter is not None:
            return av.VideoFrame.from_ndarray(self._painter.paint(image.pixels()), format="yuv420p")
        decoded = image.image()
        found = self._jpeg.decode(av.Packet(decoded)) if isinstance(decoded, bytes) else []
        if not found:
            raise Refused("A colour image is no JPEG.")
        width = min(COLOUR_WIDTH, found[0].width) // 2 * 2
        height = max(2, round(found[0].height * width / found[0].width / 2) * 2)
        return found[0].reformat(width, height, "yuv420p")

    def _track_for(self, frame: av.VideoFrame) -> av.VideoStream:
        if self._track is None:
            self._file = av.open(str(self.path), "w", format="mp4", options={"movflags": _MOVFLAGS})
            track = self._file.add_stream("libx264", rate=30, options=_X264)
            track.width, track.height, track.pix_fmt = frame.width, frame.height, "yuv420p"
            track.time_base = Fraction(1, TICKS_PER_S)
            coder = track.codec_context
            coder.time_base = Fraction(1, TICKS_PER_S)
            coder.gop_size = KEY_FRAME_EVERY
            coder.thread_count = 1
            coder.color_range = _LIMITED_RANGE
            coder.colorspace = coder.color_primaries = coder.color_trc = _SMPTE170M
            self._track = track
        return self._track

    def _write(self, track: av.VideoStream, frame: av.VideoFrame, image: StreamImage) -> None:
        start_ns = self.times[0] if self.times else image.mono_ns
        self._ticks = max(self._ticks + 1, (image.mono_ns - start_ns) * TICKS_PER_S // NS_PER_S)
        frame.pts = self._ticks
        frame.time_base = Fraction(1, TICKS_PER_S)
        self.times.append(image.mono_ns)
        self.device_times.append(max(0, image.device_ns))
        self._mux(track, frame)

    def _mux(self, track: av.VideoStream, frame: av.VideoFrame | None) -> None:
        if self._file is not None:
            for packet in track.encode(frame):
                self._file.mux(packet)

    def finish(self, folder: Path) -> ProxyFile | None:
        """The whole file under `folder`/<sha256>.mp4, on the disk for good; None when no image came. Raises Transient."""
        if self._file is None or self._track is None:
            return None
        try:
            self._mux(self._track, None)
            codec = _codec_of(bytes(self._track.codec_context.extradata or b""))
            width, height = self._track.width, self._track.height
            self._close()
            return self._keep(folder, codec, width, height)
        except (OSError, av.FFmpegError) as error:
            raise Transient(f"The {self.stream.value} proxy cannot be written now: {error}.") from error

    def _keep(self, folder: Path, codec: str, width: int, height: int) -> ProxyFile:
        sync(self.path)
        sha256, size_bytes = hash_file(self.path), self.path.stat().st_size
        self.path.rename(folder / f"{sha256}.mp4")
        sync(folder)
        return ProxyFile(
            stream=self.stream,
            sha256=sha256,
            size_bytes=size_bytes,
            codec=codec,
            width=width,
            height=height,
            frame_mono_ns=self.times,
            frame_device_ns=self.device_times,
        )

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def abandon(self) -> None:
        """Lets go of the file and removes it."""
        with suppress(OSError, av.FFmpegError):
            self._close()
        self.path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Makes a file's bytes, or a folder's names, durable. Raises OSError; what it was for must then be condemned."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _codec_of(extradata: bytes) -> str:
    """The RFC 6381 string from the H.264 parameter sets: `avc1.` and the three bytes after the SPS's type."""
    if extradata[:1] == b"\x01":
        return f"avc1.{extradata[1:4].hex()}"
    at = extradata.find(b"\x00\x00\x01\x67")
    if at < 0:
        raise OSError("the encoder gave no parameter sets")
    return f"avc1.{extradata[at + 4 : at + 7].hex()}"
