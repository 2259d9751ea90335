"""From a release to its figures, kept by its hash and the ward's, and from figures to the card of a release.

A result that was computed for the same file on the same ward is read and not computed again. A missed floor is no release.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from models.detector.course import write_control
from models.detector.figures import FLOORS, figures_of, metrics_of, missed
from models.detector.lessons import fingerprint
from models.detector.tables import Document, document_of
from models.detector.trial import KEPT, full_set, quick_set, robustness, try_release
from models.evaluation.contenders import rule_of
from models.evaluation.simulated import Case, Tell, judging
from shared.errors import Refused
from shared.release import Metric, ReleaseCard, card_path, load_card, sha256_of, verify_release
from shared.results import Figure

SetName = Literal["quick", "full"]
SETS: dict[SetName, Callable[[], list[Case]]] = {"quick": quick_set, "full": full_set}
ROBUST_SEIZURES, ROBUST_ORDINARY = 20, 2
"""Nights of each sort, at most, that are played again under each disturbance of the full set."""
SIMULATED = "simulat"


@dataclass(frozen=True)
class Result:
    """What an evaluation gave; `document` has the tables. It is kept whole as JSON."""

    figures: dict[str, Figure]
    metrics: dict[str, Metric]
    document: Document
    path: Path
    fresh: bool


def evaluate_release(folder: Path, name: str, results: Path, which: SetName, tell: Tell, kept: Path = KEPT) -> Result:
    """The result for this very file on this very ward: read from `results` where it lies there, computed and kept else."""
    sha256, ward = sha256_of(verify_release(folder, name)), fingerprint()
    path = results / f"{name}-{sha256[:12]}-{ward[:12]}-{which}.json"
    if path.exists():
        found = _read(path)
        if found["program"] == judging():
            tell(f"{which} result of {found['finished']} for this file on this ward, not computed again: {path}")
            return _result(found, path, fresh=False)
        tell("the kept result was made by another program and is computed again")
    cases = SETS[which]()
    control = kept.parent / "control"
    write_control(control, rule_of(folder, name))
    trial = try_release(folder, name, control, cases, tell, kept)
    robust = robustness(folder, name, _some(cases), tell, kept) if which == "full" else {}
    body = {
        "release": name, "sha256": sha256, "ward": ward, "set": which, "program": judging(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "says": "simulated patients that no training or tuning saw; no clinical claim",
        "figures": {word: asdict(figure) for word, figure in figures_of(trial).items()},
        "metrics": {word: metric.model_dump() for word, metric in metrics_of(trial).items()},
        **document_of(trial, robust),
    }  # fmt: skip
    results.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(body, indent=1, allow_nan=False) + "\n")
    part.replace(path)
    return _result(body, path, fresh=True)


def release_of(folder: Path, name: str, result: Result) -> ReleaseCard:
    """The candidate's card with the trial's figures. Refused when a floor was missed, or when the card hides that it is simulated."""
    failed = missed(result.figures, FLOORS)
    if failed:
        raise Refused(f"{name} is not released: it missed {', '.join(failed)}.", missed=failed)
    card = load_card(card_path(folder, name))
    if card.data.simulated and not any(SIMULATED in limit.lower() for limit in card.limits):
        raise Refused(f"{name} is not released: trained on simulation, and none of its limits says so.", release=name)
    return card.model_copy(update={"metrics": {**card.metrics, **result.metrics}})


def _some(cases: Sequence[Case]) -> list[Case]:
    seizures = [case for case in cases if case.sort == "seizures"]
    step = max(1, len(seizures) // ROBUST_SEIZURES)
    return seizures[::step][:ROBUST_SEIZURES] + [case for case in cases if case.sort == "ordinary"][:ROBUST_ORDINARY]


def _read(path: Path) -> Document:
    try:
        found: Document = json.loads(path.read_text())
    except ValueError as error:
        raise Refused(
            f"The kept result {path.name} is no JSON; remove it to compute it again.", path=str(path)
        ) from error
    return found


def _result(body: Document, path: Path, *, fresh: bool) -> Result:
    figures = {word: Figure(**fields) for word, fields in body["figures"].items()}
    metrics = {word: Metric(**fields) for word, fields in body["metrics"].items()}
    return Result(figures, metrics, body, path, fresh)
