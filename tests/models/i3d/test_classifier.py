"""A release is loaded only when it is what its card says; the shipped one names the class of simulated clips."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from models.i3d.classifier import Classifier
from models.i3d.scenes import TEST_PATIENTS, TRAINING_PATIENTS, draw_clips
from shared.errors import Refused
from shared.preview import ir_to_u8
from shared.release import card_path, load_card, save_card, sha256_of
from shared.ward import Deed, Episode, Night, Syndrome, Ward, patient_of

RELEASES = Path(__file__).parents[3] / "models" / "releases"
NAME = "i3d-narrow-v1"


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.from_release(RELEASES, NAME, threads=1)


def _infrared(night: Night, start_s: float, seconds: float) -> np.ndarray:
    ward = Ward(night, width=256, height=212)
    return np.stack([ir_to_u8(ward.at(start_s + k / 15).ir) for k in range(int(seconds * 15))])


def test_the_shipped_release_is_small_simulated_and_for_research_only() -> None:
    card = load_card(card_path(RELEASES, NAME))
    assert (RELEASES / card.file).stat().st_size <= 5_000_000
    assert card.data.simulated
    assert card.classes == ("FLE", "TLE", "non-epileptic")
    assert any("simulated" in limit for limit in card.limits)
    assert card.metrics["macro_f1"].low is not None


SHOWN = (
    (Syndrome.frontal, Deed.hypermotor, "FLE"),
    (Syndrome.frontal, Deed.tonic, "FLE"),
    (Syndrome.temporal, Deed.automotor, "TLE"),
    (Syndrome.non_epileptic, Deed.psychogenic, "non-epileptic"),
)


def test_clips_of_unseen_patients_get_their_class_more_often_than_not(classifier: Classifier) -> None:
    right = 0
    for syndrome, deed, expected in SHOWN:
        patient_seed = next(seed for seed in range(3_000_000, 3_000_100) if patient_of(seed).syndrome is syndrome)
        night = Night(patient_seed, 9, 120.0, (Episode(deed, 20.0, 18.0),))
        verdict = classifier.classify(_infrared(night, 18.0, 18.0), 15.0)
        assert sum(verdict.probabilities.values()) == pytest.approx(1.0, abs=1e-3)
        assert [window["start_s"] for window in verdict.windows] == [2.0 * k for k in range(9)]
        right += max(verdict.probabilities, key=lambda name: verdict.probabilities[name]) == expected
    assert right >= 3


def test_the_same_clip_gets_the_same_verdict(classifier: Classifier) -> None:
    clip = np.random.default_rng(1).integers(0, 256, (70, 106, 128), np.uint8)
    assert classifier.classify(clip, 30.0) == classifier.classify(clip, 30.0)


def _copy(folder: Path) -> Path:
    for path in RELEASES.glob(f"{NAME}*"):
        shutil.copy(path, folder)
    return folder / f"{NAME}.safetensors"


def test_a_file_with_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    file = _copy(tmp_path)
    raw = bytearray(file.read_bytes())
    raw[-5] ^= 1
    file.write_bytes(raw)
    with pytest.raises(Refused, match="SHA-256"):
        Classifier.from_release(tmp_path, NAME)


@pytest.mark.parametrize("damage", ["missing", "shape", "foreign", "junk"])
def test_tensors_of_another_network_are_refused(tmp_path: Path, damage: str) -> None:
    file = _copy(tmp_path)
    tensors = load_file(file)
    if damage == "missing":
        del tensors["head.classes.bias"]
    elif damage == "shape":
        tensors["i3d.Mixed_3b.b0.conv3d.weight"] = torch.zeros(3, 3, 1, 1, 1)
    elif damage == "foreign":
        tensors = {"weight": torch.zeros(3)}
    save_file(tensors, file)
    if damage == "junk":
        file.write_bytes(b"junk" * 100)
    card = load_card(card_path(tmp_path, NAME))
    save_card(card.model_copy(update={"sha256": sha256_of(file)}), card_path(tmp_path, NAME))
    with pytest.raises(Refused, match=NAME):
        Classifier.from_release(tmp_path, NAME)


def test_no_patient_is_both_in_training_and_in_the_test() -> None:
    learnt = {clip.night.patient_seed for clip in draw_clips(TRAINING_PATIENTS, 60, 1)}
    tested = {clip.night.patient_seed for clip in draw_clips(TEST_PATIENTS, 60, 1)}
    assert not learnt & tested
    assert set(TRAINING_PATIENTS).isdisjoint(TEST_PATIENTS)
