"""The images of one stream of a segment in their chains: each stands on those since its key image, and no further back."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

from shared.codec import MAX_CHAIN
from shared.codec.decoder import Background, ImageDecoder
from shared.errors import Refused
from shared.frame import Uint16Image
from shared.segment_records import StreamImage


class StreamChain:
    """Decodes any image of the stream; in sequence each one once. load: the image at a position of the stream's list.

    keys: positions of key images, rising; None: every image is one. A damaged image makes those after it unreadable up to
    the next key; each of them raises Refused.
    """

    def __init__(self, load: Callable[[int], StreamImage], keys: Sequence[int] | None, decoder: ImageDecoder) -> None:
        self._load = load
        self._keys = keys
        self._decoder = decoder
        self._background = Background(decoder)
        self._last: int | None = None
        self._broken: int | None = None

    def decode(self, position: int, image: StreamImage) -> Uint16Image:
        """uint16 (H, W) of the image at that position, not yet checked against its checksum. Raises Refused."""
        if image.codec.is_key:
            return self._step(position, image)
        if self._last != position - 1:
            self._reach(position - 1)
        return self._step(position, image)

    def _reach(self, target: int) -> None:
        """Decodes from the key image before it up to `target`, or from where the last call ended when that is nearer."""
        keys = self._keys or ()
        place = bisect_right(keys, target) - 1
        if place < 0 or target - keys[place] >= MAX_CHAIN:
            raise Refused(f"Image {target + 1} of a stream has no key image within {MAX_CHAIN} images before it.")
        first = keys[place]
        if self._broken is not None and first <= self._broken <= target:
            raise Refused(f"Image {target + 1} of a stream stands on image {self._broken}, which is damaged.")
        if self._last is not None and first <= self._last < target:
            first = self._last + 1
        for position in range(first, target + 1):
            try:
                image = self._load(position)
                image.check(self._step(position, image))
            except Refused:
                self._last, self._broken = None, position
                raise

    def _step(self, position: int, image: StreamImage) -> Uint16Image:
        key = image.codec.is_key
        if not key and self._last != position - 1:
            raise Refused(f"Image {position} of a stream is no key image where the index names one.")
        self._last = None
        if key:
            found = self._decoder.decode(image.codec, image.data, image.width, image.height)
            if self._keys is not None:
                self._background.start(found)
        else:
            found = self._background.decode(image.data, image.width, image.height)
        self._last = position
        return found
