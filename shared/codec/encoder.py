"""Images of one stream into bytes, in the order of their times: key images, and between them images over the background."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import zstandard

from shared.clock import NS_PER_S
from shared.codec import MAX_CHAIN, Codec, left
from shared.codec.packing import BACKGROUND_HEAD, MED_HEAD, Packer
from shared.codec.presence import kernels
from shared.codec.trial import Trial, rate_after
from shared.frame import Uint16Image

KEY_EVERY_NS = 2 * NS_PER_S
Coded = tuple[Codec, tuple[bytes, ...]]


class StreamEncoder:
    """One stream of one segment. Without compiled kernels it writes codec 1, as NumPy can do at full rate.

    Every 2 s, and whenever time steps back or the size changes, the background begins anew with a key image. Between them the
    background is used while the trial finds it better; from the first image where it does not, each image is a key until the
    next 2 s begin.
    """

    def __init__(self, *, compiled: bool = True) -> None:
        self._kernels = kernels() if compiled else None
        self._plain = zstandard.ZstdCompressor(level=1)
        self._shape = (0, 0)
        self._packer: Packer
        self._trial: Trial
        self._means: npt.NDArray[np.int32]
        self._began_ns: int | None = None
        self._step = 0
        self._background = False

    def restart(self) -> None:
        """The next image is a key: call it when a coded image did not reach the file."""
        self._began_ns = None

    def encode(self, image: Uint16Image, mono_ns: int) -> tuple[Codec, bytes]:
        """As `encode_parts`, in one piece."""
        codec, parts = self.encode_parts(image, mono_ns)
        return codec, b"".join(parts)

    def encode_parts(self, image: Uint16Image, mono_ns: int) -> Coded:
        """image: uint16 (H, W), each side 1 to 8192. How it is coded, and the bytes in pieces, in all never more than the raw ones."""
        if not (image.flags.carray and image.dtype == np.uint16):
            image = np.require(image, np.uint16, ("C", "A"))
        if self._kernels is None:
            data = left.encode_left(image, self._plain)
            return (Codec.left_planes_zstd, (data,)) if len(data) < image.nbytes else _raw(image)
        if image.shape != self._shape:
            self._prepare(image.shape[0], image.shape[1])
        began = self._began_ns
        fresh = began is None or not began <= mono_ns < began + KEY_EVERY_NS or self._step >= MAX_CHAIN
        self._step = 0 if fresh else self._step + 1
        self._trial.see(image, self._step)
        if fresh:
            self._began_ns, self._background = mono_ns, self._trial.background
            return self._key(image)
        if self._background and self._trial.background:
            return self._over_background(image)
        self._background = False
        return self._key(image)

    def _prepare(self, height: int, width: int) -> None:
        assert self._kernels is not None
        self._shape = (height, width)
        self._packer = Packer(height, width, self._kernels)
        self._trial = Trial(height, width, self._kernels)
        self._means = np.zeros((height, width), np.int32)
        self._began_ns = None

    def _key(self, image: Uint16Image) -> Coded:
        assert self._kernels is not None
        split = self._trial.split
        self._kernels.med_symbols(image, split, self._packer.symbols, self._packer.lows)
        if self._background:
            self._kernels.begin(image, self._means)
        found = self._packer.pack(image, split, MED_HEAD.size)
        if found is None:
            return _raw(image)
        return Codec.med_zstd, (MED_HEAD.pack(split, found[0]), found[1])

    def _over_background(self, image: Uint16Image) -> Coded:
        assert self._kernels is not None
        trial, rate = self._trial, rate_after(self._step)
        self._kernels.background_symbols(
            image, self._means, trial.weight, rate, trial.split, self._packer.symbols, self._packer.lows
        )  # fmt: skip
        found = self._packer.pack(image, trial.split, BACKGROUND_HEAD.size)
        if found is None:
            self._background = False
            return _raw(image)
        head = BACKGROUND_HEAD.pack(trial.split, trial.weight, rate, self._step, found[0])
        return Codec.background_zstd, (head, found[1])


def _raw(image: Uint16Image) -> Coded:
    return Codec.raw, (image.astype("<u2", copy=False).tobytes(),)
