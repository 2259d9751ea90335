"""From a release to its figures, and from figures to the card of a release. A missed goal is no release."""

from __future__ import annotations

from pathlib import Path

from models.detector.course import write_control
from models.detector.export import open_release
from models.detector.trial import Tell, figures_of, metrics_of, play_all, trial_nights
from shared.errors import Refused
from shared.release import ReleaseCard, card_path, load_card
from shared.results import Figure


def try_release(folder: Path, name: str, control: Path, tell: Tell) -> dict[str, Figure]:
    """The trial of a release; `control` is a folder for the network with random weights."""
    card, _ = open_release(folder, name)
    if card.trigger is None:
        raise Refused(f"Release {name} has no trigger parameters in its card.")
    write_control(control, card.trigger)
    nights = trial_nights()
    every = [*nights.seizures, *nights.ordinary, *nights.stress]
    played = play_all(every, folder, name, control, tell)
    first, second = len(nights.seizures), len(nights.seizures) + len(nights.ordinary)
    return figures_of(played[:first], played[first:second], played[second:])


def release_of(folder: Path, name: str, figures: dict[str, Figure]) -> ReleaseCard:
    """The candidate's card with the trial's figures. Refused when a goal was missed, naming it."""
    missed = [name_of_goal for name_of_goal, figure in figures.items() if figure.holds is False]
    if missed:
        raise Refused(f"{name} is not released: it missed {', '.join(missed)}.", missed=missed)
    card = load_card(card_path(folder, name))
    return card.model_copy(update={"metrics": {**card.metrics, **metrics_of(figures)}})
