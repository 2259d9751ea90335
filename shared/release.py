"""A release: a trained network's file and the card beside it. In: a folder and a name. Out: a checked card and path.

The card `NAME.card.json` says what the network takes and gives, what it was trained on, how well it did and where it
must not be trusted. `verify_release` compares the file with the card before any network is loaded from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from shared.contract import Contract, read_contract
from shared.errors import Refused
from shared.ids import ReleaseName, Sha256
from shared.trigger import TriggerRule

CARD_SUFFIX = ".card.json"
CARD_LIMIT_BYTES = 256 * 1024
FILE_LIMIT_BYTES: Mapping[str, int] = {"detector": 2_000_000, "classifier": 256_000_000}

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]


class TensorSpec(Contract):
    """One tensor of the network: its name, its shape (a word stands for a free axis) and its dtype."""

    name: Word
    shape: tuple[int | Word, ...] = Field(max_length=8)
    dtype: Literal["float32", "float16", "bfloat16", "uint8", "int8", "int64"]


class InputSpec(Contract):
    """What the network reads and returns; `state` pairs an input tensor with the output that is its next value."""

    streams: tuple[Word, ...] = Field(min_length=1, max_length=8)
    width: int = Field(gt=0, le=4096)
    height: int = Field(gt=0, le=4096)
    fps: float = Field(gt=0, le=240)
    window_frames: int = Field(default=1, gt=0, le=4096)
    preprocessing: Text
    recipe: Word | None = Field(default=None, description="the classifier's input recipe; None: ir")
    inputs: tuple[TensorSpec, ...] = Field(max_length=64)
    outputs: tuple[TensorSpec, ...] = Field(max_length=64)
    state: dict[Word, Word] = Field(default_factory=dict, max_length=32)
    onnx_opset: int | None = Field(default=None, gt=0, le=100)


class Metric(Contract):
    """One measured figure: the value, its unit and how many cases it rests on; the interval where one was computed."""

    value: float
    unit: Annotated[str, StringConstraints(max_length=32)]
    n: int = Field(ge=0)
    low: float | None = None
    high: float | None = None


class CalibrationBin(Contract):
    """Cases whose best class was given about the same share: the mean of that share, and how many of them were right."""

    said: float = Field(ge=0, le=1)
    right: float = Field(ge=0, le=1)
    n: int = Field(gt=0)


class Calibration(Contract):
    """How far a network's shares are probabilities: by cases that it never saw. `error`: expected calibration error, the mean of
    |said - right| over the cases. `temperature`: what the outputs were divided by to mend it; null: they are as they came.
    Below `abstain_below` the network had better say nothing.
    """

    measured: datetime
    temperature: float | None = Field(default=None, gt=0, le=100)
    error: float = Field(ge=0, le=1)
    abstain_below: float = Field(default=0.0, ge=0, le=1)
    n: int = Field(gt=0)
    bins: tuple[CalibrationBin, ...] = Field(min_length=1, max_length=20)


class TrainingData(Contract):
    """What the network learnt from; `simulated` is true when no recording of a person was used."""

    source: Text
    patients: int = Field(ge=0)
    hours: float = Field(ge=0)
    simulated: bool
    split: Text
    dataset: Sha256 | None = Field(
        default=None, description="the manifest of the dataset; None: it was none of the cloud's"
    )


class Signature(Contract):
    """Who vouches for the file: the algorithm, the key's id and the signature over the file's SHA-256, base64."""

    algorithm: Literal["ed25519"]
    key_id: Word
    value: Annotated[str, StringConstraints(min_length=1, max_length=1_024)]


class ReleaseCard(Contract):
    """The card of one release. Unknown fields are refused; times carry a zone."""

    name: ReleaseName
    kind: Literal["detector", "classifier"]
    version: Word
    file: FileName
    sha256: Sha256
    input: InputSpec
    classes: tuple[Word, ...] = Field(min_length=1, max_length=64)
    trigger: TriggerRule | None = None
    golden: tuple[float, ...] | None = Field(
        default=None, max_length=256, description="a detector's scores on shared.golden_preview; None: not told"
    )
    metrics: dict[Word, Metric] = Field(default_factory=dict, max_length=256)
    calibration: Calibration | None = None
    data: TrainingData
    limits: tuple[Text, ...] = Field(min_length=1, max_length=32)
    intended_use: Text
    created: datetime
    signature: Signature | None = None

    @field_validator("intended_use")
    @classmethod
    def _says_research_only(cls, value: str) -> str:
        if not value.lower().startswith("research only"):
            raise ValueError('must start with "research only"')
        return value

    @field_validator("created")
    @classmethod
    def _has_zone(cls, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise ValueError("needs a time zone")
        return value


def card_path(folder: Path, name: str) -> Path:
    """Where the card of release `name` lies in `folder`."""
    return folder / f"{name}{CARD_SUFFIX}"


def load_card(path: Path) -> ReleaseCard:
    """The card in `path`. Refused when it is missing, too large, not JSON, or has a wrong or unknown field."""
    try:
        with path.open("rb") as file:
            raw = file.read(CARD_LIMIT_BYTES + 1)
    except OSError as error:
        raise Refused(f"Release card {path.name} cannot be read: {error.strerror or error}.", path=str(path)) from error
    try:
        return read_contract(ReleaseCard, raw, CARD_LIMIT_BYTES)
    except Refused as error:
        raise Refused(f"Release card {path.name}: {error.sentence}", path=str(path)) from error


def save_card(card: ReleaseCard, path: Path) -> None:
    """Writes `card` to `path` as indented JSON, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(card.model_dump_json(indent=2, exclude_none=True) + "\n", encoding="utf-8")
    part.replace(path)


def sha256_of(path: Path) -> str:
    """The SHA-256 of the file, as 64 hexadecimal digits. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_release(folder: Path, name: str) -> Path:
    """The file of release `name` in `folder`, after its size and SHA-256 were compared with its card.

    Refused, with the reason, when the card is bad or of another release, or when the file is missing, too large for its
    kind or other than the card says.
    """
    card = load_card(card_path(folder, name))
    if card.name != name:
        raise Refused(f"Release card {name}{CARD_SUFFIX} is the card of {card.name}.", release=name)
    path = folder / card.file
    limit_bytes = FILE_LIMIT_BYTES[card.kind]
    try:
        size_bytes = path.stat().st_size
        if size_bytes > limit_bytes:
            raise Refused(f"Release {name}: {card.file} has {size_bytes} bytes; a {card.kind} may have {limit_bytes}.")
        found = sha256_of(path)
    except OSError as error:
        raise Refused(f"Release {name}: {card.file} cannot be read: {error.strerror or error}.") from error
    if found != card.sha256:
        raise Refused(f"Release {name}: {card.file} has SHA-256 {found[:12]}…; its card says {card.sha256[:12]}….")
    return path
