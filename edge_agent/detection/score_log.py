"""Scores on disk for the timeline of clips and for a detector that restarts: in batches, the newest 72 h of them."""

from __future__ import annotations

import sqlite3

from edge_agent.outbox.transaction import transaction
from shared.clip import MAX_SCORES, ScoreSample
from shared.clock import NS_PER_S
from shared.detector_input import STEP_FPS
from shared.errors import Transient
from shared.ids import ReleaseName
from shared.score import Score

KEPT_SCORES = round(72 * 3600 * STEP_FPS)
FLUSH_NS = 5 * NS_PER_S
WAITING_LIMIT = 2_000


class ScoreLog:
    """The scores of one boot. `flush` when due; scores that cannot be written wait, the oldest go past the limit."""

    def __init__(self, connection: sqlite3.Connection, boot_id: str, kept: int = KEPT_SCORES) -> None:
        self._connection = connection
        self._boot_id = boot_id
        self._kept = kept
        self._waiting: list[Score] = []

    def add(self, score: Score) -> None:
        """Keeps a score for the next flush."""
        self._waiting.append(score)
        del self._waiting[:-WAITING_LIMIT]

    @property
    def due(self) -> bool:
        """The scores that wait span five seconds."""
        return bool(self._waiting) and self._waiting[-1].mono_ns - self._waiting[0].mono_ns >= FLUSH_NS

    def flush(self) -> bool:
        """Writes what waits and forgets what is too old; False when the database cannot take it now."""
        if not self._waiting:
            return True
        rows = [(self._boot_id, score.mono_ns, score.utc_ns, score.value) for score in self._waiting]
        try:
            with transaction(self._connection):
                self._connection.executemany(
                    "INSERT INTO scores (boot_id, mono_ns, utc_ns, value) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    rows,
                )
                self._connection.execute(
                    "DELETE FROM scores WHERE number <= (SELECT max(number) FROM scores) - ?", (self._kept,)
                )
        except Transient:
            return False
        self._waiting.clear()
        return True

    def since(self, mono_ns: int, release: ReleaseName) -> list[Score]:
        """The scores of this boot from then on, in order, as far as they matter to the trigger; the votes are not kept."""
        found = self._connection.execute(
            "SELECT mono_ns, utc_ns, value FROM scores WHERE boot_id = ? AND mono_ns >= ? ORDER BY mono_ns",
            (self._boot_id, mono_ns),
        )
        return [Score(mono_ns=at, utc_ns=utc, value=value, motor_types={}, release=release) for at, utc, value in found]


def scores_between(
    connection: sqlite3.Connection, boot_id: str, start_mono_ns: int, end_mono_ns: int
) -> list[ScoreSample]:
    """The timeline of a clip: the scores of the half-open span, the first `MAX_SCORES` of them."""
    found = connection.execute(
        "SELECT mono_ns, value FROM scores WHERE boot_id = ? AND mono_ns >= ? AND mono_ns < ? ORDER BY mono_ns LIMIT ?",
        (boot_id, start_mono_ns, end_mono_ns, MAX_SCORES),
    )
    return [ScoreSample(mono_ns=at, value=value) for at, value in found]
