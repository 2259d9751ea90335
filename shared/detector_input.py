"""Previews to the detector's input: one class for the bed and for training. Pure NumPy, stateful, deterministic.

In: previews at about 15 a second, uint8 ir and depth (106, 128), with monotonic times. Out: three times a second a
`DetectorFrame` whose `features` are float32 (16, 26, 32) in the order of `CHANNELS`. The network's ONNX signature:
`features` float32 (1, 16, 26, 32) and `state` float32 (1, S) in; `score` float32 (1,), `motor_types` float32 (1, K) and
`next_state` float32 (1, S) out; `state` is zeros where a frame is `fresh` (see docs/contracts/detector-onnx.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.errors import Refused
from shared.frame import Uint8Image
from shared.preview import PREVIEW_FPS, PREVIEW_HEIGHT, PREVIEW_PERIOD_NS, PREVIEW_WIDTH

Floats = npt.NDArray[np.float32]

PREVIEWS_PER_STEP = 5
STEP_FPS = PREVIEW_FPS / PREVIEWS_PER_STEP
MAP_HEIGHT, MAP_WIDTH = 26, 32
LONGEST_BLEND = 8
"""Up to seven missing previews (about half a second) are blended in; a longer gap starts the filters anew."""
FORGET_AFTER_NS = 10_000_000_000
"""After a gap longer than this nothing that was seen before is used: the network's state starts at zero."""
UNSEEN_WINDOW_STEPS = 150
"""`unseen_s` looks back over this many preview periods (10 s)."""

DARK, BRIGHT, BLIND_SHARE = 2, 250, 0.98
"""An image shows nothing when this share of it is no brighter than DARK (no return) or no darker than BRIGHT (saturated)."""

BAND_HZ: tuple[float, ...] = (0.6, 1.2, 2.0, 3.0, 4.2, 5.6)
BAND_MEMORY_S: tuple[float, ...] = (0.8, 0.6, 0.5, 0.4, 0.35, 0.3)
LEVEL_MEMORY_S = 2.0
BACKGROUND_MEMORY_S = 30.0

CHANNELS: tuple[str, ...] = (
    *(f"ir_{hz}_hz" for hz in BAND_HZ),
    *(f"depth_{hz}_hz" for hz in BAND_HZ),
    "ir",
    "depth",
    "ir_change",
    "depth_change",
)
_HALF = (PREVIEW_HEIGHT // 2, PREVIEW_WIDTH // 2)


@dataclass(frozen=True, slots=True)
class DetectorFrame:
    """One step of the network's input.

    features: float32 (16, 26, 32). mono_ns: time of the newest preview in it. unseen_s: part of the last 10 s without a
    usable preview; no_ir_s, no_depth_s: part of them in which a preview came whose infrared or depth showed nothing.
    fresh: nothing before this frame counts, the network's state must be zeros.
    """

    features: Floats
    mono_ns: int
    unseen_s: float
    fresh: bool
    no_ir_s: float = 0.0
    no_depth_s: float = 0.0


def _decay(memory_s: float) -> np.float32:
    return np.float32(1.0 - np.exp(-1.0 / (PREVIEW_FPS * memory_s)))


def _poles() -> npt.NDArray[np.complex64]:
    turn = 2j * np.pi * np.asarray(BAND_HZ) / PREVIEW_FPS
    fade = -1.0 / (PREVIEW_FPS * np.asarray(BAND_MEMORY_S))
    return np.exp(turn + fade).astype(np.complex64)[:, None, None, None]


def _pairs(image: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Sums of 2 x 2 blocks, (106, 128) to (53, 64)."""
    rows = image[0::2] + image[1::2]
    sums: npt.NDArray[np.uint16] = rows[:, 0::2] + rows[:, 1::2]
    return sums


def _is_even(image: Uint8Image) -> bool:
    """Nothing can be seen in it: one tone, or dark or bright all over but for specks."""
    if int(image.max()) - int(image.min()) < 3:
        return True
    some = image[::2, ::2]
    specks = (1 - BLIND_SHARE) * some.size
    return bool(np.count_nonzero(some > DARK) <= specks or np.count_nonzero(some < BRIGHT) <= specks)


def _check(name: str, image: Uint8Image) -> None:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape != (PREVIEW_HEIGHT, PREVIEW_WIDTH):
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise Refused(f"A preview's {name} must be uint8 ({PREVIEW_HEIGHT}, {PREVIEW_WIDTH}), not {found}.", field=name)


class _Filters:
    """A bank of damped resonators on the half-size picture: how strongly each place moves at each of six rates."""

    def __init__(self) -> None:
        self._poles = _poles()
        self._gains = (1.0 - np.abs(self._poles)).astype(np.float32)
        self._level_step = _decay(LEVEL_MEMORY_S)
        self._background_step = _decay(BACKGROUND_MEMORY_S)
        self._background: Floats | None = None
        self._waves = np.zeros((len(BAND_HZ), 2, *_HALF), np.complex64)
        self._level: Floats | None = None
        self._newest = np.zeros((2, *_HALF), np.float32)

    def still(self) -> None:
        """Forgets all movement, keeps the background."""
        self._waves[:] = 0
        self._level = None

    def forget(self) -> None:
        """Forgets movement and background."""
        self.still()
        self._background = None

    def add(self, picture: Floats) -> None:
        """One picture, float32 (2, 53, 64): ir and filled depth in preview steps."""
        if self._background is None:
            self._background = picture.copy()
        if self._level is None:
            self._level = picture.copy()
        self._background += self._background_step * (picture - self._background)
        self._level += self._level_step * (picture - self._level)
        self._waves *= self._poles
        self._waves += self._gains * (picture - self._level)
        self._newest = picture

    def features(self) -> Floats:
        """The maps of this moment, float32 (16, 26, 32), all within about -4..6."""
        background = self._background if self._background is not None else self._newest
        real, imaginary = self._waves.real, self._waves.imag
        strength = np.sqrt(real * real + imaginary * imaginary)
        change = np.clip((self._newest - background) / np.float32(16), -4, 4)
        maps = np.concatenate((strength.transpose(1, 0, 2, 3).reshape(-1, *_HALF), self._newest, change))
        small = _quarter(maps)
        bands = 2 * len(BAND_HZ)
        small[:bands] = np.log1p(8 * small[:bands])
        small[bands : bands + 2] = small[bands : bands + 2] / 64 - 2
        return small


def _quarter(maps: Floats) -> Floats:
    """Means of 2 x 2 blocks, (C, 53, 64) to (C, 26, 32); the last row has no partner and is left out."""
    rows = maps[:, 0 : 2 * MAP_HEIGHT : 2] + maps[:, 1 : 2 * MAP_HEIGHT : 2]
    return (rows[:, :, 0::2] + rows[:, :, 1::2]) * np.float32(0.25)


class DetectorInput:
    """Feeds on previews in time order, gives `DetectorFrame`s on a fixed grid of 15 pictures a second, one in five.

    Faster cameras are thinned, short gaps blended, long ones start the filters anew. A picture of which neither image shows
    anything (black, saturated, one tone) or that is byte for byte the one before counts as missing; where one image shows
    nothing the frame says so. `late` counts previews not newer than the one before; they are passed over.
    Monotonic times hold within one boot: a new boot needs a new object.
    """

    def __init__(self) -> None:
        self.late = 0
        self._filters = _Filters()
        self._depth_fill = np.zeros(_HALF, np.float32)
        self._last: Floats | None = None
        self._last_images: tuple[Uint8Image, Uint8Image] | None = None
        self._grid_ns = 0
        self._newest_ns: int | None = None
        self._phase = 0
        self._fresh = True
        self._sight = np.zeros((3, UNSEEN_WINDOW_STEPS), bool)
        self._sight_at = 0
        self._blind_now = (False, False)

    def push(self, ir: Uint8Image, depth: Uint8Image, mono_ns: int) -> list[DetectorFrame]:
        """The frames that this preview completes (none, one, or two after a blended gap).

        ir, depth: uint8 (106, 128). Raises Refused for another shape or dtype.
        """
        _check("ir", ir)
        _check("depth", depth)
        if self._newest_ns is not None and mono_ns <= self._newest_ns:
            self.late += 1
            return []
        self._newest_ns = mono_ns
        if self._shows_nothing(ir, depth):
            return []
        if self._last is None:
            return self._start(self._picture(ir, depth), mono_ns)
        periods = round((mono_ns - self._grid_ns) / PREVIEW_PERIOD_NS)
        if periods < 1:
            return []
        if periods > LONGEST_BLEND:
            return self._resume(ir, depth, mono_ns)
        return self._blend(self._picture(ir, depth), periods)

    def _shows_nothing(self, ir: Uint8Image, depth: Uint8Image) -> bool:
        before, self._last_images = self._last_images, (ir, depth)
        blind = (_is_even(ir), _is_even(depth))
        if all(blind):
            return True
        self._blind_now = blind
        return before is not None and bool(np.array_equal(before[0], ir) and np.array_equal(before[1], depth))

    def _picture(self, ir: Uint8Image, depth: Uint8Image) -> Floats:
        """Half-size ir and depth, float32 (2, 53, 64); blocks without any depth keep what they showed last."""
        wide = depth.astype(np.uint16)
        sums = _pairs(wide)
        counts = _pairs((wide != 0).astype(np.uint16))
        if self._last is None:
            valid = depth[depth != 0]
            self._depth_fill[:] = np.median(valid) if valid.size else 128.0
        np.divide(sums, counts, out=self._depth_fill, where=counts != 0, dtype=np.float32)
        return np.stack((_pairs(ir.astype(np.uint16)) * np.float32(0.25), self._depth_fill))

    def _start(self, picture: Floats, mono_ns: int) -> list[DetectorFrame]:
        self._grid_ns = mono_ns
        self._phase = 0
        return self._advance(picture, seen=True)

    def _resume(self, ir: Uint8Image, depth: Uint8Image, mono_ns: int) -> list[DetectorFrame]:
        missing_ns = mono_ns - self._grid_ns
        if missing_ns > FORGET_AFTER_NS:
            self._filters.forget()
            self._last = None
            self._fresh = True
            self._sight[:] = False
        else:
            self._filters.still()
            self._note(False, min(UNSEEN_WINDOW_STEPS, missing_ns // PREVIEW_PERIOD_NS))
        return self._start(self._picture(ir, depth), mono_ns)

    def _blend(self, picture: Floats, periods: int) -> list[DetectorFrame]:
        before = self._last if self._last is not None else picture
        frames: list[DetectorFrame] = []
        for step in range(1, periods + 1):
            self._grid_ns += PREVIEW_PERIOD_NS
            share = np.float32(step / periods)
            between = picture if step == periods else before + share * (picture - before)
            frames += self._advance(between, seen=step == periods)
        return frames

    def _note(self, seen: bool, periods: int) -> None:
        """Keeps for each period of the last ten seconds: was it seen, and did the infrared or the depth of it show nothing."""
        flags = (seen, seen and self._blind_now[0], seen and self._blind_now[1])
        for step in range(periods):
            self._sight[:, (self._sight_at + step) % UNSEEN_WINDOW_STEPS] = flags
        self._sight_at = (self._sight_at + periods) % UNSEEN_WINDOW_STEPS

    def _advance(self, picture: Floats, seen: bool) -> list[DetectorFrame]:
        self._last = picture
        self._filters.add(picture)
        self._note(seen, 1)
        self._phase = (self._phase + 1) % PREVIEWS_PER_STEP
        if self._phase:
            return []
        shown, no_ir, no_depth = (int(count) for count in np.count_nonzero(self._sight, axis=1))
        unseen_s, no_ir_s, no_depth_s = (
            round(periods / PREVIEW_FPS, 3) for periods in (UNSEEN_WINDOW_STEPS - shown, no_ir, no_depth)
        )
        frame = DetectorFrame(self._filters.features(), self._grid_ns, unseen_s, self._fresh, no_ir_s, no_depth_s)
        self._fresh = False
        return [frame]
