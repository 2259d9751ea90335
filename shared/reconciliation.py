"""Reconciliation: the bed tells what it did with its messages and clips, page by page; the cloud asks again for what it lacks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from shared.contract import Contract, Count
from shared.ids import Sha256, Uuid7

PAGE_MESSAGES = 200
"""Messages on one page; with as many clips it stays below its topic's 64 KiB."""


class MessageState(StrEnum):
    """Where the bed stands with one of its numbered messages."""

    waiting = "waiting"
    delivered = "delivered"
    """A receipt came for it."""
    dead = "dead"


class KeptMessage(Contract):
    """One numbered message of the bed."""

    sequence: Count = Field(ge=1)
    event_id: Uuid7
    revision: Count
    state: MessageState


class KeptClip(Contract):
    """A clip of which the cloud said `stored`."""

    event_id: Uuid7
    objects_sha256: Sha256 = Field(description="`hash_of_objects` over all proxies and segments of its manifest")
    held: bool = Field(description="some of its segments are still in the ring, so that it can be brought again")


class Digest(Contract):
    """One page of a bed's history: every number in [first, last] that is not listed is unknown to the bed.

    Page 0 holds the newest messages; each following page goes on below it, the last one reaches down to number 1.
    """

    run: Uuid7
    page: Count
    first: Count = Field(ge=1)
    last: Count
    highest: Count = Field(description="the highest sequence number that the bed ever used")
    messages: Annotated[list[KeptMessage], Field(max_length=PAGE_MESSAGES)]
    clips: Annotated[list[KeptClip], Field(max_length=PAGE_MESSAGES)]

    @model_validator(mode="after")
    def _inside(self) -> Digest:
        numbers = [message.sequence for message in self.messages]
        if numbers != sorted(set(numbers)):
            raise ValueError("messages must be in rising order of sequence, each once")
        if numbers and not self.first <= numbers[0] <= numbers[-1] <= self.last:
            raise ValueError("first <= every sequence <= last must hold")
        if self.last > self.highest:
            raise ValueError("last must not lie above highest")
        return self


class ResendRequest(Contract):
    """The cloud's answer to one page: what it lacks and the bed still has. Empty lists: all of the page is there."""

    run: Uuid7
    page: Count
    messages: Annotated[list[Count], Field(max_length=PAGE_MESSAGES)]
    clips: Annotated[list[Uuid7], Field(max_length=PAGE_MESSAGES)]
    count_from: Count = Field(
        default=0, description="a bed whose database was replaced goes on counting above this number"
    )


def hash_of_objects(hashes: Iterable[str]) -> str:
    """SHA-256 over the sorted hexadecimal hashes of a manifest's objects, one a line; the order does not count."""
    return hashlib.sha256("\n".join(sorted(set(hashes))).encode()).hexdigest()
