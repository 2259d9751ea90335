"""A classification: one network's suggestion on a clip. Research use only; never a diagnosis."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.contract import Contract, Count, Nanoseconds, Share
from shared.ids import ReleaseName, Uuid7

ClassName = Annotated[str, Field(max_length=32, pattern=r"^[A-Za-z][A-Za-z -]*$")]


class WindowVerdict(Contract):
    """Class probabilities of one 2-second window that starts `start_ns` after the clip's start."""

    start_ns: Nanoseconds
    probabilities: dict[ClassName, Share]


class Classification(Contract):
    """The suggestion of one release on one event, with its trace over the windows."""

    event_id: Uuid7
    release: ReleaseName
    probabilities: dict[ClassName, Share]
    windows: Annotated[list[WindowVerdict], Field(max_length=2_000)]
    simulated: bool = Field(description="the release was trained on the simulated ward")
    seconds_spent: float = Field(ge=0, le=86_400)
    frames: Count
