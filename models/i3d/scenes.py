"""What the classifier learns from and is tested on: clips of the simulated ward, split by patient.

In: seeds. Out: infrared windows with a class. A patient seed belongs to training or to the test, never to both.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.i3d.clip_input import WINDOW_FPS, WINDOW_FRAMES, WINDOW_S, Means, square_means
from shared.preview import ir_to_u8
from shared.ward import KINECT_V2, CameraModel, Deed, Episode, Night, Syndrome, patient_of
from shared.ward.camera import camera_pose_of
from shared.ward.choreography import Choreography
from shared.ward.night import SPANS_S
from shared.ward.painter import Painter
from shared.ward.ward import frame_key

CLASSES = ("FLE", "TLE", "non-epileptic")
FLE, TLE, NON_EPILEPTIC = range(3)
TRAINING_PATIENTS = range(1_000_000, 1_000_400)
TEST_PATIENTS = range(2_000_000, 2_000_400)
RAYS = 192  # rays a side of the rendered square
BEFORE_S, AFTER_S, LONGEST_DEED_S = 10.0, 6.0, 44.0

# How often each deed is shown for each class; tonic-clonic seizures count for the lobe in which the patient's seizures begin.
SHARES: tuple[dict[Deed, float], ...] = (
    {Deed.hypermotor: 0.42, Deed.tonic: 0.38, Deed.focal_to_bilateral_tonic_clonic: 0.20},
    {Deed.automotor: 0.80, Deed.focal_to_bilateral_tonic_clonic: 0.20},
    {Deed.psychogenic: 0.46, Deed.sawing: 0.08, Deed.tooth_brushing: 0.06, Deed.scratching: 0.06, Deed.coughing: 0.05,
     Deed.eating: 0.05, Deed.phone: 0.04, Deed.sitting_up: 0.04, Deed.turning: 0.04, Deed.staff_care: 0.04,
     Deed.bed_making: 0.02, Deed.leg_twitches: 0.02, Deed.shivering: 0.02, Deed.walk_through: 0.02},
)  # fmt: skip


@dataclass(frozen=True)
class Clip:
    """One clip to be rendered: its night (one episode), its span in it, its class."""

    night: Night
    start_s: float
    end_s: float
    label: int

    @property
    def deed(self) -> Deed:
        """What is shown."""
        return self.night.episodes[0].deed


def patients_by_class(seeds: range) -> tuple[list[int], ...]:
    """Patient seeds by the class that their paroxysms have."""
    syndromes = (Syndrome.frontal, Syndrome.temporal, Syndrome.non_epileptic)
    groups: tuple[list[int], ...] = ([], [], [])
    for seed in seeds:
        groups[syndromes.index(patient_of(seed).syndrome)].append(seed)
    return groups


def draw_clip(patient_seed: int, label: int, rng: np.random.Generator) -> Clip:
    """A clip of one class: some seconds of sleep, the deed (its first 44 s at most), some seconds after."""
    shares = SHARES[label]
    weights = np.array(list(shares.values()))
    deed = list(shares)[int(rng.choice(len(weights), p=weights / weights.sum()))]
    low, high = SPANS_S[deed]
    span = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    night = Night(patient_seed, int(rng.integers(2**31)), span + 80.0, (Episode(deed, 20.0, span),))
    end = 20.0 + min(span + AFTER_S, LONGEST_DEED_S)
    return Clip(night, 20.0 - BEFORE_S, end, label)


def draw_clips(seeds: range, count: int, seed: int) -> list[Clip]:
    """`count` clips, classes in turn, each of a patient drawn without repetition until all of the group were used."""
    rng = np.random.default_rng((seed, 0xC119))
    groups = [list(rng.permutation(group)) for group in patients_by_class(seeds)]
    clips = []
    for index in range(count):
        label, turn = index % len(CLASSES), index // len(CLASSES)
        clips.append(draw_clip(int(groups[label][turn % len(groups[label])]), label, rng))
    return clips


class Film:
    """Renders the infrared square of one night, as the proxy shows it, reduced to the network's size."""

    def __init__(self, night: Night) -> None:
        self.night = night
        patient, pose = patient_of(night.patient_seed), camera_pose_of(night.patient_seed)
        side = KINECT_V2.height
        square = CameraModel(
            side, side, KINECT_V2.fx, KINECT_V2.fy, KINECT_V2.cx - (KINECT_V2.width - side) / 2, KINECT_V2.cy
        )
        self._painter = Painter(patient, night.night_seed, square.scaled(RAYS, RAYS), pose)
        self._choreography = Choreography(night, patient)
        self._depth, self._ir = np.empty((2, RAYS, RAYS), np.uint16)

    def window(self, start_s: float) -> Means:
        """Area means (60, S, S), 0..255, of the 2 seconds from start_s."""
        times = start_s + np.arange(WINDOW_FRAMES) / WINDOW_FPS
        movement = self._choreography.at(times)
        frames = []
        for index, t_s in enumerate(times):
            self._painter.ideal(movement, index)
            self._painter.expose(frame_key(self.night, float(t_s)), RAYS / KINECT_V2.height, self._depth, self._ir)
            frames.append(square_means(ir_to_u8(self._ir)))
        return np.stack(frames)


def clip_means(clip: Clip) -> Iterator[Means]:
    """The windows of a clip in order, each (60, S, S) area means."""
    film = Film(clip.night)
    for index in range(int((clip.end_s - clip.start_s) / WINDOW_S)):
        yield film.window(clip.start_s + index * WINDOW_S)


def training_batch(seed: int, step: int, size: int, groups: tuple[list[int], ...]) -> tuple[Means, NDArray[np.int64]]:
    """Windows (size, 60, S, S) and classes (size,) of one training step, a pure function of (seed, step): classes in turn, changed at random.

    Windows lie inside the deed; one in twelve of the non-epileptic ones shows sleep.
    """
    rng = np.random.default_rng((seed, step, 0xBA7C))
    means, labels = [], []
    for index in range(size):
        label = (index + step) % len(CLASSES)
        pool = (
            [patient for group in groups for patient in group]
            if label == NON_EPILEPTIC and rng.random() < 0.5
            else groups[label]
        )
        clip = draw_clip(int(rng.choice(pool)), label, rng)
        episode = clip.night.episodes[0]
        start = float(rng.uniform(episode.start_s, max(episode.end_s - WINDOW_S, episode.start_s + 0.1)))
        if label == NON_EPILEPTIC and rng.random() < 1 / 12:
            start = float(rng.uniform(0.0, 16.0))
        means.append(_vary(Film(clip.night).window(start), rng))
        labels.append(label)
    return np.stack(means), np.array(labels, np.int64)


def _vary(means: Means, rng: np.random.Generator) -> Means:
    """Mirror, shift, brighten, coarsen: what differs between beds and video encoders but not between seizures."""
    if rng.random() < 0.5:
        means = means[:, :, ::-1]
    means = np.roll(means, tuple(rng.integers(-5, 6, 2)), axis=(1, 2))
    means = (means - 90.0) * np.float32(rng.uniform(0.8, 1.25)) + np.float32(90.0 + rng.uniform(-18, 18))
    if rng.random() < 0.4:
        for axis in (1, 2):
            means = np.asarray((np.roll(means, 1, axis) + 2 * means + np.roll(means, -1, axis)) / 4, np.float32)
    return np.clip(means, 0.0, 255.0).astype(np.float32)
