"""Export: an ONNX file with explicit state that says what torch says, and a card that fits it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from models.detector.course import training_data, write_control
from models.detector.export import OPSET, session_step, write_release
from models.detector.network import DetectorNet, NetworkSize
from shared.detector_session import open_release
from shared.detector_stream import DetectorStream, state_size
from shared.errors import Refused
from shared.preview import Preview
from shared.trigger import TriggerRule

RULE = TriggerRule(open_at=0.6, close_at=0.3, min_length_s=3)


def test_a_release_names_its_tensors_shapes_and_opset_as_its_card_does(tmp_path: Path) -> None:
    torch.manual_seed(3)
    net = DetectorNet()
    card = write_release(
        net, tmp_path, "detector-test", version="1", trigger=RULE, data=training_data(1, 1.0), metrics={}
    )
    model = onnx.load(tmp_path / "detector-test.onnx")
    assert [entry.version for entry in model.opset_import if not entry.domain] == [OPSET] == [card.input.onnx_opset]
    for mine, theirs in ((card.input.inputs, model.graph.input), (card.input.outputs, model.graph.output)):
        found = {t.name: tuple(d.dim_value for d in t.type.tensor_type.shape.dim) for t in theirs}
        assert {spec.name: spec.shape for spec in mine} == found
    assert state_size(card) == net.state_size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["detector-test.card.json", "detector-test.onnx"]


def test_the_control_of_random_weights_streams_and_stays_silent(tmp_path: Path) -> None:
    write_control(tmp_path, RULE)
    card, run = open_release(tmp_path, "detector-random")
    stream = DetectorStream(card, run)
    rng = np.random.default_rng(0)
    values = [
        score.value
        for index in range(60)
        for score in stream.push(
            Preview(
                index,
                index * 66_666_666,
                0,
                rng.integers(0, 255, (106, 128), dtype=np.uint8),
                rng.integers(0, 255, (106, 128), dtype=np.uint8),
            )
        )
    ]
    assert len(values) == 12
    assert max(values) < 0.05


def test_a_network_over_the_size_limit_is_no_release(tmp_path: Path) -> None:
    net = DetectorNet(NetworkSize(joined=512, hidden=256))
    with pytest.raises(Refused, match="2000000 are allowed"):
        write_release(net, tmp_path, "detector-big", version="1", trigger=RULE, data=training_data(1, 1.0), metrics={})


@pytest.mark.parametrize("content", [b"", b"not a network", bytes(1000)])
def test_a_file_that_is_no_network_is_refused_in_one_sentence(content: bytes) -> None:
    with pytest.raises(Refused, match="cannot be loaded") as refusal:
        session_step(content)
    assert "\n" not in refusal.value.sentence
