"""The detector on trial: a release, streamed as at the bed, over simulated patients that no training or tuning ever saw.

In: a release. Out: figures. Seizure nights give sensitivity and latency, ordinary nights the false events; stress nights are
told apart. A network of the same shape with random weights runs beside it: it must find nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from models.detector.export import open_release
from models.detector.nights import SPLITS, check_splits, ordinary_night, paroxysms_of, seizure_night, stress_night
from models.metrics import Detection, EventScore, match, median, score_events, wilson
from shared.clock import NS_PER_S
from shared.detector_stream import DetectorStream
from shared.errors import Refused
from shared.preview import PREVIEW_FPS, PREVIEW_PERIOD_NS, Preview
from shared.release import Metric
from shared.results import Figure
from shared.score import PAROXYSM_TYPES
from shared.trigger import Closed, Opened, Trigger
from shared.ward import Deed, Night, ward_previews

Tell = Callable[[str], None]
KINDS: tuple[Deed, ...] = (
    Deed.focal_to_bilateral_tonic_clonic,
    Deed.hypermotor,
    Deed.automotor,
    Deed.tonic,
    Deed.psychogenic,
)
RAYS = 2
"""Rays of the ward to a preview pixel, a side; 4 is what the bed does to a full-size frame, at three times the cost."""
LEAST_FOUND, SEIZURES, MOST_FALSE, ORDINARY_H = 18, 20, 2, 2.0
ORDINARY_NIGHTS, STRESS_NIGHTS = 8, 4


@dataclass(frozen=True)
class Event:
    """One event: when it was active and when the trigger opened it, seconds; its likeliest kind of movement; its peak."""

    start_s: float
    end_s: float
    decided_s: float
    kind: str
    peak: float


@dataclass(frozen=True)
class Played:
    """One night, the release's events in it and how many a network of random weights made of it."""

    night: Night
    events: tuple[Event, ...]
    control_events: int


class Watch:
    """A release over one night: stream and trigger as at the bed."""

    def __init__(self, folder: Path, name: str) -> None:
        card, run = open_release(folder, name)
        if card.trigger is None:
            raise Refused(f"Release {name} has no trigger parameters in its card.")
        self._stream = DetectorStream(card, run)
        self._trigger = Trigger(card.trigger)
        self._opened: dict[int, float] = {}
        self._events: list[Event] = []

    def see(self, preview: Preview) -> None:
        """One preview of the night."""
        for score in self._stream.push(preview):
            for action in self._trigger.feed(score):
                self._note(action)

    def events(self) -> tuple[Event, ...]:
        """All events of the night, which ends here."""
        for action in self._trigger.flush():
            self._note(action)
        return tuple(self._events)

    def _note(self, action: object) -> None:
        if isinstance(action, Opened):
            self._opened[action.number] = action.decided_ns / NS_PER_S
        if isinstance(action, Closed):
            kind = max(action.votes, key=lambda name: action.votes[name], default="unknown")
            span = action.active
            start_s, end_s = span.start_ns / NS_PER_S, span.end_ns / NS_PER_S
            self._events.append(Event(start_s, end_s, self._opened[action.number], kind, action.peak))


def play(night: Night, folder: Path, name: str, control: Path | None, rays: int = RAYS) -> Played:
    """Streams the night's previews through the release in `folder`, and through the release `control` where one is given."""
    watch = Watch(folder, name)
    beside = Watch(control, CONTROL_NAME) if control else None
    for index, (ir, depth) in enumerate(ward_previews(night, fps=PREVIEW_FPS, samples=rays)):
        preview = Preview(index, index * PREVIEW_PERIOD_NS, index * PREVIEW_PERIOD_NS, ir, depth)
        watch.see(preview)
        if beside:
            beside.see(preview)
    return Played(night, watch.events(), len(beside.events()) if beside else 0)


CONTROL_NAME = "detector-random"


@dataclass(frozen=True)
class Nights:
    """The nights of a trial, all of test patients, no patient in two of the three sorts."""

    seizures: tuple[Night, ...]
    ordinary: tuple[Night, ...]
    stress: tuple[Night, ...]


def trial_nights() -> Nights:
    """20 nights with one paroxysm each (four of each kind), 2 h of ordinary sleep, 1 h of stress; 32 patients in all."""
    check_splits(SPLITS)
    patients = list(SPLITS["test"])
    return Nights(
        tuple(seizure_night(patient, 1, (KINDS[i % len(KINDS)],)) for i, patient in enumerate(patients[:SEIZURES])),
        tuple(ordinary_night(patient, 1) for patient in patients[SEIZURES:][:ORDINARY_NIGHTS]),
        tuple(stress_night(patient, 1) for patient in patients[SEIZURES + ORDINARY_NIGHTS :][:STRESS_NIGHTS]),
    )


def play_all(nights: Sequence[Night], folder: Path, name: str, control: Path | None, tell: Tell) -> list[Played]:
    """Plays the nights on two processes, in their order."""
    played: list[Played] = []
    with ProcessPoolExecutor(2) as pool:
        for one in pool.map(partial(play, folder=folder, name=name, control=control), nights):
            played.append(one)
            tell(f"night {len(played)}/{len(nights)}: patient {one.night.patient_seed}, {line_of(one)}")
    return played


def line_of(played: Played) -> str:
    """What happened and what was found, in one line."""
    true = ", ".join(f"{kind} at {start_s:.0f} s" for kind, start_s, _ in paroxysms_of(played.night)) or "no paroxysm"
    found = ", ".join(f"{event.kind} at {event.decided_s:.0f} s" for event in played.events) or "no event"
    return f"{true}: {found}"


def detections_of(played: Sequence[Played]) -> tuple[list[Detection], int]:
    """Every true paroxysm with its latency, and the number of false events in these nights."""
    detections: list[Detection] = []
    false = 0
    for one in played:
        found = [(event.start_s, event.end_s, event.decided_s) for event in one.events]
        matched, stray = match(paroxysms_of(one.night), found)
        detections += matched
        false += len(stray)
    return detections, false


def szcore_of(played: Sequence[Played]) -> EventScore:
    """SzCORE counts over all these nights."""
    total = EventScore(0, 0, 0, 0.0)
    for one in played:
        true = [(start_s, end_s) for _, start_s, end_s in paroxysms_of(one.night)]
        found = [(event.start_s, event.end_s) for event in one.events]
        total += score_events(true, found, one.night.duration_s)
    return total


def hours_of(played: Sequence[Played]) -> float:
    """Simulated hours in these nights."""
    return sum(one.night.duration_s for one in played) / 3600


def figures_of(seizures: Sequence[Played], ordinary: Sequence[Played], stress: Sequence[Played]) -> dict[str, Figure]:
    """The trial's figures with their goals."""
    detections, stray = detections_of(seizures)
    found = [d for d in detections if d.latency_s is not None]
    false = sum(len(one.events) for one in ordinary)
    stress_false = sum(len(one.events) for one in stress)
    control = sum(one.control_events for one in [*seizures, *ordinary, *stress])
    szcore = szcore_of([*seizures, *ordinary])
    low, high = wilson(len(found), len(detections))
    patients = {one.night.patient_seed for one in [*seizures, *ordinary, *stress]}
    figures = {
        "test_patients": Figure(len(patients), "simulated"),
        "test_hours": Figure(round(hours_of([*seizures, *ordinary, *stress]), 2), "simulated h"),
        "test_seizures": Figure(len(detections), "simulated"),
        "found_seizures": Figure(len(found), "", f">= {LEAST_FOUND} of {SEIZURES}", len(found) >= LEAST_FOUND),
        "sensitivity_all": Figure(round(len(found) / max(1, len(detections)), 3), "share"),
        "sensitivity_all_low": Figure(round(low, 3), "95 % Wilson"),
        "sensitivity_all_high": Figure(round(high, 3), "95 % Wilson"),
        "ordinary_hours": Figure(round(hours_of(ordinary), 2), "simulated h"),
        "false_events_ordinary": Figure(false, "", f"<= {MOST_FALSE} in {ORDINARY_H:.0f} h", false <= MOST_FALSE),
        "false_events_per_h": Figure(round(false / hours_of(ordinary), 2), "1/h"),
        "false_events_in_seizure_nights": Figure(stray, f"in {hours_of(seizures):.1f} h"),
        "stress_false_events_per_h": Figure(round(stress_false / hours_of(stress), 2), "1/h"),
        "latency_median_s": Figure(round(median([d.latency_s for d in found if d.latency_s is not None]), 1), "s"),
        "szcore_f1": Figure(round(szcore.f1, 3), ""),
        "szcore_false_per_24h": Figure(round(24 * szcore.false_per_h, 1), "1/24 h"),
        "random_weights_events": Figure(control, "", "0", control == 0),
    }
    return figures | _by_kind(detections)


def _by_kind(detections: Sequence[Detection]) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    for kind in dict.fromkeys(d.kind for d in detections):
        of_kind = [d for d in detections if d.kind == kind]
        hits = sum(d.latency_s is not None for d in of_kind)
        figures[f"sensitivity_{kind}"] = Figure(round(hits / len(of_kind), 3), "share")
    return figures


def _cases(name: str) -> int:
    """How many seizures or nights a figure of the trial rests on."""
    if name.removeprefix("sensitivity_") in PAROXYSM_TYPES:
        return SEIZURES // len(KINDS)
    if name in {"false_events_ordinary", "false_events_per_h", "ordinary_hours"}:
        return ORDINARY_NIGHTS
    if name.startswith("stress_"):
        return STRESS_NIGHTS
    return SEIZURES


def metrics_of(figures: dict[str, Figure]) -> dict[str, Metric]:
    """The figures that are numbers as a card carries them; the interval stands beside its share."""
    metrics = {
        name: Metric(value=float(figure.value), unit=figure.unit, n=_cases(name))
        for name, figure in figures.items()
        if isinstance(figure.value, int | float) and not name.endswith(("_low", "_high"))
    }
    low, high = figures["sensitivity_all_low"].value, figures["sensitivity_all_high"].value
    interval = {"low": float(low), "high": float(high)}
    metrics["sensitivity_all"] = metrics["sensitivity_all"].model_copy(update=interval)
    return metrics
