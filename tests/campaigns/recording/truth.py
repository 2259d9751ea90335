"""The witness: what was promised to the outside before a fault, and the judgement of a folder after it.

A segment counts as confirmed when the recorder told of it. After the shipped start and the shipped check, each must be in the
catalogue with the right bytes and the right pictures, or have been removed by the evictor while no event held it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner

from edge_agent.cli import main
from edge_agent.database import open_database
from edge_agent.ring.catalogue import SegmentRow, all_segments
from shared.errors import DeepEpilError
from shared.frame import Stream
from shared.lane import Lane
from shared.segment import SegmentReader, hash_file
from shared.segment_records import StreamImage
from tests.campaigns.recording.children import Told, answer
from tests.campaigns.recording.life import PERIOD_NS, STREAMS, colour_of, images_of

Span = tuple[str, int, int]


@dataclass(slots=True)
class Truth:
    """All that one bed told, over all its lives."""

    confirmed: dict[str, dict[str, Any]] = field(default_factory=dict)
    pins: dict[str, Span] = field(default_factory=dict)
    removed: dict[int, str] = field(default_factory=dict)
    frames: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    """Index to boot, mono_ns and utc_ns of every frame that reached the recorder."""
    taken: set[int] = field(default_factory=set)
    """Frames that the recorder counted as recorded."""
    seen: set[str] = field(default_factory=set)
    """Hashes of segments whose pictures were compared before; their bytes are hashed each time all the same."""
    boot: str = ""
    """The boot of the life that is heard now."""
    streams: tuple[Stream, ...] = STREAMS
    """What the bed's camera gives."""
    gone_before: dict[str, set[int]] = field(default_factory=dict)
    """For each event the segments that had left the ring when it came: no pin can hold those."""

    def hear(self, told: Iterable[Told]) -> None:
        for word, facts in told:
            if word == "sealed":
                self.confirmed[facts["sha256"]] = facts
            elif word == "pinned":
                self.pins[facts[0]] = (facts[1], facts[2], facts[3])
                self.gone_before[facts[0]] = set(self.removed)
            elif word == "unpinned":
                self.pins.pop(facts, None)
            elif word == "evicted":
                self.removed[facts[0]] = facts[1]
            elif word == "frame":
                self.frames[facts[0]] = (self.boot, facts[1], facts[2])
            elif word == "taken":
                self.taken.add(facts)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found after a fault; all counts but `confirmed` must be 0."""

    confirmed: int
    confirmed_lost: int
    false_confirmations: int
    pinned_lost: int
    unaccounted: int
    """Frames that are neither in the ring nor in a gap nor removed."""
    gone: list[int]
    """Frames that the recorder took, that are not in the ring and were there or untold at the last judgement: the tail."""
    causes: dict[str, int]
    """Causes of the gaps over those frames."""
    faults: list[str]
    code: int
    seen: list[str]
    untold: list[int]
    """Frames from before the first word on the disk of this bed."""

    @property
    def complaints(self) -> list[str]:
        """What must not be, in words."""
        counts = {
            "confirmed segments lost": self.confirmed_lost,
            "false confirmations": self.false_confirmations,
            "pinned segments lost": self.pinned_lost,
            "frames that no gap accounts for": self.unaccounted,
        }
        found = [f"{count} {what}" for what, count in counts.items() if count]
        return found + self.faults

    @property
    def lost_s(self) -> float:
        return len(self.gone) * PERIOD_NS / 1e9


def judge(folder: Path, truth: Truth) -> Verdict:
    """Runs the shipped check over the folder and compares it with the truth, in a child."""
    verdict = Verdict(**answer(lambda: judge_here(folder, truth)))
    truth.seen.update(verdict.seen)
    truth.taken.difference_update(verdict.gone)
    for index in verdict.untold:
        truth.frames.pop(index, None)
    return verdict


def check(folder: Path, *options: str) -> tuple[int, list[str]]:
    """Exit code and lines of `deepepil-edge check FOLDER`; what is said for information only is left out."""
    found = CliRunner().invoke(main, ["check", str(folder), *options])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, [line for line in found.output.splitlines() if not line.startswith("note:")]


def judge_here(folder: Path, truth: Truth) -> dict[str, Any]:
    """The judgement in this process, as the fields of a Verdict."""
    code, lines = check(folder, "--read-data")
    connection = open_database(folder)
    rows = all_segments(connection)
    removed = [(Lane(row["lane"]), (row["boot_id"], row["start_mono_ns"], row["end_mono_ns"]))
               for row in connection.execute("SELECT * FROM evicted")]  # fmt: skip
    gaps = [dict(row) for row in connection.execute("SELECT * FROM gaps")]
    connection.close()
    sound = {row.sha256: row for row in rows if _whole(folder, row)}
    wrong, recorded = _compare(folder, sound.values(), truth)
    lost = [fact for sha256, fact in truth.confirmed.items()
            if sha256 not in sound and not any(lane == fact["lane"] and _within(fact, span) for lane, span in removed)]  # fmt: skip
    pinned = [fact for sha256, fact in truth.confirmed.items()
              if sha256 not in sound and any(_overlap(fact, pin) and fact["sequence"] not in truth.gone_before[event_id]
                                             for event_id, pin in truth.pins.items())]  # fmt: skip
    gone, unaccounted, causes, untold = _account(truth, recorded, removed, gaps)
    return {
        "confirmed": len(truth.confirmed), "confirmed_lost": len(lost), "pinned_lost": len(pinned),
        "false_confirmations": len(rows) - len(sound) + wrong, "unaccounted": unaccounted, "gone": sorted(gone),
        "causes": causes, "code": code, "faults": lines if code else [], "seen": list(sound), "untold": untold,
    }  # fmt: skip


def _whole(folder: Path, row: SegmentRow) -> bool:
    path = row.path(folder)
    try:
        return path.stat().st_size == row.size_bytes and hash_file(path) == row.sha256
    except OSError:
        return False


def _overlap(fact: Mapping[str, Any], pin: Span) -> bool:
    return bool(fact["boot_id"] == pin[0] and fact["start_mono_ns"] < pin[2] and fact["end_mono_ns"] > pin[1])


def _within(fact: Mapping[str, Any], span: Span) -> bool:
    return bool(fact["boot_id"] == span[0] and span[1] <= fact["start_mono_ns"] and fact["end_mono_ns"] <= span[2])


def _compare(folder: Path, rows: Iterable[SegmentRow], truth: Truth) -> tuple[int, dict[Stream, set[int]]]:
    """How many segments hold other pictures than the bed was shown, and the indices recorded, by stream."""
    wrong = 0
    recorded: dict[Stream, set[int]] = {stream: set() for stream in truth.streams}
    for row in rows:
        try:
            with SegmentReader(row.path(folder)) as reader:
                for image in reader.frames():
                    recorded[image.stream].add(image.index)
                    if row.sha256 not in truth.seen and not (
                        _is_shown(image) and truth.frames.get(image.index, ("", -1, -1))[1] == image.mono_ns
                    ):
                        raise ValueError("another picture, or another time")
        except (DeepEpilError, ValueError):
            wrong += 1
    return wrong, recorded


def _is_shown(image: StreamImage) -> bool:
    if image.stream is Stream.colour:
        return image.image() == colour_of(image.index)
    return np.array_equal(image.pixels(), images_of(image.index)[image.stream])


def _account(
    truth: Truth, recorded: dict[Stream, set[int]], removed: list[tuple[Lane, Span]], gaps: list[dict[str, Any]]
) -> tuple[set[int], int, dict[str, int], list[int]]:
    """Frames that were taken and are gone, how many nothing accounts for, and the causes given for the gone ones.

    The account of a bed begins with the first word that is on its disk: what a cut in its first second takes is told by nobody.
    """
    gone: set[int] = set()
    untold: set[int] = set()
    unaccounted: set[int] = set()
    causes: Counter[str] = Counter()
    first = min((index for indices in recorded.values() for index in indices), default=0)
    began = bool(removed) or any(gap["cause"] == "power" for gap in gaps)
    for stream in truth.streams:
        left = [span for lane, span in removed if lane.holds(stream)]
        own = [gap for gap in gaps if gap["stream"] == stream.value]
        for index in truth.frames.keys() - recorded[stream]:
            boot, mono_ns, utc_ns = truth.frames[index]
            if any(span[0] == boot and span[1] <= mono_ns < span[2] for span in left):
                continue
            cause = _cause(own, boot, mono_ns, utc_ns)
            if cause is None:
                (unaccounted if began or index > first else untold).add(index)
            else:
                causes[cause] += index in truth.taken and stream is Stream.depth
            if index in truth.taken:
                gone.add(index)
    return gone, len(unaccounted), {cause: frames for cause, frames in causes.items() if frames}, sorted(untold)


def _cause(gaps: list[dict[str, Any]], boot: str, mono_ns: int, utc_ns: int) -> str | None:
    """The cause of the gap that holds the frame, or else of one that ends or begins a period beside it."""
    for slack_ns in (0, PERIOD_NS):
        for gap in reversed(gaps):
            if gap["boot_id"] == boot and gap["start_mono_ns"] - slack_ns <= mono_ns < gap["end_mono_ns"] + slack_ns:
                return str(gap["cause"])
            if gap["cause"] == "power" and gap["start_utc_ns"] - slack_ns <= utc_ns < gap["end_utc_ns"] + slack_ns:
                return "power"
    return None
