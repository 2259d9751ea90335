"""How a release stands at this bed, kept through restarts: what is wanted, what runs, and what happened on the way. Pure but for the row."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace

from edge_agent.outbox.transaction import transaction
from shared.heartbeat import ReleaseRun, ReleaseStage

MOST_STARTS = 2
"""A release under which the detector, or the installer's test, was started so often without an end has failed."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest order and where it got. `running`: the release to run while `wanted` is not proven; empty: that of the settings."""

    number: int
    wanted: str
    running: str
    stage: ReleaseStage
    starts: int = 0
    sentence: str = ""

    def told(self) -> ReleaseRun:
        """For the heartbeat."""
        return ReleaseRun(number=self.number, release=self.wanted, stage=self.stage, sentence=self.sentence[:500])


def load_standing(connection: sqlite3.Connection) -> Standing | None:
    """What was kept last; None before any order."""
    row = connection.execute("SELECT number, wanted, running, stage, starts, sentence FROM release_run").fetchone()
    if row is None:
        return None
    stage = ReleaseStage(row["stage"])
    return Standing(row["number"], row["wanted"], row["running"], stage, row["starts"], row["sentence"])


def keep_standing(connection: sqlite3.Connection, standing: Standing) -> Standing:
    """Writes it, flushed to the disk, and returns it. Raises Transient when the database cannot be written now."""
    with transaction(connection):
        connection.execute(
            "INSERT OR REPLACE INTO release_run (one, number, wanted, running, stage, starts, sentence)"
            " VALUES (1, ?, ?, ?, ?, ?, ?)",
            (
                standing.number,
                standing.wanted,
                standing.running,
                standing.stage.value,
                standing.starts,
                standing.sentence,
            ),
        )
    return standing


def failed(standing: Standing, sentence: str) -> Standing:
    """The wanted release is given up; what ran before runs on."""
    return replace(standing, stage=ReleaseStage.fell_back, sentence=sentence)


def proven(standing: Standing) -> Standing:
    """The wanted release has held its trial: it is what runs now."""
    return replace(standing, stage=ReleaseStage.running, running=standing.wanted, sentence="")


def at_start(connection: sqlite3.Connection) -> Standing | None:
    """For the detector when it starts: a trial in which it ended goes on once, then what ran before runs again.

    Raises Transient when the database cannot be written now.
    """
    found = load_standing(connection)
    if found is None or found.stage is not ReleaseStage.trial:
        return found
    if found.starts + 1 >= MOST_STARTS:
        return keep_standing(
            connection, failed(found, f"Release {found.wanted}: the detector ended twice in its trial.")
        )
    return keep_standing(connection, replace(found, starts=found.starts + 1))


def to_run(standing: Standing | None, of_settings: str) -> str:
    """The name of the release to run now."""
    if standing is None:
        return of_settings
    on_trial = standing.stage in {ReleaseStage.trial, ReleaseStage.running}
    return (standing.wanted if on_trial else standing.running) or of_settings


def release_alarms(connection: sqlite3.Connection) -> list[str]:
    """A sentence for people while the newest order did not come to run."""
    found = load_standing(connection)
    if found is None or found.stage not in {ReleaseStage.refused, ReleaseStage.fell_back}:
        return []
    word = "refused" if found.stage is ReleaseStage.refused else "taken back"
    return [f"A release was {word}: {found.sentence}"]
