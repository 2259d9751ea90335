"""Each entry of the threat model and the hazard log names tests that exist, or says that it is open."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| ([TH]-\d+) \|.*\|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def rows(page: str) -> dict[str, str]:
    """The rows of a page by their number."""
    text = (ROOT / "docs" / page).read_text()
    found = {match[1]: match[0] for match in ROW.finditer(text)}
    assert len(found) == len(ROW.findall(text)), "a number is given twice"
    return found


def all_rows() -> list[tuple[str, str]]:
    return [*rows("threat-model.md").items(), *rows("hazard-log.md").items()]


@pytest.mark.parametrize(("number", "row"), all_rows())
def test_each_entry_names_tests_that_exist(number: str, row: str) -> None:
    named = TEST.findall(row)
    assert named, f"{number} names no test"
    for path, name in named:
        assert (ROOT / path).is_file(), f"{number}: {path} is not there"
        assert re.search(rf"def {name}\(", (ROOT / path).read_text()), f"{number}: {path} has no {name}"


def test_the_hazards_that_must_be_there_are_there() -> None:
    log = "".join(rows("hazard-log.md").values())
    for hazard in ("a seizure is missed", "wrong patient", "time of a seizure is wrong", "stale or wrong network"):
        assert hazard in log


def test_each_arrow_has_a_row_of_the_threat_model() -> None:
    text = (ROOT / "docs/threat-model.md").read_text()
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert len(parts) >= 8
    for part in parts:
        assert ROW.search(part), f"no row under {part.splitlines()[0]}"
