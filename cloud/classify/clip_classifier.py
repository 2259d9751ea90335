"""Runs the classifier on a clip's infrared proxy. In: a video file and its frames' times. Out: the network's suggestion.

The one place in the cloud that uses a network's code. One thread of low priority does the work, frame by frame, so that a
clip of any length needs the memory of one window.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import torch
from av.error import FFmpegError
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from models.i3d.classifier import Classifier
from models.i3d.clip_input import LARGEST_SIDE, WINDOW_FPS
from shared.clock import NS_PER_S
from shared.errors import Refused, Transient

STEP_NS = round(NS_PER_S / WINDOW_FPS)
LONGEST_CLIP_NS = 3_600 * NS_PER_S
NICENESS = 10

LIMITED_RANGE = int(ColorRange.MPEG)
FULL_OF_LIMITED = np.clip(np.rint((np.arange(256) - 16) * (255 / 219)), 0, 255).astype(np.uint8).tobytes()

GreyFrame = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Suggested:
    """What the network suggests; windows are (ns after the clip's start, probabilities by class)."""

    probabilities: dict[str, float]
    windows: list[tuple[int, dict[str, float]]]
    simulated: bool
    seconds_spent: float
    frames: int
    abstains: bool = False


class Stopped(Exception):
    """The work was given up because the worker ends."""


class ClipClassifier:
    """One release, loaded at its first use, and the thread that runs it."""

    def __init__(self, folder: Path, release: str, threads: int = 1) -> None:
        self.release = release
        self._folder, self._threads = folder, threads
        self._loaded: Classifier | None = None
        self._pool = ThreadPoolExecutor(1, "classify", initializer=_lower_priority)

    async def classify(self, video: Path, times_ns: Sequence[int]) -> Suggested:
        """Classifies the video whose frame k was taken `times_ns[k]` after the clip's start.

        Raises Transient when the release is not installed here, Refused for a video that cannot be read. When the caller is
        cancelled the work stops at the next frame.
        """
        stop = threading.Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._work, video, times_ns, stop)
        except asyncio.CancelledError:
            stop.set()
            raise

    def close(self) -> None:
        """Ends the thread once its work is done."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _work(self, video: Path, times_ns: Sequence[int], stop: threading.Event) -> Suggested:
        classifier = self._classifier()
        torch.set_num_threads(self._threads)
        began = time.perf_counter()
        frames = on_grid(_stoppable(grey_frames(video, len(times_ns)), stop), times_ns)
        verdict = classifier.classify(frames, WINDOW_FPS)
        windows = [(times_ns[0] + round(one["start_s"] * NS_PER_S), one["probabilities"]) for one in verdict.windows]
        spent_s = time.perf_counter() - began
        simulated = classifier.card.data.simulated
        return Suggested(verdict.probabilities, windows, simulated, spent_s, len(times_ns), verdict.abstains)

    def _classifier(self) -> Classifier:
        if self._loaded is None:
            try:
                self._loaded = Classifier.from_release(self._folder, self.release, self._threads)
            except Refused as error:
                # A matter of the installation, not of the clip: the job waits until ops have put it right.
                raise Transient(f"The classifier cannot be loaded: {error.sentence}", release=self.release) from error
        return self._loaded


def _lower_priority() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _stoppable(frames: Iterator[GreyFrame], stop: threading.Event) -> Iterator[GreyFrame]:
    for frame in frames:
        if stop.is_set():
            raise Stopped
        yield frame


def grey_frames(video: Path, limit: int) -> Iterator[GreyFrame]:
    """The first `limit` frames of the video as uint8 (H, W), full range. Raises Refused for what is no such video."""
    try:
        # The format is named so that no playlist in a proxy's place can lead to other files.
        with av.open(str(video), format="mp4", options={"protocol_whitelist": "file"}) as container:
            stream = next(iter(container.streams.video), None)
            if stream is None or stream.codec_context is None:
                raise Refused("The proxy holds no video that can be decoded.")
            stream.codec_context.thread_count = 1
            for number, frame in enumerate(container.decode(stream)):
                if number >= limit:
                    return
                if max(frame.width, frame.height) > LARGEST_SIDE:
                    raise Refused(f"The proxy's pictures are larger than {LARGEST_SIDE} pixels a side.")
                yield _grey(frame)
    except (FFmpegError, OSError, ValueError) as error:
        raise Refused(f"The proxy cannot be decoded: {type(error).__name__}.") from error


def _grey(frame: av.VideoFrame) -> GreyFrame:
    """One picture as uint8 (H, W), full range. The proxies' own format takes a table, a fifth of the general way's time."""
    if frame.format.name != "yuv420p" or frame.color_range != LIMITED_RANGE:
        return np.asarray(frame.to_ndarray(format="gray"), np.uint8)
    plane = frame.planes[0]
    full = bytes(plane).translate(FULL_OF_LIMITED)
    return np.frombuffer(full, np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]


def on_grid(frames: Iterator[GreyFrame], times_ns: Sequence[int]) -> Iterator[GreyFrame]:
    """The frames at 30 a second from the first one on: at each instant the newest frame, so that gaps keep their length.

    Raises Refused when the times do not ascend, span over an hour, or number more than the frames.
    """
    if any(later < earlier for earlier, later in pairwise(times_ns)):
        raise Refused("The times of the proxy's frames do not ascend.")
    if not times_ns or times_ns[-1] - times_ns[0] > LONGEST_CLIP_NS:
        raise Refused("The proxy has no frames, or lasts over an hour.")
    step, shown = 0, None
    for moment_ns in times_ns:
        while shown is not None and step * STEP_NS < moment_ns - times_ns[0] - STEP_NS // 2:
            yield shown
            step += 1
        shown = next(frames, None)
        if shown is None:
            raise Refused("The proxy holds fewer frames than its manifest says.")
    if shown is not None:
        yield shown
