"""Reads the cards of releases: which score opens an event, what a network learnt from. Cards never change, so they are kept."""

from __future__ import annotations

from pathlib import Path

from shared.errors import Refused
from shared.release import Calibration, ReleaseCard, card_path, load_card


class Releases:
    """The folder of releases that this installation knows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._cards: dict[str, ReleaseCard] = {}

    def card(self, name: str) -> ReleaseCard | None:
        """The card of a release, None when there is none here or it cannot be read."""
        if name not in self._cards:
            try:
                found = load_card(card_path(self.folder, name))
            except Refused:
                return None
            if found.name != name:
                return None
            self._cards[name] = found
        return self._cards[name]

    def threshold_of(self, name: str) -> float | None:
        """The score at which this detector's trigger opens an event, None when its card is not here."""
        card = self.card(name)
        return card.trigger.open_at if card and card.trigger else None

    def calibration_of(self, name: str) -> Calibration | None:
        """How this network's shares held against the truth, None when its card is not here or says nothing of it."""
        card = self.card(name)
        return card.calibration if card else None
