"""A hospital's own recordings as previews: the segments of a ring or an export folder. Files that cannot be read are named.

In: a folder. Out: `SegmentFootage`, one for each bed, boot, stay and stretch without a long hole; and `BadFile`s. Only the heads of
the files are kept in memory; previews are read as they are asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from shared.clock import NS_PER_S
from shared.errors import Refused
from shared.frame import Stream
from shared.gap import Gap
from shared.preview import Preview
from shared.segment import SegmentReader

SEGMENT_SUFFIXES = (".seg", ".part")
MOST_FILES = 1_000_000
APART_NS = 600 * NS_PER_S
"""Segments farther apart than this, with no record of a gap between them, are recordings of their own: somebody took excerpts."""


@dataclass(frozen=True, slots=True)
class BadFile:
    """A file that could not be read to its end, and why."""

    name: str
    sentence: str


Trouble = Callable[[BadFile], None]


@dataclass(frozen=True, slots=True)
class Lack:
    """A span in which frames are missing, with its cause; `share` of them when they are scattered. Monotonic ns."""

    cause: str
    start_ns: int
    end_ns: int
    share: float


class Footage(Protocol):
    """One recording to be watched. `names` are those by which annotations may call it."""

    @property
    def name(self) -> str: ...

    @property
    def names(self) -> frozenset[str]: ...

    @property
    def patient(self) -> str: ...

    @property
    def start_utc_ns(self) -> int | None: ...

    @property
    def start_ns(self) -> int: ...

    @property
    def length_ns(self) -> int: ...

    def previews(self, trouble: Trouble) -> Iterator[Preview]:
        """Previews in rising time; what cannot be read is told and passed over."""

    def lacks(self) -> Sequence[Lack]:
        """What the recorder says that it could not record."""

    def pieces(self) -> Sequence[tuple[int, int, int]]:
        """What a clip keeps whole: (start ns, end ns, bytes)."""


@dataclass(frozen=True, slots=True)
class Head:
    """What is kept of one segment: whose it is, when it begins and ends, its bytes, and the gaps that it tells of."""

    path: Path
    whose: tuple[str, str, str, str]
    sequence: int
    first_ns: int
    last_ns: int
    first_utc_ns: int
    size_bytes: int
    has_previews: bool
    gaps: tuple[Gap, ...]


@dataclass
class SegmentFootage:
    """Segments of one bed, boot and stay in order; `part` numbers recordings that would have one name, by their start."""

    heads: list[Head] = field(default_factory=list)
    part: int = 0

    @property
    def name(self) -> str:
        """Site, bed and the end of the stay's or the boot's id: neither a day nor a patient's code stands in a shared report."""
        site, bed, boot, stay = self.heads[0].whose
        word = f"{site}-{bed}-{(stay or boot)[-8:]}"
        return f"{word}-{self.part}" if self.part else word

    @property
    def names(self) -> frozenset[str]:
        site, bed, boot, stay = self.heads[0].whose
        return frozenset({self.name, bed, f"{site}/{bed}", boot, *([stay] if stay else [])})

    @property
    def patient(self) -> str:
        site, bed, _, stay = self.heads[0].whose
        return stay or f"{site}-{bed}"

    @property
    def start_utc_ns(self) -> int | None:
        return min(self.heads, key=lambda head: head.first_ns).first_utc_ns

    @property
    def start_ns(self) -> int:
        return min(head.first_ns for head in self.heads)

    @property
    def length_ns(self) -> int:
        return max(head.last_ns for head in self.heads) - self.start_ns

    def previews(self, trouble: Trouble) -> Iterator[Preview]:
        newest_ns = -1
        for head in self.heads:
            if not head.has_previews:
                continue
            try:
                with SegmentReader(head.path) as reader:
                    for preview in reader.previews(start_mono_ns=newest_ns + 1):
                        if preview.mono_ns > newest_ns:
                            newest_ns = preview.mono_ns
                            yield preview
            except (Refused, OSError) as error:
                trouble(BadFile(head.path.name, _sentence(error)))

    def lacks(self) -> list[Lack]:
        return [
            Lack(gap.cause.value, gap.start_mono_ns, gap.end_mono_ns, gap.share)
            for head in self.heads
            for gap in head.gaps
            if gap.stream in {Stream.depth, Stream.ir}
        ]

    def pieces(self) -> list[tuple[int, int, int]]:
        return [(head.first_ns, head.last_ns, head.size_bytes) for head in self.heads]


def find_segments(folder: Path) -> tuple[list[SegmentFootage], list[BadFile]]:
    """The recordings in the segments under `folder`, and the files that are none. Refused with more than a million files."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in SEGMENT_SUFFIXES and path.is_file())
    if len(paths) > MOST_FILES:
        raise Refused(f"{folder.name} has {len(paths)} segments; at most {MOST_FILES} are evaluated at once.")
    heads: list[Head] = []
    bad: list[BadFile] = []
    for path in paths:
        try:
            head = _head(path)
        except (Refused, OSError) as error:
            bad.append(BadFile(path.name, _sentence(error)))
            continue
        if head is not None:
            heads.append(head)
    return _grouped(heads), bad


def _head(path: Path) -> Head | None:
    """None for a segment without a single record."""
    with SegmentReader(path) as reader:
        span_ns, header = reader.span_ns(), reader.header
        if span_ns is None:
            return None
        first = next(reader.previews(), None) or next(reader.frames())
        return Head(
            path,
            (header.site, header.bed, header.boot_id, str(header.stay_id) if header.stay_id else ""),
            header.sequence, *span_ns, first.utc_ns - (first.mono_ns - span_ns[0]), path.stat().st_size,
            bool(reader.counts().get(Stream.preview)), tuple(reader.gaps()),
        )  # fmt: skip


def _grouped(heads: Sequence[Head]) -> list[SegmentFootage]:
    groups: dict[tuple[str, str, str, str], list[Head]] = {}
    for head in heads:
        groups.setdefault(head.whose, []).append(head)
    found: list[SegmentFootage] = []
    for some in groups.values():
        some.sort(key=lambda head: (head.first_ns, head.sequence))
        found += _parted(some)
    found.sort(key=lambda each: (each.name, each.start_utc_ns or 0))
    alike = Counter(each.name for each in found)
    number = Counter[str]()
    for each in found:
        if alike[name := each.name] > 1:
            number[name] += 1
            each.part = number[name]
    return found


def _parted(heads: Sequence[Head]) -> list[SegmentFootage]:
    parts = [SegmentFootage([heads[0]])]
    newest_ns = heads[0].last_ns
    for head in heads[1:]:
        hole_ns = head.first_ns - newest_ns
        told = any(gap.start_mono_ns <= newest_ns + APART_NS and gap.end_mono_ns >= newest_ns for gap in head.gaps)
        if hole_ns > APART_NS and not told:
            parts.append(SegmentFootage())
        parts[-1].heads.append(head)
        newest_ns = max(newest_ns, head.last_ns)
    return parts


def _sentence(error: Refused | OSError) -> str:
    return error.sentence if isinstance(error, Refused) else f"cannot be read: {error.strerror or error}."
