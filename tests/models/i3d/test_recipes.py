"""Recipes make the channels that they name; the patient's square holds the patient of unseen rooms; two networks fuse late."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch

from models.i3d.artefact import input_spec, load_networks, save_networks
from models.i3d.calibration import calibrate, probabilities
from models.i3d.classifier import Classifier
from models.i3d.clip_input import windows_of
from models.i3d.crop import Square, patient_square
from models.i3d.fusion import LateFusion, frozen
from models.i3d.head import ClipHead, PublishedHead
from models.i3d.network import I3D
from models.i3d.recipes import RECIPES, depth_to_grey, recipe_of, recipe_windows
from shared.errors import Refused
from shared.release import ReleaseCard, TrainingData, card_path, save_card, sha256_of
from shared.ward import Deed, Episode, Night, Ward
from shared.ward.camera import KINECT_V2

SMALL = 40


def _frames(count: int = 60) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(2)
    return [
        {
            "ir": rng.integers(0, 256, (64, 80), np.uint8),
            "depth": rng.integers(0, 5_000, (64, 80), np.uint16),
            "colour": rng.integers(0, 256, (64, 80, 3), np.uint8),
        }
        for _ in range(count)
    ]


def test_the_recipe_of_infrared_is_what_the_cloud_reads() -> None:
    frames = _frames()
    ours = next(recipe_windows(frames, 30.0, recipe_of("ir"), SMALL))
    assert np.array_equal(ours, next(windows_of([frame["ir"] for frame in frames], 30.0, SMALL)))


def test_channels_are_what_the_recipe_says() -> None:
    frames = _frames()
    made = {name: next(recipe_windows(frames, 30.0, recipe, SMALL)) for name, recipe in RECIPES.items()}
    assert all(window.shape == (6 if "+" in name else 3, 60, SMALL, SMALL) for name, window in made.items())
    assert np.array_equal(made["ir+depth"], np.concatenate([made["ir"], made["depth"]]))
    assert np.array_equal(made["ir-depth"][:2], np.stack([made["ir"][0], made["depth"][0]]))
    assert np.abs(made["ir-depth"][2, 0]).max() < 1e-6
    assert not np.array_equal(made["colour"][0], made["colour"][1])
    assert depth_to_grey(np.array([[0, 500, 4500, 9000]], np.uint16)).tolist() == [[0, 255, 1, 1]]


def test_unknown_recipes_and_streams_that_lack_are_refused() -> None:
    with pytest.raises(Refused, match="there are ir, depth, colour"):
        recipe_of("flow")
    with pytest.raises(Refused, match="needs the stream depth"):
        next(recipe_windows([{"ir": frame["ir"]} for frame in _frames(1)], 30.0, recipe_of("ir-depth")))


@pytest.mark.parametrize(("seed", "deed"), [(31, Deed.tonic), (32, Deed.hypermotor), (33, Deed.sitting_up)])
def test_the_patients_square_holds_every_joint_that_the_camera_sees(seed: int, deed: Deed) -> None:
    ward = Ward(Night(4_000_000 + seed, 3, 120.0, (Episode(deed, 20.0, 18.0),)), width=256, height=212)
    camera = KINECT_V2.scaled(256, 212)
    scenes = [ward.at(20.0 + 4.4 * k) for k in range(4)]
    square = patient_square([scene.depth_mm for scene in scenes])
    for joints in (scene.joints_mm for scene in scenes):
        u, v = (
            camera.fx * joints[:, 0] / joints[:, 2] + camera.cx,
            camera.fy * joints[:, 1] / joints[:, 2] + camera.cy,
        )
        seen = (u >= 0) & (u < 256) & (v >= 0) & (v < 212)
        inside = (u >= square.left) & (u < square.left + square.side) & (v >= square.top)
        assert (inside & (v < square.top + square.side))[seen].mean() >= 0.97


def test_without_a_patient_in_depth_the_square_is_the_central_one_and_says_why() -> None:
    empty = patient_square([np.zeros((212, 256), np.uint16)])
    assert empty == Square(0, 22, 212, "too few pixels have a depth")
    rows = np.linspace(1 / 4000, 1 / 2000, 212)[:, None] * np.ones(256)
    floor = patient_square([(1 / rows).astype(np.uint16)])
    assert floor.fallback == "nothing stands before floor and walls"


def test_a_bed_in_a_large_room_is_cut_out() -> None:
    depth = (1 / (np.linspace(1 / 4500, 1 / 2500, 212)[:, None] * np.ones(256))).astype(np.uint16)
    depth[80:160, 100:170] = (depth[80:160, 100:170] * 0.75).astype(np.uint16)
    square = patient_square([depth])
    assert square.fallback is None
    assert square.side < 110
    assert (square.top <= 80) & (square.top + square.side >= 160) & (square.left <= 100)
    with pytest.raises(Refused, match="uint16 depth images"):
        patient_square([])


def test_two_networks_fuse_late_and_can_be_frozen() -> None:
    torch.manual_seed(1)
    one, other = (I3D(classes=3, width=1 / 16).eval() for _ in range(2))
    both = LateFusion(one, other).eval()
    x = torch.rand(1, 6, 10, 40, 40)
    with torch.inference_mode():
        assert torch.allclose(both(x), (one(x[:, :3]) + other(x[:, 3:])) / 2, atol=1e-6)
        assert both.extract_features(x).shape[1] == both.features == one.features + other.features
    assert not any(parameter.requires_grad for parameter in frozen(both).parameters())


def test_the_published_head_has_its_units_and_ignores_what_fills_the_batch() -> None:
    torch.manual_seed(2)
    head = PublishedHead(10, 3).eval()
    assert (head.first.hidden_size, head.second.hidden_size) == (128, 64)
    short = torch.rand(1, 4, 10)
    filled = torch.cat([short, torch.rand(1, 3, 10)], dim=1)
    present = torch.tensor([[True] * 4 + [False] * 3])
    assert torch.allclose(head(filled, present), head(short, present[:, :4]), atol=1e-6)


def _release(folder: Path, network: I3D | LateFusion, head: ClipHead | PublishedHead, recipe: str) -> ReleaseCard:
    file = folder / "try.safetensors"
    save_networks(file, network, head)
    scores = np.array([[4.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [4.0, 0.0, 0.0]])
    truth, patients = np.array([0, 1, 1, 2]), np.array([1, 2, 3, 4])
    card = ReleaseCard(
        name="try", kind="classifier", version="1", file=file.name, sha256=sha256_of(file),
        input=input_spec(3, recipe, SMALL), classes=("FLE", "TLE", "non-epileptic"),
        data=TrainingData(source="nothing", patients=0, hours=0, simulated=True, split="by patient"),
        limits=("Untrained.",), intended_use="Research only.", created=datetime.now(UTC),
        calibration=calibrate(scores, truth, patients, datetime.now(UTC)),
    )  # fmt: skip
    save_card(card, card_path(folder, "try"))
    return card


def test_a_two_stream_release_with_the_published_head_classifies_and_abstains(tmp_path: Path) -> None:
    torch.manual_seed(3)
    networks = LateFusion(I3D(classes=3, width=1 / 16), I3D(classes=3, width=3 / 64))
    _release(tmp_path, networks, PublishedHead(networks.features, 3), "ir+depth")
    assert isinstance(load_networks(tmp_path, "try")[2], PublishedHead)
    classifier = Classifier.from_release(tmp_path, "try", threads=1)
    verdict = classifier.classify_streams(_frames(), 30.0, Square(0, 8, 64))
    assert verdict.abstains  # an untrained network is sure of nothing
    assert len(verdict.windows) == 1
    with pytest.raises(Refused, match="reads ir and depth; infrared alone was given"):
        classifier.classify([frame["ir"] for frame in _frames(1)], 30.0)


def test_a_card_that_names_other_streams_or_weights_without_numbers_are_refused(tmp_path: Path) -> None:
    network = I3D(classes=3, width=1 / 16)
    card = _release(tmp_path, network, ClipHead(network.features, 3), "depth")
    lies = card.model_copy(update={"input": card.input.model_copy(update={"recipe": "ir"})})
    save_card(lies, card_path(tmp_path, "try"))
    with pytest.raises(Refused, match="other streams than its input recipe"):
        load_networks(tmp_path, "try")
    with torch.no_grad():
        network.logits.conv3d.weight.fill_(float("nan"))
    _release(tmp_path, network, ClipHead(network.features, 3), "depth")
    with pytest.raises(Refused, match="values that are no numbers"):
        load_networks(tmp_path, "try")


def test_the_temperature_makes_an_overconfident_network_modest_and_silence_begins_where_it_errs() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 3, 600)
    honest = rng.normal(0, 1, (600, 3)) + 2.0 * np.eye(3)[truth]
    found = calibrate(honest * 5.0, truth, np.arange(600) // 20, datetime.now(UTC), wanted_accuracy=0.9)
    assert found.temperature is not None
    assert 2.0 < found.temperature < 5.0
    shares = probabilities(honest * 5.0, found.temperature)
    assert (
        found.error < 0.06 < np.abs(probabilities(honest * 5.0).max(axis=1).mean() - (honest.argmax(1) == truth).mean())
    )
    spoken = shares.max(axis=1) >= found.abstain_below
    assert 0.0 < found.abstain_below < 1.0
    assert (shares.argmax(axis=1) == truth)[spoken].mean() >= 0.9
    with pytest.raises(Refused, match="at least two validation patients"):
        calibrate(honest, truth, np.zeros(600, np.int64), datetime.now(UTC))
