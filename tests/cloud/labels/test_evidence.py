"""Evidence of marked signs: the ratios multiply, kin speak once, guesses and unmarked signs say nothing, and odds stay bounded."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.labels.evidence import BASE_FRONTAL, EPILEPTIC, FRONTAL, KIN, QUESTIONS, SURE, Evidence, evidence
from shared.annotation import Annotation, Moi
from shared.vocabulary import moi_terms


def said(*terms: str, guessed: frozenset[str] = frozenset()) -> Annotation:
    mois = [
        Moi(id=f"m{at}", term=term, start_ns=at, end_ns=at + 1, confidence="low" if term in guessed else "high")
        for at, term in enumerate(terms)
    ]
    return Annotation(mois=mois)


def asked(annotation: Annotation) -> tuple[Evidence, Evidence]:
    epileptic, frontal = evidence(annotation)
    return epileptic, frontal


def test_nothing_marked_says_nothing() -> None:
    assert evidence(Annotation()) == []


def test_ratios_of_unrelated_signs_multiply_from_even_odds() -> None:
    epileptic, frontal = asked(said("head-version", "oral-automatism"))
    assert epileptic.odds == pytest.approx(8.5 * 1.6)
    assert frontal.odds == pytest.approx(0.33 * 0.05)
    assert [one.passed_over for one in epileptic.signs] == [None, None]


def test_of_kin_the_loudest_counts_once_however_often_it_was_marked() -> None:
    epileptic, _ = asked(said("tonic", "figure-of-4-left-extended", "tonic"))
    assert [(one.term, one.passed_over) for one in epileptic.signs] == [
        ("tonic", "kin"), ("figure-of-4-left-extended", None),
    ]  # fmt: skip
    assert epileptic.odds == 50.0


def test_a_guess_is_shown_and_does_not_count() -> None:
    epileptic, _ = asked(said("clonic", "eye-closure", guessed=frozenset({"clonic"})))
    assert [(one.term, one.passed_over) for one in epileptic.signs] == [("clonic", "guess"), ("eye-closure", None)]
    assert epileptic.odds == pytest.approx(0.26)


def test_a_sign_without_a_published_figure_is_named_for_each_question() -> None:
    epileptic, frontal = asked(said("hypermotor", "eye-closure", "aphasia"))
    assert epileptic.unknown == ["hypermotor", "aphasia"]
    assert frontal.unknown == ["eye-closure", "aphasia"]


def test_odds_stop_at_a_hundred_to_one_and_say_so() -> None:
    epileptic, _ = asked(said("figure-of-4-left-extended", "clonic"))
    assert (epileptic.odds, epileptic.stopped) == (SURE, True)
    against, _ = asked(said("asynchronous-shaking", "eye-closure"))
    assert against.odds == pytest.approx(0.06 * 0.26)
    assert not against.stopped


def test_every_figure_is_of_a_term_of_the_vocabulary() -> None:
    terms = {term for question in QUESTIONS for term in question.figures} | {term for kin in KIN for term in kin}
    assert terms <= set(moi_terms())


def test_ratios_agree_with_the_shares_beside_them_within_their_rounding() -> None:
    base = BASE_FRONTAL / (1 - BASE_FRONTAL)
    for figure in FRONTAL.figures.values():
        assert figure.share is not None
        low, high = [(figure.share + off) / (1 - figure.share - off) / base for off in (-0.005, 0.005)]
        assert low <= figure.ratio <= high * 1.01
    for figure in EPILEPTIC.figures.values():
        if figure.share is not None and figure.share_against is not None:
            low = (
                (300 * max(0.0, figure.share - 0.005) + 0.5)
                / 301
                / ((138 * (figure.share_against + 0.005) + 0.5) / 139)
            )
            high = (
                (300 * (figure.share + 0.005) + 0.5)
                / 301
                / ((138 * max(0.0, figure.share_against - 0.005) + 0.5) / 139)
            )
            assert low * 0.9 <= figure.ratio <= high * 1.1


@given(st.lists(st.tuples(st.sampled_from(sorted(moi_terms())), st.sampled_from(["low", "high"])), max_size=30))
def test_whatever_is_marked_the_counted_ratios_make_the_odds(marks: list[tuple[str, str]]) -> None:
    guessed = frozenset(term for term, how in marks if how == "low")
    annotation = said(*[term for term, _ in marks], guessed=guessed)
    for one in evidence(annotation):
        product = math.prod(sign.figure.ratio for sign in one.signs if sign.passed_over is None)
        assert one.odds == pytest.approx(min(SURE, max(1 / SURE, product)))
        assert {sign.term for sign in one.signs} | set(one.unknown) == {moi.term for moi in annotation.mois}
