"""The blocks of a Matroska file in file order: clusters, simple blocks, block groups, lacing. Holds one block at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass

from edge_agent.sources.ebml import EbmlFile, Element, vint

CLUSTER, CUES, CHAPTERS = 0x1F43B675, 0x1C53BB6B, 0x1043A770
SEEK_HEAD, INFO, TRACKS, TAGS, ATTACHMENTS = 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1254C367, 0x1941A469
_TOP = frozenset({CLUSTER, CUES, CHAPTERS, SEEK_HEAD, INFO, TRACKS, TAGS, ATTACHMENTS})
_TIME, _SIMPLE_BLOCK, _GROUP, _BLOCK = 0xE7, 0xA3, 0xA0, 0xA1
_XIPH, _FIXED, _OWN_SIZES = 1, 2, 3
LONGEST_BLOCK_HEAD = 11
LATEST_NS = 2**56


@dataclass(frozen=True, slots=True)
class Block:
    """One frame of a track; time in ns from the start of the recording."""

    track: int
    time_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Clusters:
    """Where the clusters of a file lie, and how long a tick of its times is."""

    ebml: EbmlFile
    start: int
    end: int
    scale_ns: int

    def blocks(self, most_bytes: Mapping[int, int]) -> Iterator[Block]:
        """The blocks of the tracks in `most_bytes`, which says for each how long a block may be; others are passed over.

        Raises Refused with the place of the first fault, after everything before it was given.
        """
        at = self.start
        while (top := self.ebml.element(at, self.end)) is not None:
            if top.name == CLUSTER:
                at = yield from self._cluster(top, most_bytes)
            elif top.size is None:
                raise self.ebml.damaged(top.start, "an element without a length")
            else:
                at = top.start + top.size

    def _cluster(self, cluster: Element, most_bytes: Mapping[int, int]) -> Generator[Block, None, int]:
        """Its blocks; returns where it ends. A cluster of unknown length ends where the next one begins."""
        at, time = cluster.start, 0
        end = self.end if cluster.size is None else cluster.start + cluster.size
        while (child := self.ebml.element(at, end)) is not None:
            if cluster.size is None and child.name in _TOP:
                break
            if child.size is None:
                raise self.ebml.damaged(child.start, "an element without a length")
            at = child.start + child.size
            if child.name == _TIME:
                time = self.ebml.number(child)
            elif child.name == _SIMPLE_BLOCK:
                yield from self._block(child, time, most_bytes)
            elif child.name == _GROUP:
                yield from self._group(child, time, most_bytes)
        return at

    def _group(self, group: Element, time: int, most_bytes: Mapping[int, int]) -> Iterator[Block]:
        for child in self.ebml.children(group, sum(most_bytes.values()) + 65_536):
            if child.name == _BLOCK:
                yield from self._block(child, time, most_bytes)

    def _block(self, element: Element, time: int, most_bytes: Mapping[int, int]) -> Iterator[Block]:
        size = element.size or 0
        head = self.ebml.data(Element(element.name, element.start, min(size, LONGEST_BLOCK_HEAD)), LONGEST_BLOCK_HEAD)
        try:
            track, used = vint(head, 0)
            flags = head[used + 2]
        except (ValueError, IndexError) as error:
            raise self.ebml.damaged(element.start, "a block without a head") from error
        if track not in most_bytes:
            return
        used += 3
        if size - used > most_bytes[track]:
            raise self.ebml.damaged(
                element.start, f"a block of {size - used} bytes on track {track}, which may have {most_bytes[track]}"
            )
        time_ns = (time + int.from_bytes(head[used - 3 : used - 1], "big", signed=True)) * self.scale_ns
        if not 0 <= time_ns <= LATEST_NS:
            raise self.ebml.damaged(element.start, "a block at an impossible time")
        data = self.ebml.data(Element(element.name, element.start + used, size - used), most_bytes[track])
        try:
            frames = laced(data, (flags >> 1) & 3)
        except (ValueError, IndexError) as error:
            raise self.ebml.damaged(element.start, f"a block whose parts do not fit, {error}") from error
        for frame in frames:
            yield Block(track, time_ns, frame)


def laced(data: bytes, lacing: int) -> list[bytes]:
    """The frames of a block by Matroska's three lacings. Raises ValueError or IndexError when they do not fill it."""
    if lacing == 0:
        return [data]
    count, at = data[0] + 1, 1
    if lacing == _FIXED:
        size, rest = divmod(len(data) - 1, count)
        if rest:
            raise ValueError("they are not of one size")
        sizes = [size] * count
    else:
        sizes, at = _xiph_sizes(data, count) if lacing == _XIPH else _own_sizes(data, count)
        sizes.append(len(data) - at - sum(sizes))
    if min(sizes) < 0:
        raise ValueError("they are longer than the block")
    frames = []
    for size in sizes:
        frames.append(data[at : at + size])
        at += size
    return frames


def _xiph_sizes(data: bytes, count: int) -> tuple[list[int], int]:
    sizes, at = [], 1
    for _ in range(count - 1):
        size = 0
        while True:
            size += data[at]
            at += 1
            if data[at - 1] < 255:
                break
        sizes.append(size)
    return sizes, at


def _own_sizes(data: bytes, count: int) -> tuple[list[int], int]:
    """The first size, then each as a difference from the one before."""
    size, used = vint(data, 1)
    sizes, at = [size], 1 + used
    for _ in range(count - 2):
        step, used = vint(data, at)
        sizes.append(sizes[-1] + step - ((1 << (7 * used - 1)) - 1))
        at += used
    return sizes[: count - 1], at if count > 1 else 1
