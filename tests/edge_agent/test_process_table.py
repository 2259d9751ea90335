"""The table tells the truth about the processes: names, modules, and what each one listens to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import edge_agent
from edge_agent.bus_messages import BusTopic
from edge_agent.process_table import ROWS, Row, owners_of, row_of

FOLDER = Path(edge_agent.__file__).parent / "processes"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_process_listens_to_what_the_table_says(row: Row) -> None:
    text = (FOLDER / f"{row.name}.py").read_text()
    subscribed = re.findall(r"subscribe\(([^)]*)\)", text)
    topics = {BusTopic(name) for call in subscribed for name in re.findall(r"BusTopic\.(\w+)", call)}
    assert topics == set(row.takes)
    assert row.module == f"edge_agent.processes.{row.name}"
    assert "def run(context: Context) -> None:" in text


def test_every_process_file_has_a_row_and_every_topic_one_owner() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} - {"__init__"} == {row.name for row in ROWS}
    given = [topic for row in ROWS for topic in row.gives]
    assert len(given) == len(set(given))
    for topic in BusTopic:
        assert owners_of(topic)
    assert row_of("nobody") is None
