"""What the marked signs speak for, by likelihood ratios counted in published data. Pure, and each step can be followed by hand.

A likelihood ratio says how much oftener a sign is seen when the first answer is true than when the second is. Odds after
the signs are the odds before, times the ratio of each counted sign. The odds before are even: nothing about the unit's
patients is put in. The product takes the signs as independent of each other, which they are not, so
 * of signs that are kin (`KIN`) the one that speaks loudest counts, once however often it was marked;
 * a sign that was marked as a guess is shown and does not count;
 * the odds stop at 100 to 1 (`SURE`);
 * a sign that was not marked counts nothing: nobody said that it was looked for.

Sources. EPILEPTIC: S3 suite (arXiv 2605.21852), the flags of its clinicians on 300 epileptic and 138 non-epileptic events of
116 patients, counted with half a case added to each count. FRONTAL: Semio2Brain (Alim-Marvasti et al., Brain Communications
2022, PubMed 35663381), frontal data points among those of frontal and temporal lobe; ratio = odds of the share / odds of the
base share of 21 %. Both were counted from the released data, whole percents; two signs of S3 (arm straightening, shaking of the
whole body) and three of Semio2Brain (automotor as a whole, asymmetric tonic, ictal pout) have no term of their own here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from shared.annotation import Annotation

SURE = 100.0
EVEN = 1.0
BASE_FRONTAL = 0.21
KIN = (
    frozenset({"figure-of-4-left-extended", "figure-of-4-right-extended", "tonic", "face-pulling"}),
    frozenset({"clonic", "face-twitching"}),
    frozenset({"oral-automatism", "manual-automatism"}),
    frozenset({"asynchronous-shaking", "pelvic-thrusting"}),
)
PassedOver = Literal["kin", "guess"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A sign's likelihood ratio for one question, and the counted shares that it comes from, where they are known.

    `share`: of the first answer's events with the sign (EPILEPTIC), or of the sign's data points that are frontal (FRONTAL).
    """

    ratio: float
    share: float | None = None
    share_against: float | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Two answers that signs can tell apart, with the figures and where they come from."""

    key: str
    answers: tuple[str, str]
    source: str
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Weighed:
    """One marked sign: its figure, and why it was not counted, None where it was."""

    term: str
    figure: Figure
    passed_over: PassedOver | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the signs say to one question: odds of the first answer against the second, and the signs without a figure."""

    question: Question
    odds: float
    stopped: bool
    signs: list[Weighed]
    unknown: list[str]


def _frontal(share: float) -> Figure:
    return Figure(round(share / (1 - share) / (BASE_FRONTAL / (1 - BASE_FRONTAL)), 2), share)


EPILEPTIC = Question(
    "epileptic",
    ("epileptic", "non-epileptic"),
    "S3 suite, arXiv 2605.21852: 300 epileptic and 138 non-epileptic events of 116 patients",
    {
        "figure-of-4-left-extended": Figure(50.0, 0.18, 0.00),
        "figure-of-4-right-extended": Figure(50.0, 0.18, 0.00),
        "clonic": Figure(20.0, 0.36, 0.01),
        "face-twitching": Figure(9.7, 0.17, 0.01),
        "head-version": Figure(8.5, 0.40, 0.04),
        "tonic": Figure(7.7, 0.47, 0.06),
        "eye-blinking": Figure(4.8, 0.19, 0.04),
        "face-pulling": Figure(3.5),
        "vocalisation": Figure(2.7),
        "manual-automatism": Figure(2.3),
        "oral-automatism": Figure(1.6),
        "eye-closure": Figure(0.26, 0.15, 0.57),
        "asynchronous-shaking": Figure(0.06, 0.04, 0.61),
        "pelvic-thrusting": Figure(0.03, 0.00, 0.14),
    },
)
FRONTAL = Question(
    "frontal",
    ("FLE", "TLE"),
    "Semio2Brain, Brain Communications 2022, PubMed 35663381: 11 230 data points of 4643 patients",
    {
        "hypermotor": Figure(9.0, 0.70),
        "clonic": _frontal(0.56),
        "tonic": _frontal(0.50),
        "figure-of-4-left-extended": _frontal(0.38),
        "figure-of-4-right-extended": _frontal(0.38),
        "vocalisation": _frontal(0.31),
        "head-version": _frontal(0.08),
        "manual-automatism": _frontal(0.05),
        "dystonic": _frontal(0.02),
        "ictal-speech": _frontal(0.02),
        "oral-automatism": Figure(0.05, 0.01),
    },
)
QUESTIONS = (EPILEPTIC, FRONTAL)


def evidence(said: Annotation) -> list[Evidence]:
    """The evidence of the marked signs for each question; empty where nothing was marked."""
    sure = {moi.term for moi in said.mois if moi.confidence != "low"}
    marked = list(dict.fromkeys(moi.term for moi in sorted(said.mois, key=lambda one: (one.start_ns, one.id))))
    return [_weigh(question, marked, sure) for question in QUESTIONS] if marked else []


def _weigh(question: Question, marked: Iterable[str], sure: set[str]) -> Evidence:
    known = [term for term in marked if term in question.figures]
    counted = _loudest(question, [term for term in known if term in sure])
    signs = [
        Weighed(term, question.figures[term], None if term in counted else "kin" if term in sure else "guess")
        for term in known
    ]
    odds = EVEN * math.prod(question.figures[term].ratio for term in counted)
    limited = min(SURE, max(1 / SURE, odds))
    unknown = [term for term in marked if term not in question.figures]
    return Evidence(question, limited, limited != odds, signs, unknown)


def _loudest(question: Question, terms: list[str]) -> set[str]:
    """Of each family the sign whose ratio is farthest from 1, the first marked among equals; signs without kin all."""
    chosen: dict[object, str] = {}
    for term in terms:
        family = next((one for one in KIN if term in one), term)
        if family not in chosen or _loudness(question, term) > _loudness(question, chosen[family]):
            chosen[family] = term
    return set(chosen.values())


def _loudness(question: Question, term: str) -> float:
    return abs(math.log(question.figures[term].ratio))
