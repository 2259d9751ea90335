"""Compiled predictors of codecs 3 and 4 (numba): the same arithmetic as docs/contracts/segment-format.md, without the GIL.

The loops are written so that LLVM puts them into vector registers: 16-bit lanes, selections in place of branches, rows that
begin at index 0. Signatures are fixed, so importing this module compiles it, or loads it from the cache beside the file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from shared.compiled import kernel
from shared.frame import Uint8Image, Uint16Image

Means = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]

u8, u16, i16, i32 = np.uint8, np.uint16, np.int16, np.int32
LAST = u16(254)  # symbols 1..254 stand for residuals 0..253; 0 is a hole, 255 an escape
ESCAPE = u8(255)

_pixels = types.Array(types.uint16, 2, "C", readonly=True)
_pixel_row = types.Array(types.uint16, 1, "C", readonly=True)
_bytes_in = types.Array(types.uint8, 2, "C", readonly=True)
_byte_row_in = types.Array(types.uint8, 1, "C", readonly=True)
_bytes_out, _byte_row = types.uint8[:, ::1], types.uint8[::1]
_means, _mean_row = types.int32[:, ::1], types.int32[::1]
_small = types.int32


@kernel()
def _median(left: Any, up: Any, corner: Any) -> Any:
    """The MED prediction, with neighbours that are 0 (holes, or outside) replaced by others."""
    left = left if left != u16(0) else (up if up != u16(0) else corner)
    up = up if up != u16(0) else left
    corner = corner if corner != u16(0) else up
    low, high = min(left, up), max(left, up)
    guess = u16(left + up - corner)
    guess = high if corner <= low else guess
    return low if corner >= high else guess


@kernel()
def _folded(difference: Any) -> Any:
    """0, -1, 1, -2, … as 0, 1, 2, 3, …, modulo 2^16."""
    return u16(i16(u16(difference) << u16(1)) ^ (i16(difference) >> i16(15)))


@kernel()
def _unfolded(folded: Any) -> Any:
    return u16((folded >> u16(1)) ^ u16(u16(0) - (folded & u16(1))))


@kernel()
def _symbol_row(now: Any, folded: Any, symbols: Any) -> None:
    for c in range(now.shape[0]):
        symbol = u8(u16(min(folded[c], LAST) + u16(1)))
        symbols[c] = symbol if now[c] != u16(0) else u8(0)


@kernel()
def _split_row(now: Any, folded: Any, symbols: Any, lows: Any) -> None:
    for c in range(now.shape[0]):
        x, residual = now[c], folded[c]
        high = u16(residual >> u16(4))
        symbols[c] = u8(u16(min(high, LAST) + u16(1))) if x != u16(0) else u8(0)
        lows[c] = u8(residual & u16(15)) if (x != u16(0)) & (high < LAST) else u8(0)


@kernel()
def _med_row(now: Any, left: Any, up: Any, corner: Any, folded: Any) -> None:
    for c in range(now.shape[0]):
        folded[c] = _folded(i16(u16(now[c] - _median(left[c], up[c], corner[c]))))


@kernel(_pixels, _small, _bytes_out, _bytes_out)
def med_symbols(image: Uint16Image, split: int, symbols: Uint8Image, lows: Uint8Image) -> None:
    """Symbols (H, W) of an image (H, W) under MED; with split 4 also the low four bits of each residual, else lows is untouched."""
    height, width = image.shape
    outside, folded = np.zeros(width, np.uint16), np.empty(width, np.uint16)
    for r in range(height):
        now, up = image[r], image[r - 1] if r else outside
        _med_row(now[:1], outside[:1], up[:1], outside[:1], folded[:1])
        _med_row(now[1:], now[:-1], up[1:], up[:-1], folded[1:])
        if split:
            _split_row(now, folded, symbols[r], lows[r])
        else:
            _symbol_row(now, folded, symbols[r])


@kernel()
def _learn_row(now: Any, means: Any, rate: Any) -> None:
    """Moves the means, in sixteenths, towards the pixels by 1/2^rate of the way; holes teach nothing."""
    for c in range(now.shape[0]):
        x, mean = i32(now[c]), means[c]
        wanted = i32(x << i32(4))
        moved = i32(mean + i32(i32(wanted - mean) >> rate))
        moved = moved if mean != i32(0) else wanted
        means[c] = moved if x != i32(0) else mean


@kernel()
def _differences(now: Any, means: Any, differences: Any) -> None:
    """How far each pixel lies from its mean; 0 where either is unknown."""
    for c in range(now.shape[0]):
        x, mean = i32(now[c]), means[c]
        known = (x != i32(0)) & (mean != i32(0))
        differences[c] = i32(x - i32(i32(mean + i32(8)) >> i32(4))) if known else i32(0)


@kernel()
def _background_row(now: Any, means: Any, left: Any, up: Any, weight: Any, rate: Any, folded: Any) -> None:
    """The residuals of a row, and its means as they are after it, in one pass over the means."""
    for c in range(now.shape[0]):
        x, mean = i32(now[c]), means[c]
        correction = i32(i32(weight * i32(left[c] + up[c]) + i32(8)) >> i32(4))
        guess = i32(i32(i32(mean + i32(8)) >> i32(4)) + correction)
        folded[c] = _folded(i16(u16(i32(x - guess))))
        wanted = i32(x << i32(4))
        moved = i32(mean + i32(i32(wanted - mean) >> rate))
        moved = moved if mean != i32(0) else wanted
        means[c] = moved if x != i32(0) else mean


@kernel(_pixels, _means, _small, _small, _small, _bytes_out, _bytes_out)
def background_symbols(
    image: Uint16Image, means: Means, weight: int, rate: int, split: int, symbols: Uint8Image, lows: Uint8Image
) -> None:  # fmt: skip
    """Symbols (H, W) of an image under the background means (H, W), which learn the image; lows as in `med_symbols`."""
    height, width = image.shape
    above, here = np.zeros(width + 1, np.int32), np.zeros(width + 1, np.int32)
    folded = np.empty(width, np.uint16)
    for r in range(height):
        now, mean = image[r], means[r]
        _differences(now, mean, here[1:])
        _background_row(now, mean, here[:-1], above[1:], i32(weight), i32(rate), folded)
        if split:
            _split_row(now, folded, symbols[r], lows[r])
        else:
            _symbol_row(now, folded, symbols[r])
        above, here = here, above


@kernel()
def _largest(symbols: Any) -> Any:
    found = u8(0)
    for k in range(symbols.shape[0]):
        found = max(found, symbols[k])
    return found


@kernel(_byte_row_in, _pixel_row, types.uint16[::1], types.int64[::1])
def collect_escapes(symbols: Uint8Image, pixels: Uint16Image, escapes: Uint16Image, count: Counts) -> None:
    """The pixels (N,) at symbols 255, in order, into escapes as far as they fit; count is (1,), of all of them."""
    found, size = 0, symbols.shape[0]
    for start in range(0, size, 128):
        piece = symbols[start : min(start + 128, size)]
        if _largest(piece) == ESCAPE:
            for k in range(piece.shape[0]):
                if piece[k] == ESCAPE:
                    if found < escapes.shape[0]:
                        escapes[found] = pixels[start + k]
                    found += 1
    count[0] = found


@kernel(_byte_row_in, _byte_row)
def pack_nibbles(lows: Uint8Image, packed: Uint8Image) -> None:
    """Two values of four bits in a byte, the first one low; packed is (N // 2,), an odd last one is left to the caller."""
    for i in range(packed.shape[0]):
        packed[i] = u8(lows[2 * i] | u8(lows[2 * i + 1] << u8(4)))


@kernel(_byte_row_in, _byte_row)
def unpack_nibbles(packed: Uint8Image, lows: Uint8Image) -> None:
    """The opposite: lows is (2 · N,)."""
    for i in range(packed.shape[0]):
        lows[2 * i] = packed[i] & u8(15)
        lows[2 * i + 1] = packed[i] >> u8(4)


@kernel(_bytes_in, _bytes_in, _pixel_row, _small, types.uint16[:, ::1])
def med_image(symbols: Uint8Image, lows: Uint8Image, escapes: Uint16Image, split: int, image: Uint16Image) -> None:
    """The image (H, W) of its symbols; escapes holds one value for each symbol 255 (the caller checked that)."""
    height, width = image.shape
    outside = np.zeros(width, np.uint16)
    taken = 0
    for r in range(height):
        now, up = image[r], image[r - 1] if r else outside
        left = corner = u16(0)
        for c in range(width):
            symbol, above = symbols[r, c], up[c]
            if symbol == u8(0):
                x = u16(0)
            elif symbol == ESCAPE:
                x = escapes[taken]
                taken += 1
            else:
                folded = u16((u16(symbol) - u16(1)) << u16(split))
                if split:
                    folded = u16(folded | u16(lows[r, c]))
                x = u16(_median(left, above, corner) + _unfolded(folded))
            now[c] = x
            left, corner = x, above


@kernel()
def _plain_row(symbols: Any, lows: Any, means: Any, split: Any, now: Any) -> None:
    """A row without spatial correction; what stands at escapes is replaced afterwards."""
    for c in range(now.shape[0]):
        folded = u16(u16(u16(symbols[c]) - u16(1)) << u16(split)) | u16(lows[c])
        x = u16(u16(i32(i32(means[c] + i32(8)) >> i32(4))) + _unfolded(u16(folded)))
        now[c] = x if symbols[c] != u8(0) else u16(0)


@kernel()
def _corrected_row(
    symbols: Any, lows: Any, means: Any, split: Any, weight: Any, escapes: Any, above: Any, now: Any
) -> Any:  # fmt: skip
    """A row whose guesses lean on the pixels to the left and above; above becomes this row's differences. Escapes taken."""
    left, taken = i32(0), 0
    for c in range(now.shape[0]):
        symbol, mean = symbols[c], means[c]
        level = i32(i32(mean + i32(8)) >> i32(4))
        if symbol == u8(0):
            x = u16(0)
        elif symbol == ESCAPE:
            x = escapes[taken]
            taken += 1
        else:
            correction = i32(i32(weight * i32(left + above[c]) + i32(8)) >> i32(4))
            folded = u16(u16(u16(u16(symbol) - u16(1)) << u16(split)) | u16(lows[c]))
            x = u16(u16(i32(level + correction)) + _unfolded(folded))
        left = i32(i32(x) - level) if (x != u16(0)) & (mean != i32(0)) else i32(0)
        above[c] = left
        now[c] = x
    return taken


@kernel()
def _patch_row(symbols: Any, escapes: Any, now: Any) -> Any:
    taken = 0
    for c in range(now.shape[0]):
        if symbols[c] == ESCAPE:
            now[c] = escapes[taken]
            taken += 1
    return taken


@kernel(_bytes_in, _bytes_in, _pixel_row, _means, _small, _small, _small, types.uint16[:, ::1])
def background_image(
    symbols: Uint8Image, lows: Uint8Image, escapes: Uint16Image, means: Means, weight: int, rate: int, split: int,
    image: Uint16Image,
) -> None:  # fmt: skip
    """The image (H, W) of its symbols under the means, which learn it; lows must be zeros when split is 0."""
    height, width = image.shape
    above = np.zeros(width, np.int32)
    taken = 0
    for r in range(height):
        now, mean = image[r], means[r]
        if weight:
            taken += _corrected_row(
                symbols[r], lows[r], mean, i32(split), i32(weight), escapes[taken:], above, now
            )  # fmt: skip
        else:
            _plain_row(symbols[r], lows[r], mean, i32(split), now)
            taken += _patch_row(symbols[r], escapes[taken:], now)
        _learn_row(now, mean, i32(rate))


@kernel(_pixels, _means)
def begin(image: Uint16Image, means: Means) -> None:
    """The means of a key image."""
    for r in range(image.shape[0]):
        now, mean = image[r], means[r]
        for c in range(now.shape[0]):
            mean[c] = i32(i32(now[c]) << i32(4))


@kernel(_pixels, _means, _small)
def learn(image: Uint16Image, means: Means, rate: int) -> None:
    """The means (H, W) learn the image as the coder's do."""
    for r in range(image.shape[0]):
        _learn_row(image[r], means[r], i32(rate))


@kernel()
def _seen_row(now: Any, folded: Any) -> None:
    """Holes cost nothing, as a residual of 0 does."""
    for c in range(now.shape[0]):
        folded[c] = folded[c] if now[c] != u16(0) else u16(0)


@kernel()
def _guessed_row(now: Any, means: Any, left: Any, up: Any, weight: Any, folded: Any) -> None:
    for c in range(now.shape[0]):
        correction = i32(i32(weight * i32(left[c] + up[c]) + i32(8)) >> i32(4))
        guess = i32(i32(i32(means[c] + i32(8)) >> i32(4)) + correction)
        folded[c] = _folded(i16(u16(i32(i32(now[c]) - guess))))


@kernel()
def _price(folded: Any, costs: Any) -> Any:
    last, total = u16(costs.shape[0] - 1), i32(0)
    for c in range(folded.shape[0]):
        total = i32(total + costs[min(folded[c], last)])
    return total


@kernel(_pixels, _means, types.Array(types.int32, 1, "C", readonly=True), types.int64[::1])
def trial(sample: Uint16Image, means: Means, costs: npt.NDArray[np.int32], sums: Counts) -> None:
    """Adds up what the rows 1, 3, 5, … of the sample would cost, holes left out.

    sums are: MED, background with weights 0, 3, 6. costs gives the price of a folded residual: of 0 nothing, its last entry that of
    all larger ones; a row of the highest price must fit into 31 bits.
    """
    width = sample.shape[1]
    above, here = np.zeros(width, np.int32), np.zeros(width, np.int32)
    folded = np.empty(width - 1, np.uint16)
    for r in range(1, sample.shape[0], 2):
        now, up, mean = sample[r], sample[r - 1], means[r]
        _differences(up, means[r - 1], above)
        _differences(now, mean, here)
        _med_row(now[1:], now[:-1], up[1:], up[:-1], folded)
        _seen_row(now[1:], folded)
        sums[0] += _price(folded, costs)
        for k in range(3):
            _guessed_row(now[1:], mean[1:], here[:-1], above[1:], i32(3 * k), folded)
            _seen_row(now[1:], folded)
            sums[1 + k] += _price(folded, costs)


@kernel()
def _wide_row(now: Any, left: Any, up: Any, corner: Any) -> Any:
    wide, seen = i32(0), i32(0)
    for c in range(now.shape[0]):
        folded = _folded(i16(u16(now[c] - _median(left[c], up[c], corner[c]))))
        there = now[c] != u16(0)
        wide = i32(wide + (there & (folded >= LAST)))
        seen = i32(seen + there)
    return wide, seen


@kernel(_pixels, types.int64[::1])
def count_wide(sample: Uint16Image, counts: Counts) -> None:
    """Of the rows 1, 3, 5, …: residuals under MED that are too wide for one symbol, and pixels that are no holes."""
    for r in range(1, sample.shape[0], 2):
        now, up = sample[r], sample[r - 1]
        wide, seen = _wide_row(now[1:], now[:-1], up[1:], up[:-1])
        counts[0] += wide
        counts[1] += seen
