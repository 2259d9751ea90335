"""A hospital's recordings through the shipped preview, detector and trigger: each becomes a `Recording` and its events.

What the detector could not see is deficiency: holes between previews, with the ledger's cause where there is one; files that cannot
be read; and stretches in which pictures came and showed nothing. One recording is watched at a time and only events are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from models.evaluation.contenders import Contender
from models.evaluation.footage import BadFile, Footage, Lack
from models.evaluation.recording import Event, Piece, Recording, Stretch
from models.evaluation.watch import EventList, Scorer
from models.metrics.matching import Truth
from shared.clock import NS_PER_S
from shared.errors import Refused, Transient
from shared.preview import Preview

Progress = Callable[[str, float], None]
"""Told the recording's name and the seconds of it that were watched."""

HOLE_NS = 1_000_000_000
"""A longer step between previews is time that was not recorded."""
BLIND_NS = 2_000_000_000
"""A longer step between scores, while previews came, is time in which nothing could be seen."""
TELL_NS = 600 * NS_PER_S
UNKNOWN_CAUSE, UNREADABLE, BLIND = "not in the files", "unreadable file", "nothing to see in the picture"


@dataclass
class Watched:
    """One recording after it was watched: the events of each rule, and what went wrong on the way."""

    recording: Recording
    events: list[tuple[Event, ...]]
    outside: tuple[Truth, ...]
    scattered_s: dict[str, float]
    troubles: Counter[str] = field(default_factory=Counter)
    previews: int = 0
    scores: int = 0


@dataclass
class _Sight:
    """Where nothing was recorded and where nothing could be seen, noted while previews pass."""

    start_ns: int
    holes: list[tuple[int, int]] = field(default_factory=list)
    blind: list[tuple[int, int]] = field(default_factory=list)
    preview_ns: int | None = None
    score_ns: int | None = None

    def preview(self, mono_ns: int) -> None:
        before_ns = self.start_ns if self.preview_ns is None else self.preview_ns
        if mono_ns - before_ns > HOLE_NS:
            self.holes.append((before_ns, mono_ns))
            self._look(before_ns)
            self.score_ns = mono_ns
        self.preview_ns = mono_ns

    def score(self, mono_ns: int) -> None:
        self._look(mono_ns)
        self.score_ns = mono_ns

    def end(self) -> int:
        """The time of the last preview."""
        last_ns = self.start_ns if self.preview_ns is None else self.preview_ns
        self._look(last_ns)
        return last_ns

    def _look(self, now_ns: int) -> None:
        before_ns = self.start_ns if self.score_ns is None else self.score_ns
        if now_ns - before_ns > BLIND_NS:
            self.blind.append((before_ns, now_ns))


def watch(
    footage: Footage,
    contender: Contender,
    truths: Sequence[Truth],
    patient: str,
    bad: list[BadFile],
    progress: Progress,
) -> Watched | None:
    """Watches one recording to its end; files that fail on the way are added to `bad`. None when it has no preview at all."""
    scorer, sight = contender.open(), _Sight(footage.start_ns)
    lists = [EventList(rule, footage.start_ns) for rule in contender.rules]
    troubles: Counter[str] = Counter()
    previews = scores = 0
    next_ns, failed = footage.start_ns, len(bad)
    for preview in footage.previews(bad.append):
        previews += 1
        sight.preview(preview.mono_ns)
        scores += _push(scorer, preview, lists, sight, troubles)
        if preview.mono_ns >= next_ns:
            progress(footage.name, (preview.mono_ns - footage.start_ns) / NS_PER_S)
            next_ns = preview.mono_ns + TELL_NS
    if not previews:
        return None
    length_ns = max(sight.end() - footage.start_ns, footage.length_ns)
    recording, outside, scattered_s = _recording(footage, sight, truths, patient, length_ns, len(bad) > failed)
    return Watched(recording, [each.end() for each in lists], outside, scattered_s, troubles, previews, scores)


def _push(scorer: Scorer, preview: Preview, lists: Sequence[EventList], sight: _Sight, troubles: Counter[str]) -> int:
    try:
        found = scorer.push(preview)
    except (Refused, Transient) as error:
        troubles[error.sentence] += 1
        return 0
    for score in found:
        sight.score(score.mono_ns)
        for events in lists:
            events.feed(score)
    return len(found)


def _recording(
    footage: Footage, sight: _Sight, truths: Sequence[Truth], patient: str, length_ns: int, failed: bool
) -> tuple[Recording, tuple[Truth, ...], dict[str, float]]:
    start_ns, lacks = footage.start_ns, footage.lacks()
    last_ns = start_ns + length_ns
    holes = list(sight.holes)
    if sight.preview_ns is not None and last_ns - sight.preview_ns > HOLE_NS:
        holes.append((sight.preview_ns, last_ns))
    length_s = max(length_ns / NS_PER_S, 0.1)

    def stretch(kind: str, begin_ns: int, end_ns: int) -> Stretch:
        return Stretch(kind, (begin_ns - start_ns) / NS_PER_S, (end_ns - start_ns) / NS_PER_S)

    deficient = [stretch(_cause(hole, lacks, failed), *hole) for hole in holes]
    deficient += [stretch(BLIND, *span) for span in sight.blind]
    scattered_s: dict[str, float] = {}
    for lack in lacks:
        if lack.share < 1:
            lost_s = lack.share * (lack.end_ns - lack.start_ns) / NS_PER_S
            scattered_s[lack.cause] = scattered_s.get(lack.cause, 0.0) + lost_s
    inside = tuple(truth for truth in truths if truth.end_s > 0 and truth.start_s < length_s)
    pieces = tuple(
        Piece((begin_ns - start_ns) / NS_PER_S, (end_ns - start_ns) / NS_PER_S, size_bytes)
        for begin_ns, end_ns, size_bytes in footage.pieces()
    )
    outside = tuple(truth for truth in truths if truth not in inside)
    return (
        Recording(footage.name, patient, "recorded", length_s, inside, (), tuple(deficient), pieces),
        outside,
        scattered_s,
    )


def _cause(hole: tuple[int, int], lacks: Sequence[Lack], failed: bool) -> str:
    """The cause of the ledger's gap that covers most of the hole."""
    best, most_ns = "", 0
    for lack in lacks:
        shared_ns = min(hole[1], lack.end_ns) - max(hole[0], lack.start_ns)
        if shared_ns > most_ns:
            best, most_ns = lack.cause, shared_ns
    return best or (UNREADABLE if failed else UNKNOWN_CAUSE)
