"""`deepepil-models evaluate --recordings DIR --annotations FILE`: from a folder and a TSV to the report as JSON.

The cut-offs are those of the release's card, fixed before: this command tunes nothing. The curve is told as what it is, a look at
other thresholds on the same recordings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from models.evaluation.annotations import Assigned, assign, read_annotations
from models.evaluation.camera_files import find_camera_files
from models.evaluation.contenders import Contender, rule_of
from models.evaluation.curve import curve_rules
from models.evaluation.footage import BadFile, Footage, find_segments
from models.evaluation.judge import Judged, judge
from models.evaluation.recorded import Watched, watch
from models.evaluation.simulated import Tell
from shared.errors import Refused
from shared.release import ReleaseCard, card_path, load_card


@dataclass(frozen=True)
class Findings:
    """What a hospital's recordings gave: everything that the report is written from."""

    card: ReleaseCard
    watched: list[Watched]
    judged: list[list[Judged]]
    bad: list[BadFile]
    empty: list[str]
    assigned: Assigned
    files: int

    @property
    def own(self) -> list[Judged]:
        """The judgements under the release's own rule."""
        return self.judged[0]

    @property
    def outside(self) -> int:
        """Annotated seizures that lie in no recording."""
        unseen = sum(len(self.assigned.truths[name]) for name in self.empty)
        return len(self.assigned.outside) + sum(len(each.outside) for each in self.watched) + unseen


def evaluate_recordings(
    recordings: Path, annotations: Path, folder: Path, name: str, zone: ZoneInfo, tell: Tell
) -> Findings:
    """Watches every recording under a folder. Refused for wrong annotations, or when there is nothing that can be read."""
    rows = read_annotations(annotations, zone)
    segments, bad = find_segments(recordings)
    files = find_camera_files(recordings)
    footage: list[Footage] = [*segments, *files]
    _check_names(footage)
    assigned = assign(rows, footage)
    tell(f"{len(footage)} recordings, {len(rows)} seizures annotated, {len(bad)} files that cannot be read")
    rule = rule_of(folder, name)
    contender = Contender(name, (rule, *curve_rules(rule)), folder)
    watched: list[Watched] = []
    empty: list[str] = []
    for number, each in enumerate(footage, 1):
        word = f"recording {number} of {len(footage)}"
        found = watch(
            each, contender, assigned.truths[each.name], assigned.patients[each.name], bad,
            partial(_tell_minutes, tell, word),
        )  # fmt: skip
        if found is None:
            empty.append(each.name)
            tell(f"{word}, {each.name}: nothing could be watched")
            continue
        watched.append(found)
        tell(f"{word}, {each.name}: {len(found.events[0])} events in {found.recording.hours:.2f} h")
    if not watched:
        named = f": {bad[0].name}: {bad[0].sentence}" if bad else "."
        raise Refused(f"Nothing under {recordings.name} could be watched{named}", bad_files=len(bad))
    judged = [[judge(each.recording, each.events[k]) for each in watched] for k in range(len(contender.rules))]
    count = sum(len(each.heads) for each in segments) + len(files)
    return Findings(load_card(card_path(folder, name)), watched, judged, bad, empty, assigned, count)


def _tell_minutes(tell: Tell, word: str, name: str, at_s: float) -> None:
    tell(f"{word}, {name}: {at_s / 60:.0f} minutes watched")


def _check_names(footage: Sequence[Footage]) -> None:
    twice = [name for name, count in Counter(each.name for each in footage).items() if count > 1]
    if twice:
        raise Refused(f"Two recordings are called {twice[0]}; give the files names of their own.")
