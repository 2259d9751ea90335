"""The unit's encrypted file of who is behind a code: what it keeps, what it refuses, and that nothing of it lies open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.cli import main
from edge_agent.patients import Cost, PatientFile, found
from shared.errors import Broken, Refused

PASSPHRASE = "nobody guesses this one"
CHEAP = Cost(n=2)


@pytest.fixture
def file(tmp_path: Path) -> PatientFile:
    made = PatientFile(tmp_path / "patients.key", PASSPHRASE, CHEAP)
    made.create()
    return made


def test_a_person_gets_a_code_that_nobody_else_has(file: PatientFile) -> None:
    people = [file.add(f"Person {number}", "1970-01-01", "") for number in range(20)]
    assert len({one.code for one in people}) == 20
    assert file.persons() == sorted(people, key=lambda one: one.code)


def test_a_code_from_the_admission_is_taken_once(file: PatientFile) -> None:
    assert file.add("Anna K", "1970-01-01", "", "PT-7KQ2M").code == "PT-7KQ2M"
    with pytest.raises(Refused, match="Somebody else"):
        file.add("Berta L", "1971-01-01", "", "PT-7KQ2M")
    with pytest.raises(Refused, match="looks like"):
        file.add("Berta L", "1971-01-01", "", "Berta")


@pytest.mark.parametrize("twin", [("anna  k", "1970-01-01", ""), ("Anna Married", "", "4711")])
def test_a_person_is_entered_once(file: PatientFile, twin: tuple[str, str, str]) -> None:
    code = file.add("Anna K", "1970-01-01", "4711").code
    with pytest.raises(Refused, match=code):
        file.add(*twin)


def test_nothing_of_a_person_lies_open_in_the_folder(file: PatientFile) -> None:
    code = file.add("Marker-Name", "1970-01-01", "4711").code
    for path in file.path.parent.iterdir():
        body = path.read_bytes()
        assert not any(text in body for text in (b"Marker", b"1970", b"4711", code.encode()))
    assert file.path.stat().st_mode & 0o077 == 0


def test_a_wrong_passphrase_opens_nothing(file: PatientFile) -> None:
    with pytest.raises(Refused, match="wrong"):
        PatientFile(file.path, "nobody guesses that one", CHEAP).persons()


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_is_altered_in_the_file_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("unit") / "patients.key"
    made = PatientFile(path, PASSPHRASE, CHEAP)
    made.create()
    made.add("Anna K", "1970-01-01", "")
    body = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(body) - 1))
    changed = data.draw(st.integers(0, 255).filter(lambda value: value != body[place]))
    before = json.loads(body)
    body[place] = changed
    path.write_bytes(body)
    try:
        same = json.loads(body) == before  # a blank of the layout says nothing
    except ValueError:
        same = False
    if not same:
        with pytest.raises((Refused, Broken)):
            made.persons()


@pytest.mark.parametrize(
    "head",
    [{"n": 2**30}, {"n": 3}, {"r": 10**6}, {"p": 0}, {"salt": ""}, {"format": "other"}, {"more": 1}, {"n": True}],
)
def test_a_head_that_asks_for_too_much_is_refused_before_it_costs(file: PatientFile, head: dict[str, Any]) -> None:
    file.path.write_text(json.dumps({**json.loads(file.path.read_text()), **head}))
    with pytest.raises(Broken):
        file.persons()


def test_a_removed_person_is_gone_and_a_new_passphrase_holds(file: PatientFile) -> None:
    code = file.add("Anna K", "1970-01-01", "").code
    file.change_passphrase("a passphrase of tomorrow")
    with pytest.raises(Refused):
        file.persons()
    other = PatientFile(file.path, "a passphrase of tomorrow", CHEAP)
    other.remove(code)
    assert other.persons() == []
    with pytest.raises(Refused, match="Nobody"):
        other.remove(code)


def test_a_person_is_found_by_any_part(file: PatientFile) -> None:
    anna = file.add("Anna K", "1970-01-01", "4711")
    file.add("Berta L", "1971-01-01", "4712")
    for text in ("anna", "1970", "4711", anna.code.lower()):
        assert found(file.persons(), text) == [anna]
    assert found(file.persons(), " ") == []


def test_there_is_no_second_file_in_the_place_of_the_first(file: PatientFile) -> None:
    with pytest.raises(Refused, match="there already"):
        file.create()


def test_the_commands_ask_for_names_and_tell_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.patients.TODAY", CHEAP)
    secret = tmp_path / "passphrase"
    secret.write_text(f"{PASSPHRASE}\n")
    where = ["--file", str(tmp_path / "patients.key"), "--passphrase-file", str(secret)]
    runner = CliRunner()
    assert runner.invoke(main, ["patients", "init", *where]).exit_code == 0
    added = runner.invoke(main, ["patients", "add", *where], input="Anna K\n1970-01-01\n\n")
    code = added.output.split()[-1]
    listed = runner.invoke(main, ["patients", "list", *where])
    assert listed.output == f"{code}  Anna K  1970-01-01\n"
    assert code in runner.invoke(main, ["patients", "find", *where], input="anna\n").output
    assert runner.invoke(main, ["patients", "find", *where], input="nobody\n").exit_code == Refused.exit_code
    assert runner.invoke(main, ["patients", "remove", *where, code]).exit_code == 0
