"""Splits by patient: stable, disjoint, refused by name when they leak or are random; manifests come back as they were frozen."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.datasets.parquet import from_parquet, to_parquet
from cloud.datasets.rules import (
    Row,
    Shares,
    counts_of,
    leave_one_out,
    must_be_sound,
    must_not_leak,
    must_split_by_patient,
    pseudonym,
    split_of,
)
from shared.errors import Refused

KEY = bytes(range(32))


def row(number: int, patient: str, split: str = "train", klass: str = "confirmed", site: str = "north") -> Row:
    return Row(
        event_id=f"event-{number:04}", site=site, patient=patient, split=split, klass=klass, verdict=klass,
        epilepsy_class="", label_version=1, annotation_versions="1,2", readers=1, suggestion_shown=False, start_ns=10,
        end_ns=20, first_frame=3, end_frame=9, ir_sha256="a" * 64, ir_bytes=5, depth_sha256="", depth_bytes=0,
        segments=("b" * 64,),
    )  # fmt: skip


@given(code=st.from_regex(r"[A-Z0-9]{2,4}-[A-Z0-9]{3,8}", fullmatch=True))
@settings(max_examples=50, deadline=None)
def test_a_patient_goes_to_one_split_whatever_comes_later(code: str) -> None:
    assert split_of(KEY, "north", code, Shares()) == split_of(KEY, "north", code, Shares())
    assert split_of(KEY, "north", code, Shares(validation=0, test=0)) == "train"
    name = pseudonym(KEY, "north", code)
    assert code not in name
    assert name != pseudonym(KEY, "south", code)
    assert name != pseudonym(bytes(32), "north", code)


def test_the_shares_of_patients_are_those_that_were_asked_for() -> None:
    found = [split_of(KEY, "north", f"PT-{n:05}", Shares(validation=0.2, test=0.3)) for n in range(2_000)]
    assert 0.26 < found.count("test") / 2_000 < 0.34
    assert 0.16 < found.count("validation") / 2_000 < 0.24


def test_a_leaky_split_is_refused_by_the_name_of_the_patient() -> None:
    with pytest.raises(Refused, match="The split leaks: patient p-7 is in train and in test"):
        must_not_leak([("p-1", "train"), ("p-7", "train"), ("p-7", "test")])


@pytest.mark.parametrize(("split", "said"), [("random", "same patient"), ("random-5", "same patient"), ("by-clip", "There is no split")])  # fmt: skip
def test_other_splits_are_refused_by_name(split: str, said: str) -> None:
    with pytest.raises(Refused, match=split) as refused:
        must_split_by_patient(split)
    assert said in refused.value.sentence


def test_what_cannot_be_learnt_from_is_refused() -> None:
    for rows, said in (
        ([], "finds no labelled clip"),
        ([row(1, "p-1"), row(1, "p-1")], "twice"),
        ([row(1, "p-1"), row(2, "p-2"), row(3, "p-2", klass="rejected")], "class rejected has clips of one patient"),
    ):
        with pytest.raises(Refused, match=said):
            must_be_sound(rows)


def test_leave_one_out_leaves_each_patient_and_each_site_out_once() -> None:
    rows = [row(n, f"p-{n % 3}", site=("north", "south")[n % 2]) for n in range(12)]
    for by, names in (("patient", ["p-0", "p-1", "p-2"]), ("site", ["north", "south"])):
        folds = list(leave_one_out(rows, by))  # type: ignore[arg-type]
        assert [fold.left_out for fold in folds] == names
        for fold in folds:
            assert sorted(fold.train + fold.test) == list(range(12))
            assert {getattr(rows[n], by) for n in fold.test} == {fold.left_out}
            assert fold.left_out not in {getattr(rows[n], by) for n in fold.train}
    with pytest.raises(Refused, match="Leave-one-site-out needs 2; the dataset has 1"):
        list(leave_one_out([row(1, "p-1"), row(2, "p-2")], "site"))


def test_a_manifest_comes_back_in_order_and_any_other_byte_is_refused() -> None:
    rows = [row(2, "p-2", "test"), row(1, "p-1")]
    sha256, content = to_parquet(rows, {"why": "a test"})
    assert from_parquet(content, sha256) == sorted(rows)
    assert to_parquet(list(reversed(rows)), {"why": "a test"}) == (sha256, content)
    assert counts_of(rows)["test"] == {"confirmed": 1}
    with pytest.raises(Refused, match="it was changed"):
        from_parquet(content[:-1] + b"x", sha256)
    leaky, bytes_of_it = to_parquet([row(1, "p-1"), row(2, "p-1", "test")], {})
    with pytest.raises(Refused, match="patient p-1 is in train and in test"):
        from_parquet(bytes_of_it, leaky)
