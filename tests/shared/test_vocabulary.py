"""The vocabulary: every HED tag and id is of HED-SCORE 2.1.0 as its own library has it, keys and digits are unique."""

from __future__ import annotations

import json

from hed import load_schema_version

from shared.vocabulary import PATH, Term, moi_terms, terms, vocabulary

GROUPS = [
    name for name, value in json.loads(PATH.read_bytes()).items() if isinstance(value, list) and name != "languages"
]


def all_terms() -> list[Term]:
    return [term for group in GROUPS for term in terms(group).values()]


def test_every_tag_is_in_the_schema_under_its_id_and_may_stand_alone() -> None:
    schema = load_schema_version(vocabulary().hed_version)
    for term in all_terms():
        for tag in (term.hed or "").strip("()").split(", "):
            entry = schema.get_tag_entry(tag) if tag else None
            assert entry is not None or not tag, f"{term.key}: {tag}"
            assert term.hed_id in {None, entry.attributes.get("hedId") if entry else None}, term.key
            assert entry is None or "requireChild" not in entry.attributes, term.key


def test_keys_are_unique_in_their_group_and_every_term_has_a_word_in_every_language() -> None:
    for group in GROUPS:
        assert len(terms(group)) == len(getattr(vocabulary(), group)), group
    assert all(set(term.words) == set(vocabulary().languages) for term in all_terms())


def test_each_digit_marks_one_movement_and_each_luders_component_is_a_term() -> None:
    digits = [term.favourite for term in moi_terms().values() if term.favourite is not None]
    assert sorted(digits) == list(range(10))
    assert {term.luders for term in moi_terms().values()} - {None} <= set(terms("luders"))
