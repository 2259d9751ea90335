"""A label: agreed truth on an event, after reviews. With one reader the verdict is the label."""

from __future__ import annotations

from pydantic import Field

from shared.contract import Contract, Count, Nanoseconds
from shared.ids import Uuid7
from shared.review import Verdict


class Label(Contract):
    """The truth as agreed so far; `version` grows when reviews change it, and each version is kept."""

    event_id: Uuid7
    verdict: Verdict
    version: Count
    readers: Count = Field(ge=1, description="how many reviews it rests on")
    agreed_utc_ns: Nanoseconds
