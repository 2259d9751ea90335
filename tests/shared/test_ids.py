"""Ids sort by the time they were minted, and codes keep to their alphabet."""

from __future__ import annotations

from pydantic import TypeAdapter

from shared.clock import NS_PER_S, utc_text
from shared.ids import PatientCode, Uuid7, uuid7
from shared.stay import new_patient_code


def test_ids_sort_by_the_millisecond_of_their_minting() -> None:
    ids = [uuid7(1_750_000_000 * NS_PER_S + step * 1_000_000) for step in range(100)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 100
    assert {found.version for found in ids} == {7}
    assert TypeAdapter(Uuid7).validate_python(ids[0]) == ids[0]


def test_two_ids_of_one_moment_differ() -> None:
    assert uuid7(5) != uuid7(5)


def test_a_generated_patient_code_is_valid_and_has_no_letters_that_look_like_digits() -> None:
    for _ in range(50):
        code = new_patient_code()
        assert TypeAdapter(PatientCode).validate_python(code) == code
        assert not set("IO01") & set(code.removeprefix("PT-"))


def test_utc_text_is_rfc_3339_with_microseconds() -> None:
    assert utc_text(1_750_000_000 * NS_PER_S + 123_456_789) == "2025-06-15T15:06:40.123456Z"
