"""A seizure as a file of the EEG tells it, and what is common to reading such files. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from shared.clock import NS_PER_S
from shared.errors import Refused

MOST_SEIZURES = 2_000
LONGEST_NS = 24 * 3600 * NS_PER_S
KIND_LENGTH = 64
FAULTS_TOLD = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class EegSeizure:
    """One seizure by the clock of the EEG, as UTC ns; a duration that the file does not tell is 0."""

    line: int
    start_ns: int
    duration_ns: int
    kind: str


@dataclass(slots=True)
class ReadFile:
    """What a file holds: seizures, how many rows tell of something else, and the rows that cannot be read."""

    seizures: list[EegSeizure] = field(default_factory=list)
    passed_over: int = 0
    faults: list[str] = field(default_factory=list)

    def must_be_whole(self) -> None:
        """Raises Refused when any row is bad, naming the first ones: nothing of such a file is imported."""
        if len(self.seizures) > MOST_SEIZURES:
            raise Refused(f"The file tells of {len(self.seizures)} seizures; the limit is {MOST_SEIZURES}.")
        if self.faults:
            more = len(self.faults) - FAULTS_TOLD
            rest = f" And {more} more." if more > 0 else ""
            raise Refused(f"{' '.join(self.faults[:FAULTS_TOLD])}{rest} Nothing was imported.")
        if not self.seizures:
            raise Refused("The file tells of no seizure. Nothing was imported.")


def is_seizure(kind: str) -> bool:
    """SzCORE's event types begin with `sz`; other files name the seizure in words."""
    return kind.lower().startswith("sz") or "seiz" in kind.lower()


def utc_ns_of(moment: datetime, zone: ZoneInfo) -> int:
    """A time of the EEG's clock as UTC ns; one without a zone is meant in `zone`."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    since = aware.astimezone(UTC) - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1_000
