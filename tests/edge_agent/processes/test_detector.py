"""The detector's process: previews from the bus become scores and events on the bus and in the outbox."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge_agent.bus import Publisher, Subscriber
from edge_agent.bus_messages import BusTopic
from edge_agent.database import open_database
from edge_agent.outbox.store import Outbox
from edge_agent.processes import detector
from shared.clock import NS_PER_S, SystemClock
from shared.command import DesiredState
from shared.errors import Refused
from shared.ids import uuid7
from shared.preview import PREVIEW_HEIGHT, PREVIEW_PERIOD_NS, PREVIEW_WIDTH, Preview
from tests.edge_agent.detection.networks import put_release
from tests.edge_agent.processes.running import make_settings, running
from tests.waiting import wait_for


class Bus:
    """The recorder's and the publisher's end, and a listener."""

    def __init__(self, folder: Path) -> None:
        self.previews = Publisher(folder, "recorder")
        self.wishes = Publisher(folder, "publisher")
        self.inbox = Subscriber(folder, (BusTopic.score, BusTopic.event))
        self.heard: dict[BusTopic, list[object]] = {BusTopic.score: [], BusTopic.event: []}
        clock = SystemClock()
        self.now_ns = clock.monotonic_ns() - 70 * NS_PER_S
        self.utc_offset_ns = clock.utc_ns() - clock.monotonic_ns()

    def listen(self) -> None:
        while (found := self.inbox.receive(0)) is not None:
            self.heard[found[0]].append(found[1])

    def see(self, brightness: int) -> bool:
        """One preview goes out; True once any score came back."""
        self.now_ns += PREVIEW_PERIOD_NS
        ir = np.full((PREVIEW_HEIGHT, PREVIEW_WIDTH), brightness, np.uint8)
        ir[:4] = self.now_ns % 199
        depth = np.tile(np.arange(PREVIEW_WIDTH, dtype=np.uint8), (PREVIEW_HEIGHT, 1))
        self.previews.publish(BusTopic.preview, Preview(0, self.now_ns, self.now_ns + self.utc_offset_ns, ir, depth))
        self.listen()
        return bool(self.heard[BusTopic.score])

    def see_s(self, seconds: int, brightness: int) -> None:
        """That many seconds of previews, never further ahead of the scores than the bus can hold."""
        for _ in range(seconds):
            for _ in range(15):
                self.see(brightness)
            wait_for(self._scored, "the scores of this second")

    def _scored(self) -> bool:
        self.listen()
        scores = self.heard[BusTopic.score]
        return bool(scores) and scores[-1].mono_ns > self.now_ns - NS_PER_S  # type: ignore[attr-defined]

    def phases(self) -> list[str]:
        self.listen()
        return [report.phase.value for report in self.heard[BusTopic.event]]  # type: ignore[attr-defined]

    def close(self) -> None:
        for each in (self.previews, self.wishes, self.inbox):
            each.close()


def test_previews_become_scores_and_an_event_that_a_new_stay_closes(tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "bed")
    put_release(settings.detector.releases_folder)
    with running(detector, settings):
        bus = Bus(settings.storage.folder)
        wait_for(lambda: bus.see(30), "the first score")
        bus.see_s(3, 30)
        bus.see_s(5, 220)
        wait_for(lambda: bus.phases() == ["opened"], "the event")
        wish = DesiredState(version=1, stay_id=uuid7(0), paused=False, record_unassigned=True, issued_utc_ns=0)
        bus.wishes.publish(BusTopic.desired, wish)
        wait_for(lambda: bus.phases() == ["opened", "closed"], "the close")
        bus.close()
    with closing(open_database(settings.storage.folder)) as connection:
        assert Outbox(connection, "north", "bed-4").sequences_after(0) == [1, 2]
        assert connection.execute("SELECT count(*) FROM scores").fetchone()[0] > 10


def test_a_release_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(Refused, match=r"brightness\.card\.json cannot be read"),
        running(detector, make_settings(tmp_path / "bed")),
    ):
        pass
