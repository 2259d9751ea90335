"""Images and streams of images for the tests of the codec: smooth, noisy, constant, extreme, with holes, of any size."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from shared.codec import Codec
from shared.frame import Uint16Image

PERIOD_NS = 33_333_333
KINDS = ("noise", "ramp", "quiet", "loud", "constant", "extremes", "holes")


def make_image(kind: str, height: int, width: int, seed: int) -> Uint16Image:
    """A uint16 (H, W) image of that kind; the same scene for every seed, other noise."""
    rng = np.random.default_rng(seed)
    ramp = np.add.outer(9 * np.arange(height), 4 * np.arange(width)) + 900
    if kind == "noise":
        return rng.integers(0, 65536, (height, width)).astype(np.uint16)
    if kind == "ramp":
        return ramp.astype(np.uint16)
    if kind in {"quiet", "loud"}:
        return np.clip(ramp + rng.normal(0, 3 if kind == "quiet" else 150, ramp.shape), 1, 65535).astype(np.uint16)
    if kind == "constant":
        return np.full((height, width), rng.choice([0, 1, 254, 4096, 65535]), np.uint16)
    if kind == "extremes":
        return rng.choice(np.array([0, 1, 32767, 32768, 65534, 65535], np.uint16), (height, width))
    holes = make_image("quiet", height, width, seed)
    holes[rng.random(holes.shape) < 0.3] = 0
    return holes


@st.composite
def streams(draw: st.DrawFn) -> list[tuple[int, Uint16Image]]:
    """Up to a dozen images of one size with their times: kinds change, time jumps, so keys begin anew now and then."""
    height, width = draw(st.integers(1, 64)), draw(st.integers(1, 64))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3))
    found, mono_ns = [], 0
    for number in range(draw(st.integers(1, 12))):
        mono_ns += draw(st.sampled_from([PERIOD_NS, PERIOD_NS, PERIOD_NS, 700_000_000, 2_500_000_000]))
        kind = kinds[draw(st.integers(0, len(kinds) - 1))]
        found.append((mono_ns, make_image(kind, height, width, number)))
    return found


def bed_stream(count: int = 40, *, height: int = 48, width: int = 64) -> list[tuple[int, Uint16Image]]:
    """A quiet scene that the background predicts well."""
    return [(number * PERIOD_NS, make_image("quiet", height, width, number)) for number in range(count)]


Coded = list[tuple[Codec, bytes]]
