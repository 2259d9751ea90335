"""An annotation: what one reader marked in an event. Edges, classes, and movements of interest (MOI) on tracks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from shared.contract import Contract, Nanoseconds, Text
from shared.errors import Refused
from shared.vocabulary import moi_terms, terms

Key = Text
MOST_MOIS = 200
COMMENT_LIMIT = 2_000


class Edge(Contract):
    """Where the event begins or ends, in ns after the clip's start, and by what that was seen."""

    at_ns: Nanoseconds
    kind: Key = Field(max_length=40)


class Moi(Contract):
    """One movement of interest. `id` is the reader's own, so that versions can be merged; times in ns after the clip's start."""

    id: Text = Field(pattern="^[a-z0-9-]{1,36}$")
    term: Key = Field(max_length=40)
    start_ns: Nanoseconds
    end_ns: Nanoseconds
    laterality: Key | None = Field(default=None, max_length=40)
    body_part: Key | None = Field(default=None, max_length=40)
    confidence: Literal["low", "medium", "high"] = "high"


class Annotation(Contract):
    """All that one reader marked. What is null was not said. `comment_checked`: the reader kept a comment despite a warning."""

    onset: Edge | None = None
    offset: Edge | None = None
    ilae_2025: Key | None = Field(default=None, max_length=40)
    ilae_2017: Key | None = Field(default=None, max_length=40)
    epilepsy_class: Key | None = Field(default=None, max_length=40)
    consciousness: Key | None = Field(default=None, max_length=40)
    sleep_state: Key | None = Field(default=None, max_length=40)
    mois: list[Moi] = Field(default_factory=list, max_length=MOST_MOIS)
    comment: Text = Field(default="", max_length=COMMENT_LIMIT)
    comment_checked: bool = False


def must_hold(annotation: Annotation, clip_ns: int) -> None:
    """Raises Refused with one sentence when a term is unknown, a time lies outside the clip, or an interval is empty or doubled."""
    fault = next(_faults(annotation, clip_ns), None)
    if fault:
        raise Refused(fault)


def _faults(said: Annotation, clip_ns: int) -> Iterator[str]:
    for field, group in (
        ("ilae_2025", "ilae_2025"), ("ilae_2017", "ilae_2017"), ("epilepsy_class", "epilepsy_classes"),
        ("consciousness", "consciousness"), ("sleep_state", "sleep_states"),
    ):  # fmt: skip
        yield from _unknown(field, getattr(said, field), group)
    for field, edge in (("onset", said.onset), ("offset", said.offset)):
        if edge is not None:
            yield from _unknown(f"{field}.kind", edge.kind, f"{field}_types")
            if edge.at_ns > clip_ns:
                yield f"{field}.at_ns: it lies after the end of the clip."
    if said.onset and said.offset and said.offset.at_ns <= said.onset.at_ns:
        yield "offset.at_ns: the offset must come after the onset."
    if len({moi.id for moi in said.mois}) < len(said.mois):
        yield "mois: two of them have the same id."
    for number, moi in enumerate(said.mois):
        yield from _moi_faults(f"mois.{number}", moi, clip_ns)


def _moi_faults(field: str, moi: Moi, clip_ns: int) -> Iterator[str]:
    if moi.term not in moi_terms():
        yield f"{field}.term: the vocabulary has no such term."
    yield from _unknown(f"{field}.laterality", moi.laterality, "lateralities")
    yield from _unknown(f"{field}.body_part", moi.body_part, "body_parts")
    if not moi.start_ns < moi.end_ns <= clip_ns:
        yield f"{field}.end_ns: it must come after the start, within the clip."


def _unknown(field: str, key: str | None, group: str) -> Iterator[str]:
    if key is not None and key not in terms(group):
        yield f"{field}: the vocabulary has no such term."
