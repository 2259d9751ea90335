"""What a dataset is made of and how it is split by patient, pure: rows, pseudonyms, splits, folds, and what a leak is."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.errors import Refused
from shared.ids import SiteName
from shared.review import Verdict

DatasetName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?$", max_length=48)]
SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
MOST_CLIPS = 200_000
LEAST_PATIENTS = 2
"""Of each class: with one patient alone nothing can be learnt on others and tried on him."""
WHOLE = 1 << 64


class Shares(BaseModel):
    """How many of the patients go to validation and to the test; the rest is for training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    validation: float = Field(default=0.15, ge=0, le=0.5, allow_inf_nan=False)
    test: float = Field(default=0.15, ge=0, le=0.5, allow_inf_nan=False)


class DatasetQuery(BaseModel):
    """Which labels a dataset is frozen from. Clips of events without a known patient are never taken: they could leak."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sites: tuple[SiteName, ...] = Field(default=(), max_length=64, description="empty: all sites that one sees")
    verdicts: tuple[Verdict, ...] = Field(default=(Verdict.confirmed, Verdict.rejected), min_length=1, max_length=3)
    classes: Literal["verdict", "epilepsy_class"] = Field(
        default="verdict", description="what is to be learnt; epilepsy_class: as all annotations of the event agree"
    )
    least_readers: int = Field(default=1, ge=1, le=16)
    blind_only: bool = Field(default=False, description="only labels whose readers saw no suggestion")
    since_utc: AwareDatetime | None = None
    until_utc: AwareDatetime | None = None
    split: str = Field(default="by-patient", max_length=32)
    shares: Shares = Shares()

    @model_validator(mode="after")
    def _in_order(self) -> DatasetQuery:
        if self.since_utc is not None and self.until_utc is not None and self.until_utc <= self.since_utc:
            raise ValueError("until_utc must lie after since_utc")
        return self


class Row(NamedTuple):
    """One clip of a dataset. Times count from the clip's start; frames [first, end) are those of the infrared proxy."""

    event_id: str
    site: str
    patient: str
    split: str
    klass: str
    verdict: str
    epilepsy_class: str
    label_version: int
    annotation_versions: str
    readers: int
    suggestion_shown: bool
    start_ns: int
    end_ns: int
    first_frame: int
    end_frame: int
    ir_sha256: str
    ir_bytes: int
    depth_sha256: str
    depth_bytes: int
    segments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """One turn of leave-one-out: who is left out, and the numbers of the rows to learn on and to try."""

    left_out: str
    train: tuple[int, ...]
    test: tuple[int, ...]


def must_split_by_patient(split: str) -> None:
    """Raises Refused for any other way, a random one by its name."""
    if split == "by-patient":
        return
    if split.startswith("random"):
        raise Refused(f"The split {split} is refused: the same patient would be in training and test; use by-patient.")
    raise Refused(
        f"There is no split {split}; there is by-patient, and leave-one-patient-out and leave-one-site-out from it."
    )


def pseudonym(key: bytes, site: str, patient_code: str) -> str:
    """The patient's name in every dataset of this installation; without the key it leads to no code."""
    return "p-" + _keyed(key, "name", site, patient_code).hex()[:20]


def split_of(key: bytes, site: str, patient_code: str, shares: Shares) -> SplitName:
    """Where all clips of a patient go, today and in every later dataset with the same shares."""
    place = int.from_bytes(_keyed(key, "split", site, patient_code)[:8], "big") / WHOLE
    if place < shares.test:
        return "test"
    return "validation" if place < shares.test + shares.validation else "train"


def _keyed(key: bytes, word: str, site: str, patient_code: str) -> bytes:
    return hmac.new(key, f"{word}\0{site}\0{patient_code}".encode(), hashlib.sha256).digest()


def must_be_sound(rows: Sequence[Row]) -> None:
    """Raises Refused for no rows, a clip that is there twice, a patient in two splits, or a class of one patient alone."""
    if not rows:
        raise Refused("The query finds no labelled clip with a known patient and a stored infrared proxy.")
    if len(rows) > MOST_CLIPS:
        raise Refused(f"The query finds {len(rows)} clips; a dataset may have {MOST_CLIPS}.")
    if len({row.event_id for row in rows}) != len(rows):
        raise Refused("A clip is in the dataset twice.")
    must_not_leak((row.patient, row.split) for row in rows)
    patients = defaultdict(set)
    for row in rows:
        patients[row.klass].add(row.patient)
    for klass, who in sorted(patients.items()):
        if len(who) < LEAST_PATIENTS:
            raise Refused(
                f"The class {klass} has clips of one patient alone; a split by patient needs {LEAST_PATIENTS}."
            )


def must_not_leak(placed: Iterable[tuple[str, str]]) -> None:
    """Raises Refused, naming the patient, when one is in two splits. placed: (patient, split) of each clip."""
    seen: dict[str, str] = {}
    for patient, split in placed:
        if seen.setdefault(patient, split) != split:
            raise Refused(f"The split leaks: patient {patient} is in {seen[patient]} and in {split}.", patient=patient)


def leave_one_out(rows: Sequence[Row], by: Literal["patient", "site"]) -> Iterator[Fold]:
    """A fold for each patient, or each site, in order of name. Raises Refused when there is only one."""
    names = sorted({str(getattr(row, by)) for row in rows})
    if len(names) < LEAST_PATIENTS:
        raise Refused(f"Leave-one-{by}-out needs {LEAST_PATIENTS}; the dataset has {len(names)}.")
    for name in names:
        out = [str(getattr(row, by)) == name for row in rows]
        yield Fold(
            name,
            tuple(number for number, left in enumerate(out) if not left),
            tuple(number for number, left in enumerate(out) if left),
        )


def counts_of(rows: Iterable[Row]) -> dict[str, dict[str, int]]:
    """Clips by split and class."""
    found: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    for row in rows:
        found[row.split][row.klass] += 1
    return {split: dict(sorted(classes.items())) for split, classes in found.items()}
