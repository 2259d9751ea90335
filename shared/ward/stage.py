"""Where a night of the second ward is played: where the camera hangs, what hour it is, how light it is. Pure and seeded."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shared.ward.camera import CameraPose, look_at
from shared.ward.deeds import Deed
from shared.ward.moves import TAU, hump, rise
from shared.ward.night import Night

Floats = NDArray[np.float64]
KNOCK_S = 2.5
"""How long a knocked camera swings; after it, it hangs a little askew until the end of the night."""


class Placement(StrEnum):
    """Where the camera hangs."""

    foot = "foot"
    side = "side"
    corner = "corner"
    ceiling = "ceiling"


# Low and high of the camera's place in mm in the bed frame, |x|, y, z: our assumptions for a room of 5.2 m by 4.5 m.
_PLACES: dict[Placement, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    Placement.foot: ((0.0, 600.0), (-1300.0, -250.0), (1400.0, 2000.0)),
    Placement.side: ((1350.0, 2100.0), (700.0, 1300.0), (1300.0, 1900.0)),
    Placement.corner: ((1100.0, 1900.0), (-1200.0, -450.0), (1600.0, 2100.0)),
    Placement.ceiling: ((0.0, 120.0), (850.0, 1050.0), (1850.0, 2250.0)),
}


@dataclass(frozen=True)
class Stage:
    """A placement, the hour of the day at which the night's clock starts (0 to 24), and the seed of what is drawn for both."""

    placement: Placement
    starts_at_h: float
    seed: int

    def __post_init__(self) -> None:
        if not 0.0 <= self.starts_at_h < 24.0:
            raise ValueError(f"starts_at_h must be from 0 to below 24, got {self.starts_at_h}")


@dataclass(frozen=True)
class StagedNight(Night):
    """A night of the second ward: bodies with inertia, any camera placement, light that changes, a sensor with more faults."""

    stage: Stage


@dataclass(frozen=True)
class Light:
    """One instant: level of the room's visible light 0..1, how warm it is 0..1, the sun's infrared 0..1, a torch's spot 0..1."""

    level: float
    warmth: float
    sun: float
    torch: float


@lru_cache(maxsize=256)
def resting_pose(stage: Stage) -> CameraPose:
    """How the camera hangs before anybody knocks it."""
    rng = np.random.default_rng((stage.seed, list(Placement).index(stage.placement), 0x57A6E))
    x, y, z = (float(rng.uniform(*span)) for span in _PLACES[stage.placement])
    side = float(rng.choice((-1.0, 1.0)))
    tilt = float(rng.uniform(-0.05, 0.05))
    position = np.array([side * x, y, z])
    if stage.placement is Placement.ceiling:
        return look_at(position, position + np.array([0.0, 130.0, -2000.0]), tilt)
    return look_at(position, np.array([rng.uniform(-90, 90), rng.uniform(900, 1100), 0.0]), tilt)


def _tipped(pose: CameraPose, pan_rad: float, nod_rad: float) -> CameraPose:
    cp, sp, cn, sn = np.cos(pan_rad), np.sin(pan_rad), np.cos(nod_rad), np.sin(nod_rad)
    pan = np.array([[cp, 0.0, sp], [0.0, 1.0, 0.0], [-sp, 0.0, cp]])
    nod = np.array([[1.0, 0.0, 0.0], [0.0, cn, -sn], [0.0, sn, cn]])
    return CameraPose(nod @ pan @ pose.rotation, pose.position_mm)


def pose_at(night: StagedNight, t_s: float) -> tuple[CameraPose, tuple[int, float]]:
    """The camera's pose at an instant, and a key that is equal for instants of equal pose.

    A knock swings it by 1 to 2.5 degrees at 3 to 5 Hz, dying away in about a second, and leaves it 0.3 to 2 degrees askew (our assumption).
    """
    pose, count, swing = resting_pose(night.stage), 0, 0.0
    pan = nod = 0.0
    for number, episode in enumerate(night.episodes):
        if episode.deed is not Deed.camera_knock or episode.start_s > t_s:
            continue
        rng = np.random.default_rng((night.stage.seed, number, 0x10C))
        since, swung = t_s - episode.start_s, np.radians(rng.uniform(1.0, 2.5))
        hz, left = rng.uniform(3.0, 5.0), np.radians(rng.uniform(-2.0, 2.0, 2))
        moved = 1.0 - np.exp(-min(since, KNOCK_S) / 0.15) if since < KNOCK_S else 1.0
        rocking = swung * np.exp(-since / 0.35) * np.sin(TAU * hz * since) if since < KNOCK_S else 0.0
        pan, nod = pan + moved * left[0] + rocking, nod + moved * left[1] + 0.6 * rocking
        count, swing = count + 1, since if since < KNOCK_S else 0.0
    return (_tipped(pose, float(pan), float(nod)) if count else pose), (count, swing)


def daylight(hour: float) -> float:
    """Share of full daylight through the curtains at an hour of the day: 0 at night, 1 from 9 to 17 (our assumption)."""
    h = np.array([hour % 24.0])
    return float(hump(h, 6.0, 20.0, 3.0, 3.0)[0])


@lru_cache(maxsize=256)
def _sunniness(seed: int) -> float:
    """How much of full daylight a bed gets: its window, its curtains, the weather."""
    return float(np.random.default_rng((seed, 0x5C1)).uniform(0.2, 1.0))


def sun_at(night: StagedNight, t_s: float) -> float:
    """Share of full sunlight on the bed at an instant, 0 to 1."""
    return daylight(night.stage.starts_at_h + t_s / 3600.0) * _sunniness(night.stage.seed)


def light_at(night: StagedNight, t_s: float) -> Light:
    """The light of an instant: daylight by the hour, the room's lamp until 22 h and from 6:30 h or when switched on, a torch in a hand."""
    hour = (night.stage.starts_at_h + t_s / 3600.0) % 24.0
    sun = sun_at(night, t_s)
    lamp = 0.7 if 6.5 <= hour < 9.0 or 16.5 <= hour < 22.0 else 0.0
    torch, now = 0.0, np.array([t_s])
    for episode in night.episodes:
        if episode.start_s <= t_s < episode.end_s:
            if episode.deed in {Deed.lights_on, Deed.staff_care, Deed.bed_making, Deed.chest_physiotherapy}:
                lamp = max(
                    lamp, float(rise(now, episode.start_s, 0.2)[0] * (1.0 - rise(now, episode.end_s - 0.2, 0.2)[0]))
                )
            elif episode.deed is Deed.torch_check:
                torch = float(hump(now, episode.start_s, episode.end_s, 2.0, 2.0)[0])
    level = min(1.0, 0.05 + 0.75 * sun + 0.6 * lamp)
    return Light(level, 0.6 * lamp / max(level, 0.6), sun, torch)
