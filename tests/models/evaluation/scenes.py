"""Recordings and events by hand."""

from __future__ import annotations

from models.evaluation.recording import Event, Piece, Recording, Sort, Stretch
from models.metrics.matching import Truth


def recording(
    length_s: float = 3600.0, *, patient: str = "p1", sort: Sort = "recorded", truths: tuple[Truth, ...] = (),
    others: tuple[Stretch, ...] = (), deficient: tuple[Stretch, ...] = (),
) -> Recording:  # fmt: skip
    """A recording in pieces of ten seconds and 100 bytes."""
    pieces = tuple(Piece(float(at), at + 10.0, 100.0) for at in range(0, int(length_s), 10))
    return Recording(f"{patient}-night", patient, sort, length_s, truths, others, deficient, pieces)


def event(start_s: float, end_s: float, kind: str = "tonic", decided_s: float | None = None) -> Event:
    """An event with thirty seconds before and twenty after it in its clip."""
    decided_s = start_s + 3.0 if decided_s is None else decided_s
    return Event(start_s, end_s, decided_s, max(0.0, start_s - 30.0), end_s + 20.0, kind, 0.9)
