"""The detector on trial: a release, streamed as at the bed, over simulated patients that no training or tuning ever saw.

In: a release and a set of nights. Out: a `Trial`: the judgements of the release, of the baselines and of a network of the same
shape with random weights, which must find nothing. Seizure nights give sensitivity and latency, ordinary nights the false events;
stress nights are told apart. The baselines' triggers are chosen on the validation patients, as the release's was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from models.detector.lessons import fingerprint
from models.detector.nights import SPLITS, confounder_night, ordinary_night, seizure_night, stress_night
from models.evaluation.choosing import choose, grid, outcome_of
from models.evaluation.contenders import BASELINES, Contender, rule_of
from models.evaluation.curve import THRESHOLDS, Point, curve_rules
from models.evaluation.disturbances import DISTURBANCES
from models.evaluation.judge import Judged, judge
from models.evaluation.recording import Sort, check_apart
from models.evaluation.simulated import Case, Played, Tell, play_all
from models.evaluation.summary import Summary, summarise
from models.metrics.intervals import Rate, Share
from shared.trigger import TriggerRule
from shared.ward import Deed, Night

KINDS: tuple[Deed, ...] = (
    Deed.focal_to_bilateral_tonic_clonic,
    Deed.hypermotor,
    Deed.automotor,
    Deed.tonic,
    Deed.psychogenic,
)
SEIZURES, ORDINARY_NIGHTS, STRESS_NIGHTS, CONFOUNDER_NIGHTS = 20, 8, 4, 2
FULL_KINDS = (*KINDS, *KINDS, KINDS[0])
"""Eleven nights with one seizure each for every test patient of the full set: 120 tonic-clonic ones and 80 of each other kind."""
FULL_ORDINARY_S, FULL_STRESS_S = 5_600.0, 1_500.0
VALIDATION_STRESS_S = 600.0
ALWAYS_ON, BAND_POWER = "always-on", "band-power"
CONTROL_NAME = "detector-random"
KEPT = Path("build/evaluation/nights")


@dataclass(frozen=True)
class Trial:
    """Judgements by contender, sort and rule: `judged[name][rule]` over all nights. Rule 0 is a contender's own."""

    release: str
    ward: str
    rules: Mapping[str, Sequence[TriggerRule]]
    judged: Mapping[str, Sequence[Sequence[Judged]]]

    def summary(self, name: str, *sorts: Sort, rule: int = 0) -> Summary:
        """The figures of one contender over the nights of these sorts."""
        return summarise([each for each in self.judged[name][rule] if each.recording.sort in sorts])

    def curve(self, name: str) -> list[Point]:
        """The whole curve of one contender; empty where it was tried under one rule alone."""
        return [
            Point(
                open_at,
                self._sensitivity(name, number),
                self._false(name, "ordinary", number).per_h,
                self._false(name, "stress", number).per_h,
            )
            for number, open_at in enumerate(THRESHOLDS, 1)
            if number < len(self.judged[name])
        ]

    def _sensitivity(self, name: str, rule: int) -> Share:
        some = [each for each in self.judged[name][rule] if each.recording.sort == "seizures"]
        return Share(sum(len(each.found) for each in some), sum(len(each.detections) for each in some))

    def _false(self, name: str, sort: Sort, rule: int) -> Rate:
        some = [each for each in self.judged[name][rule] if each.recording.sort == sort]
        return Rate(sum(len(each.false) for each in some), sum(each.recording.hours for each in some))


def quick_set() -> list[Case]:
    """20 nights with one paroxysm each (four of each kind), 2 h of ordinary sleep, 1 h of stress, each confounder alone twice.

    Of 34 patients in all, none in two sorts.
    """
    patients = list(SPLITS["test"])
    kinds = [KINDS[index % len(KINDS)] for index in range(SEIZURES)]
    seizures = [seizure_night(patient, 1, (kind,)) for patient, kind in zip(patients, kinds, strict=False)]
    ordinary = [ordinary_night(patient, 1) for patient in patients[SEIZURES:][:ORDINARY_NIGHTS]]
    stress = [stress_night(patient, 1) for patient in patients[SEIZURES + ORDINARY_NIGHTS :][:STRESS_NIGHTS]]
    alone = [confounder_night(patient, 1) for patient in patients[-CONFOUNDER_NIGHTS:]]
    return _cases(seizures, ordinary, stress, alone)


def full_set() -> list[Case]:
    """Every test patient: 11 nights with one paroxysm each, an ordinary night of 93 minutes, 25 minutes of stress, each confounder alone."""
    patients = list(SPLITS["test"])
    seizures = [
        seizure_night(patient, 10 + number, (kind,)) for patient in patients for number, kind in enumerate(FULL_KINDS)
    ]
    ordinary = [ordinary_night(patient, 30, FULL_ORDINARY_S) for patient in patients]
    stress = [stress_night(patient, 31, FULL_STRESS_S) for patient in patients]
    return _cases(seizures, ordinary, stress, [confounder_night(patient, 32) for patient in patients])


def validation_nights() -> tuple[list[Night], list[Night], list[Night]]:
    """Of validation patients: two paroxysms each, ordinary sleep of the first quarter, stress of the last."""
    patients = list(SPLITS["validation"])
    quarter = len(patients) // 4
    pairs = [(KINDS[index % len(KINDS)], KINDS[(index + 2) % len(KINDS)]) for index in range(len(patients))]
    return (
        [seizure_night(patient, 0, pair) for patient, pair in zip(patients, pairs, strict=True)],
        [ordinary_night(patient, 0) for patient in patients[:quarter]],
        [stress_night(patient, 0, VALIDATION_STRESS_S) for patient in patients[-quarter:]],
    )


def _cases(
    seizures: Sequence[Night], ordinary: Sequence[Night], stress: Sequence[Night], alone: Sequence[Night] = ()
) -> list[Case]:
    sorts: dict[Sort, Sequence[Night]] = {
        "seizures": seizures, "ordinary": ordinary, "stress": stress, "confounders": alone
    }  # fmt: skip
    return [Case(night, sort) for sort, nights in sorts.items() for night in nights]


def tuned_baselines(ward: str, tell: Tell, kept: Path = KEPT) -> dict[str, TriggerRule]:
    """The rule of each baseline, chosen on the validation patients alone."""
    contenders = [Contender(name, grid()) for name in BASELINES if name != ALWAYS_ON]
    played = play_all(_cases(*validation_nights()), contenders, kept, ward, tell)
    rules: dict[str, TriggerRule] = {}
    for each in contenders:
        outcomes = [outcome_of(_judged(played, each.name, rule)) for rule in range(len(each.rules))]
        rules[each.name], outcome = choose(outcomes)
        tell(f"{each.name}: opens at {rules[each.name].open_at}, validation {outcome.found} of {outcome.true} found")
    return rules


def try_release(
    folder: Path, name: str, control: Path | None, cases: Sequence[Case], tell: Tell, kept: Path = KEPT
) -> Trial:
    """The trial of a release beside the baselines; `control` is the folder of the network with random weights."""
    check_apart({**SPLITS, "test": {case.night.patient_seed for case in cases}})
    rule, ward = rule_of(folder, name), fingerprint()
    rules = tuned_baselines(ward, tell, kept) | {ALWAYS_ON: rule}
    contenders = [Contender(name, (rule, *curve_rules(rule)), folder)]
    contenders += [Contender(each, (own, *curve_rules(own))) for each, own in rules.items()]
    if control is not None:
        contenders.append(Contender(CONTROL_NAME, (rule,), control))
    played = play_all(cases, contenders, kept, ward, tell)
    return Trial(
        name,
        ward,
        {each.name: each.rules for each in contenders},
        {each.name: [_judged(played, each.name, k) for k in range(len(each.rules))] for each in contenders},
    )


def robustness(
    folder: Path,
    name: str,
    cases: Sequence[Case],
    tell: Tell,
    kept: Path = KEPT,
    variants: Mapping[str, Sequence[Case]] = MappingProxyType({}),
) -> dict[str, list[Judged]]:
    """The release's own rule over the same nights, as they are, under each disturbance of the picture, and over the variants.

    variants: row name -> nights in which the ward itself differs: another blanket, pose or distance, a second person in view.
    """
    rows: dict[str, Sequence[Case]] = {"as_it_is": cases, **variants}
    rows |= {word: [Case(case.night, case.sort, word) for case in cases] for word in DISTURBANCES}
    check_apart({**SPLITS, "test": {case.night.patient_seed for some in rows.values() for case in some}})
    ward, contender = fingerprint(), Contender(name, (rule_of(folder, name),), folder)
    every = [case for some in rows.values() for case in some]
    judged = iter(_judged(play_all(every, [contender], kept, ward, tell), name, 0))
    return {word: [next(judged) for _ in some] for word, some in rows.items()}


def _judged(played: Sequence[Played], name: str, rule: int) -> list[Judged]:
    return [judge(each.recording, each.events[name][rule]) for each in played]
