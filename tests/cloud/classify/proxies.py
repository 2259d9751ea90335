"""Small infrared proxies, made as a bed makes them: H.264 in fragmented MP4."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def write_proxy(path: Path, frames: Sequence[NDArray[np.uint8]]) -> None:
    """Writes grey frames (H, W), H and W even, at 30 a second."""
    height, width = frames[0].shape
    with av.open(str(path), "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov"}) as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "18"}
        stream.time_base = Fraction(1, 30)
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())
