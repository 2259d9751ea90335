"""Compares a page of a bed's history with what the cloud has. Pure: in: both sides; out: what to ask for, what to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from shared.reconciliation import Digest, MessageState, ResendRequest

EVENT_LOST = "event_lost"
NEVER_SEEN = "never_seen"
CLIP_LOST = "clip_lost"
CLIP_DIFFERS = "clip_differs"
COUNT_BEHIND = "count_behind"


@dataclass(frozen=True, slots=True)
class Held:
    """What the cloud has of a page: listed numbers it took, revisions of this bed's events, hashes of clips wholly stored.

    `dead` are listed numbers of dead letters here: a forged message makes one too, so that it never stands for a message that
    the bed calls delivered. `holes` are spans of numbers within the page that neither side knows; `highest` is the bed's highest
    number here.
    """

    sequences: frozenset[int]
    dead: frozenset[int]
    events: Mapping[UUID, int]
    clips: Mapping[UUID, str]
    holes: list[tuple[int, int]]
    highest: int


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the sides tell differently. `final`: neither side can mend it; it is shown."""

    kind: str
    subject: str
    first: int
    last: int
    sentence: str
    final: bool


@dataclass(slots=True)
class Compared:
    """What to ask the bed for, what differs, and which numbers are dead letters at the bed alone."""

    request: ResendRequest
    differences: list[Difference] = field(default_factory=list)
    dead: list[int] = field(default_factory=list)


def compare(digest: Digest, held: Held) -> Compared:
    """What the bed says was delivered must be here; what nobody knows is shown; what is dead at the bed is explained."""
    asked: list[int] = []
    wanted: list[UUID] = []
    found: dict[tuple[str, str], Difference] = {}
    dead = []
    for message in digest.messages:
        if message.state is MessageState.dead and message.sequence not in held.sequences | held.dead:
            dead.append(message.sequence)
        lost = message.sequence not in held.sequences or held.events.get(message.event_id, -1) < message.revision
        if message.state is MessageState.delivered and lost:
            asked.append(message.sequence)
            _note(found, _event_lost(message.event_id, message.sequence))
    place = {message.event_id: message.sequence for message in digest.messages}
    for clip in digest.clips:
        known = held.clips.get(clip.event_id)
        if known == clip.objects_sha256:
            continue
        if known is None and clip.held:
            wanted.append(clip.event_id)
        _note(found, _clip(clip.event_id, place.get(clip.event_id, digest.last), known is None, clip.held))
    for first, last in held.holes:
        _note(found, _never_seen(first, last))
    behind = held.highest > digest.highest
    if behind:
        _note(found, _behind(digest.highest, held.highest))
    request = ResendRequest(
        run=digest.run, page=digest.page, messages=asked, clips=wanted, count_from=held.highest if behind else 0
    )
    return Compared(request, list(found.values()), dead)


def _note(found: dict[tuple[str, str], Difference], difference: Difference) -> None:
    found.setdefault((difference.kind, difference.subject), difference)


def _event_lost(event_id: UUID, sequence: int) -> Difference:
    sentence = (
        f"Event {event_id} was received once (message {sequence}) and is not whole in the database any more;"
        " the bed sends it again."
    )
    return Difference(EVENT_LOST, str(event_id), sequence, sequence, sentence, final=False)


def _clip(event_id: UUID, sequence: int, lost: bool, held: bool) -> Difference:
    subject = str(event_id)
    if not lost:
        sentence = f"The clip of event {event_id} is stored with other objects than the bed names."
        return Difference(CLIP_DIFFERS, subject, sequence, sequence, sentence, final=True)
    end = "the bed sends it again." if held else "the bed does not hold its segments any more."
    sentence = f"The clip of event {event_id} was stored once and is not here any more; {end}"
    return Difference(CLIP_LOST, subject, sequence, sequence, sentence, final=not held)


def _never_seen(first: int, last: int) -> Difference:
    which = f"Message {first} was" if first == last else f"Messages {first} to {last} were"
    sentence = f"{which} never seen here, and the bed does not know of them any more."
    return Difference(NEVER_SEEN, f"{first}-{last}", first, last, sentence, final=True)


def _behind(bed: int, cloud: int) -> Difference:
    sentence = (
        f"The bed counts its messages to {bed}, the cloud has one of number {cloud}: was the bed's database replaced?"
    )
    return Difference(COUNT_BEHIND, "count", 0, 0, sentence, final=False)
