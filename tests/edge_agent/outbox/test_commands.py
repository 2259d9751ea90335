"""`deepepil-edge outbox`: what a person sees of dead letters and does with them, beside a running agent."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.database import open_database
from edge_agent.outbox.commands import give_up_event, letter_lines, retry_event
from edge_agent.outbox.store import Outbox
from edge_agent.ring.folder import prepare_folder
from shared.errors import Misconfigured
from tests.edge_agent.outbox.reports import UTC_NS, make_report
from tests.edge_agent.processes.running import make_settings


def test_a_letter_is_listed_sent_again_and_given_up(tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "bed")
    folder = settings.storage.folder
    nowhere = settings.storage.model_copy(update={"folder": tmp_path / "none"})
    with pytest.raises(Misconfigured, match="No agent ever ran"):
        list(letter_lines(settings.model_copy(update={"storage": nowhere}), 9))
    prepare_folder(folder, "north", "bed-4")
    with closing(open_database(folder)) as connection:
        outbox = Outbox(connection, "north", "bed-4")
        report = make_report("closed")
        event_id = str(report.event_id)
        outbox.record(report, UTC_NS)
        assert list(letter_lines(settings, 9)) == ["no dead letters"]
        outbox.bury(1, "too large", UTC_NS)
        (line,) = letter_lines(settings, 9)
        assert event_id in line
        assert line.endswith("message 1: too large")
        assert retry_event(settings, event_id) == f"event {event_id}: 1 messages wait again"
        assert outbox.sequences_after(0) == [1]
        outbox.bury(1, "too large", UTC_NS)
        assert "1 dead letters ended" in give_up_event(settings, event_id, "a test")
        assert connection.execute("SELECT count(*) FROM pins").fetchone()[0] == 0
