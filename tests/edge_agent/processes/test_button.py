"""The button's process hears a press on its port, and closes what a mark on the command line left open when its time is over."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from pathlib import Path

from edge_agent.button import Button
from edge_agent.database import open_database
from edge_agent.mark import mark_now
from edge_agent.outbox.store import Outbox
from edge_agent.processes import button
from edge_agent.settings import ButtonSettings
from shared.clock import SystemClock
from shared.event import EventCause
from tests.brokers import free_port
from tests.edge_agent.hand_clock import HandClock
from tests.edge_agent.processes.running import make_settings, running
from tests.waiting import wait_for


def test_a_press_makes_an_event_that_a_mark_extends_and_another_boots_event_is_closed(tmp_path: Path) -> None:
    port = free_port()
    settings = make_settings(tmp_path / "bed").model_copy(update={"button": ButtonSettings(port=port)})
    with closing(open_database(settings.storage.folder)) as connection:
        outbox = Outbox(connection, "north", "bed-4")
        left = Button(connection, outbox, HandClock()).press().report
        with running(button, settings):
            wait_for(lambda: left not in outbox.open_events(EventCause.button), "the other boot's event to be closed")
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as line:
                line.request("POST", "/mark")
                told = json.loads(line.getresponse().read())
            assert mark_now(settings).startswith(f"event {told['event_id']} same at ")
        opened = outbox.open_events(EventCause.button)
    assert [(str(each.event_id), each.boot_id) for each in opened] == [(told["event_id"], SystemClock().boot_id)]
