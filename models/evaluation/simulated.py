"""Contenders over nights of the simulated ward, each night rendered once for all of them, and kept so that no night is played twice.

In: cases (a night and its sort) and contenders. Out: `Played` in the order of the cases.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from models.detector.nights import others_of, truths_of
from models.evaluation.contenders import Contender
from models.evaluation.disturbances import DISTURBANCES
from models.evaluation.recording import Event, Piece, Recording, Sort
from models.evaluation.watch import Watch
from shared.errors import Refused
from shared.preview import PREVIEW_FPS, PREVIEW_PERIOD_NS, Preview
from shared.ward import Night, ward_previews

Tell = Callable[[str], None]
RAYS = 2
"""Rays of the ward to a preview pixel, a side; 4 is what the bed does to a full-size frame, at three times the cost."""
PIECE_S = 10.0
"""A segment of the bed; each has the same bytes in a simulated night."""
PROGRAM = ("models/baselines", "models/evaluation/watch.py", "models/evaluation/disturbances.py", "shared/trigger.py")
RULES = ("models/metrics", "models/evaluation/judge.py", "models/evaluation/summary.py")


@dataclass(frozen=True)
class Case:
    """One night to play; `disturbance` names what is done to its previews, empty for nothing."""

    night: Night
    sort: Sort
    disturbance: str = ""


@dataclass(frozen=True)
class Played:
    """One night and the events of each contender, one tuple for each of its rules."""

    case: Case
    events: dict[str, tuple[tuple[Event, ...], ...]]

    @property
    def recording(self) -> Recording:
        """What is known of the night."""
        return recording_of(self.case)


def recording_of(case: Case) -> Recording:
    """A simulated night as a recording without any deficiency."""
    night = case.night
    edges = [PIECE_S * k for k in range(int(night.duration_s / PIECE_S) + 1)]
    return Recording(
        f"{night.patient_seed}-{night.night_seed}-{case.sort}",
        str(night.patient_seed),
        case.sort,
        night.duration_s,
        truths_of(night),
        others_of(night),
        (),
        tuple(Piece(start_s, min(start_s + PIECE_S, night.duration_s), PIECE_S) for start_s in edges),
    )


def previews_of(case: Case, rays: int = RAYS) -> Iterator[Preview]:
    """The previews of a night as the bed would make them, disturbed where the case says so. Refused for an unknown disturbance."""
    if case.disturbance and case.disturbance not in DISTURBANCES:
        raise Refused(f"There is no disturbance {case.disturbance}; there are {', '.join(DISTURBANCES)}.")
    plain = (
        Preview(index, index * PREVIEW_PERIOD_NS, index * PREVIEW_PERIOD_NS, ir, depth)
        for index, (ir, depth) in enumerate(ward_previews(case.night, fps=PREVIEW_FPS, samples=rays))
    )
    return DISTURBANCES[case.disturbance](plain, case.night.patient_seed) if case.disturbance else plain


def play(case: Case, contenders: Sequence[Contender], rays: int = RAYS) -> Played:
    """Streams one night through every contender."""
    watches = {each.name: Watch(each.open(), each.rules) for each in contenders}
    for preview in previews_of(case, rays):
        for watch in watches.values():
            watch.see(preview)
    return Played(case, {name: tuple(watch.events()) for name, watch in watches.items()})


def play_all(
    cases: Sequence[Case], contenders: Sequence[Contender], folder: Path, ward: str, tell: Tell, processes: int = 2
) -> list[Played]:
    """Plays what `folder` does not hold yet, on so many processes; a run that is broken off goes on where it stopped.

    ward: the fingerprint of the ward, which a kept night must share.
    """
    folder.mkdir(parents=True, exist_ok=True)
    who = [part for each in contenders for part in each.identity()]
    paths = [folder / f"{_key(case, [ward, program(), *who])}.json" for case in cases]
    missing = [index for index, path in enumerate(paths) if not path.exists()]
    if len(missing) < len(cases):
        tell(f"{len(cases) - len(missing)} of {len(cases)} nights were played before")
    # A forked process would hold the locks of threads that torch and the runtime began here; a spawned one holds none.
    with ProcessPoolExecutor(max(1, min(processes, len(missing))), mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(play, cases[index], contenders): index for index in missing}
        for done, future in enumerate(as_completed(futures), 1):
            played = future.result()
            _keep(paths[futures[future]], played)
            if done % max(1, len(missing) // 20) == 0 or done == len(missing):
                tell(f"night {done}/{len(missing)}: {_line(played, contenders[0].name)}")
    return [_kept(path, case) for path, case in zip(paths, cases, strict=True)]


def program() -> str:
    """A hash of the code that turns scores to events and previews to a baseline's scores: a kept night is of it."""
    return _hash_of(PROGRAM)


def judging() -> str:
    """A hash of that and of the rules by which events are judged: a kept result is of it."""
    return _hash_of((*PROGRAM, *RULES))


@cache
def _hash_of(names: tuple[str, ...]) -> str:
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for name in names:
        for path in sorted((root / name).glob("*.py")) if (root / name).is_dir() else [root / name]:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:24]


def _key(case: Case, made_by: Sequence[str]) -> str:
    plan = json.dumps([made_by, RAYS, asdict(case)], sort_keys=True, default=str)
    return hashlib.sha256(plan.encode()).hexdigest()[:32]


def _keep(path: Path, played: Played) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps({n: [[asdict(e) for e in es] for es in rules] for n, rules in played.events.items()}))
    part.replace(path)


def _kept(path: Path, case: Case) -> Played:
    found = json.loads(path.read_text())
    return Played(case, {n: tuple(tuple(Event(**e) for e in es) for es in rules) for n, rules in found.items()})


def _line(played: Played, name: str) -> str:
    true = ", ".join(f"{t.kind} at {t.start_s:.0f} s" for t in played.recording.truths) or "no paroxysm"
    found = ", ".join(f"{e.kind} at {e.decided_s:.0f} s" for e in played.events[name][0]) or "no event"
    return f"patient {played.case.night.patient_seed}, {played.case.sort}: {true}; {name}: {found}"[:400]
