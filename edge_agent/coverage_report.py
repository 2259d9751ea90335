"""The coverage of a bed by hour, as rows for people and programs: from the bed's database, whether or not the agent runs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

from edge_agent.database import database_path, open_database
from edge_agent.ring.coverage import Account
from edge_agent.ring.coverage_hours import CoverageHours, Hour
from edge_agent.ring.folder import prepare_folder
from edge_agent.settings import Settings
from shared.clock import NS_PER_S, Clock, SystemClock, utc_text
from shared.errors import Refused
from shared.frame import Stream
from shared.gap import GapCause

COLUMNS = (
    "hour_utc",
    "stream",
    "coverage",
    "recorded_s",
    "wanted_s",
    "unexplained_s",
    *(f"{cause}_s" for cause in GapCause),
)


@dataclass(frozen=True, slots=True)
class HourLine:
    """One stream in one hour; `coverage` is recorded of wanted, None where nothing was wanted. Seconds."""

    start_utc_ns: int
    stream: Stream
    account: Account

    def cells(self) -> dict[str, str | float | None]:
        """The cells by the names of `COLUMNS`."""
        account = self.account
        gone = {**account.lost_ns, **account.not_wanted_ns}
        coverage = account.coverage
        return {
            "hour_utc": utc_text(self.start_utc_ns),
            "stream": self.stream.value,
            "coverage": None if coverage is None else round(coverage, 6),
            "recorded_s": _seconds(account.recorded_ns),
            "wanted_s": _seconds(account.wanted_ns),
            "unexplained_s": _seconds(account.unaccounted_ns),
            **{f"{cause}_s": _seconds(gone.get(cause, 0)) for cause in GapCause},
        }


def hour_lines(settings: Settings, hours: int, clock: Clock | None = None) -> list[HourLine]:
    """The last `hours` hours and the one that is not over. Raises Refused when the bed never recorded, Transient, Misconfigured."""
    folder = settings.storage.folder
    if not database_path(folder).exists():
        raise Refused(f"The agent never ran in {folder}: there is nothing to tell of.")
    prepare_folder(folder, settings.bed.site, settings.bed.bed)
    connection = open_database(folder)
    try:
        found = CoverageHours(connection, clock or SystemClock()).hours(hours)
    finally:
        connection.close()
    return [line for hour in found for line in _lines(hour)]


def _lines(hour: Hour) -> Iterator[HourLine]:
    for stream, account in hour.streams.items():
        yield HourLine(hour.start_utc_ns, stream, account)


def as_csv(lines: list[HourLine]) -> str:
    """Comma-separated text with a head line; an empty cell where nothing was wanted."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(line.cells() for line in lines)
    return text.getvalue()


def as_json(lines: list[HourLine]) -> str:
    """A JSON list of the same rows."""
    return json.dumps([line.cells() for line in lines], indent=2) + "\n"


def _seconds(ns: int) -> float:
    return round(ns / NS_PER_S, 3)
