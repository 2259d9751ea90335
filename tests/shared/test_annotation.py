"""What an annotation may say, and the Lüders chain that follows from its movements of interest."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.annotation import Annotation, Edge, Moi, must_hold
from shared.clock import NS_PER_S
from shared.errors import Refused
from shared.luders import LONGEST, luders_chain
from shared.vocabulary import moi_terms

CLIP_NS = 100 * NS_PER_S


def moi(term: str, start_s: float, **more: Any) -> Moi:
    start_ns = int(start_s * NS_PER_S)
    return Moi(id=f"{term}-{start_ns}"[:36], term=term, start_ns=start_ns, end_ns=start_ns + NS_PER_S, **more)


def chain(*mois: Moi, **more: Any) -> list[str]:
    return [one.text for one in luders_chain(Annotation(mois=list(mois), **more))]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (Annotation(ilae_2017="petit-mal"), "ilae_2017"),
        (Annotation(onset=Edge(at_ns=CLIP_NS + 1, kind="clinical")), "onset.at_ns"),
        (Annotation(onset=Edge(at_ns=1, kind="guess")), "onset.kind"),
        (
            Annotation(onset=Edge(at_ns=5, kind="clinical"), offset=Edge(at_ns=5, kind="clinical")),
            "offset must come after",
        ),
        (Annotation(mois=[moi("tonic", 1), moi("tonic", 1)]), "same id"),
        (Annotation(mois=[moi("waving", 1)]), "mois.0.term"),
        (Annotation(mois=[moi("tonic", 1, laterality="up")]), "mois.0.laterality"),
        (Annotation(mois=[moi("tonic", 99.5)]), "mois.0.end_ns"),
        (Annotation(mois=[Moi(id="a", term="tonic", start_ns=7, end_ns=7)]), "mois.0.end_ns"),
    ],
)
def test_what_the_vocabulary_or_the_clip_does_not_allow_is_refused_by_its_field(
    said: Annotation, sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence):
        must_hold(said, CLIP_NS)


def test_an_empty_annotation_and_a_full_one_hold() -> None:
    must_hold(Annotation(), CLIP_NS)
    edges = {"onset": Edge(at_ns=0, kind="eeg"), "offset": Edge(at_ns=CLIP_NS, kind="clinical")}
    must_hold(Annotation(mois=[moi("tonic", 1, laterality="left", body_part="arm")], **edges), CLIP_NS)


def test_the_chain_follows_the_order_of_onset_with_side_and_part_where_the_scheme_names_them() -> None:
    assert chain(
        moi("tonic-clonic", 30),
        moi("oral-automatism", 3, laterality="left"),
        moi("head-version", 20, laterality="left", body_part="head"),
        moi("vocalisation", 10),
    ) == ["automotor", "left versive", "tonic-clonic"]
    assert chain(moi("clonic", 2, laterality="right", body_part="arm")) == ["right arm clonic"]


def test_the_same_component_twice_in_a_row_is_one() -> None:
    assert chain(moi("oral-automatism", 1), moi("manual-automatism", 2), moi("hypermotor", 3)) == [
        "automotor",
        "hypermotor",
    ]


def test_a_non_epileptic_event_has_no_chain() -> None:
    assert chain(moi("tonic", 1), epilepsy_class="non-epileptic") == []


@given(st.lists(st.tuples(st.sampled_from(sorted(moi_terms())), st.integers(0, 90)), max_size=12))
def test_a_chain_has_at_most_four_components_and_none_equals_the_one_before(marks: list[tuple[str, int]]) -> None:
    mois = [Moi(id=f"m{n}", term=term, start_ns=at, end_ns=at + 1) for n, (term, at) in enumerate(marks)]
    found = luders_chain(Annotation(mois=mois))
    assert len(found) <= LONGEST
    assert all(one != two for one, two in pairwise(found))
    assert found == luders_chain(Annotation(mois=mois[::-1]))
