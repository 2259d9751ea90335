"""Finds every fault of a site's chain and names the rows. Pure: entries in, sentences out.

The chain alone shows a row that was altered, deleted or put in. Who can write all rows can also make all hashes anew: that is
shown by heads that were signed and kept outside the database.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cloud.audit.rules import FIRST_HASH, Entry, entry_hash
from shared.clock import NS_PER_S


@dataclass(frozen=True, slots=True)
class SignedHead:
    """How long a site's chain was at one moment (UTC ns), and its last hash."""

    site: str
    number: int
    hash: str
    at_ns: int

    @property
    def moment(self) -> str:
        """For people, to the second."""
        return datetime.fromtimestamp(self.at_ns // NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


async def faults_of(
    site: str, chain: AsyncIterator[tuple[Entry, str]], head: tuple[int, str] | None, kept: Mapping[int, SignedHead]
) -> AsyncIterator[str]:
    """Every fault of one chain in the order of its rows.

    head is what the database says of the end, None where it says nothing; kept are the signed heads by their number.
    """
    number, previous, held = 0, FIRST_HASH, 0
    async for entry, stored in chain:
        for fault in _link_faults(entry, stored, number, previous):
            yield f"audit chain of {site}: {fault}"
        number, previous = entry.number, stored
        signed = kept.get(number)
        if signed is not None and signed.hash != stored:
            rows = f"entry {number} is" if held + 1 == number else f"one of the entries {held + 1} to {number} is"
            yield f"audit chain of {site}: {rows} not what was signed at {signed.moment}: the chain was written anew"
        if signed is not None:
            held = number
    if head is None or (number, previous) != head:
        said = "it has no head" if head is None else f"its head says {head[0]}"
        yield f"audit chain of {site}: it ends at entry {number}, {said}"
    lost = [one for one in kept.values() if one.number > number]
    if lost:
        last = max(lost, key=lambda one: one.number)
        yield (
            f"audit chain of {site}: entries {number + 1} to {last.number} were cut off;"
            f" they were there at {last.moment}"
        )


def _link_faults(entry: Entry, stored: str, number: int, previous: str) -> list[str]:
    """What is wrong with the entry that comes after entry `number` with the hash `previous`."""
    found = []
    if entry.number == number + 2:
        found.append(f"entry {number + 1} is missing")
    elif entry.number != number + 1:
        found.append(f"entries {number + 1} to {entry.number - 1} are missing")
    elif entry.previous_hash != previous:
        found.append(f"entry {entry.number} does not follow entry {number}")
    if entry_hash(entry) != stored:
        found.append(f"entry {entry.number} was changed after it was written")
    return found
