"""A detector runs only when file, card and signature agree; every other file is refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.detection.onnx_session import open_release
from shared.detector_input import CHANNELS, MAP_HEIGHT, MAP_WIDTH
from shared.errors import Refused, Transient
from tests.edge_agent.detection.networks import STATE, brightness_network, put_release

FEATURES = np.ones((1, len(CHANNELS), MAP_HEIGHT, MAP_WIDTH), np.float32)


def test_a_whole_release_runs(tmp_path: Path) -> None:
    put_release(tmp_path)
    card, step = open_release(tmp_path, "brightness")
    out = step({"features": FEATURES, "state": np.full((1, STATE), 3, np.float32)})
    assert card.classes == ("quiet", "tonic_clonic")
    assert out["score"].tolist() == [0.75]
    assert out["motor_types"].tolist() == [[0, 1]]
    assert out["next_state"].tolist() == [[3] * STATE]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"this is not a network", "onnxruntime does not take the file"),
        (brightness_network(external=True), "keeps weights in another file"),
        (brightness_network(state_size=5), r"input state must be float32 \(1, 4\)"),
        (b"", "onnxruntime does not take the file"),
    ],
    ids=["garbage", "external data", "another state", "empty"],
)
def test_a_file_that_does_not_fit_is_refused_with_the_reason(tmp_path: Path, content: bytes, words: str) -> None:
    put_release(tmp_path, content=content)
    with pytest.raises(Refused, match=words):
        open_release(tmp_path, "brightness")


def test_a_file_that_was_exchanged_is_not_loaded(tmp_path: Path) -> None:
    put_release(tmp_path)
    (tmp_path / "brightness.onnx").write_bytes(brightness_network() + b"\0")
    with pytest.raises(Refused, match="its card says"):
        open_release(tmp_path, "brightness")


def test_other_classes_than_the_card_names_are_refused(tmp_path: Path) -> None:
    put_release(tmp_path, classes=("quiet", "tonic", "clonic"))
    with pytest.raises(Refused, match=r"output motor_types must be float32 \(1, 3\)"):
        open_release(tmp_path, "brightness")


def test_a_step_that_the_runtime_refuses_is_a_passing_trouble(tmp_path: Path) -> None:
    put_release(tmp_path)
    _, step = open_release(tmp_path, "brightness")
    with pytest.raises(Transient, match="one step failed"):
        step({"features": FEATURES[:, :3], "state": np.zeros((1, STATE), np.float32)})
