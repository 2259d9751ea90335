"""A detector runs only when file, card and signature agree; every other file is refused with a sentence."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from shared.detector_input import CHANNELS, MAP_HEIGHT, MAP_WIDTH
from shared.detector_session import open_release
from shared.errors import Refused, Transient
from shared.onnx_file import check_onnx
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
        (b"this is not a network", "is no ONNX"),
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


def altered(*nodes: onnx.NodeProto, **initializers: np.ndarray) -> bytes:
    """The brightness network whose `two` is made by other nodes, or given by other initializers."""
    model = onnx.load_from_string(brightness_network())
    keep = [each for each in model.graph.initializer if each.name not in {"two", *initializers}]
    if not nodes:
        keep = [each for each in model.graph.initializer if each.name not in initializers]
    keep += [numpy_helper.from_array(value, word) for word, value in initializers.items()]
    del model.graph.initializer[:]
    model.graph.initializer.extend(keep)
    old = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *old])
    return bytes(model.SerializeToString())


def doubling(times: int) -> bytes:
    """A small file whose tensor doubles with every node."""
    first = helper.make_node("Reshape", ["features", "flat"], ["d0"])
    nodes = [helper.make_node("Concat", [f"d{k}", f"d{k}"], [f"d{k + 1}"], axis=0) for k in range(times)]
    last = helper.make_node("ReduceMax", [f"d{times}"], ["two"], keepdims=1)
    return altered(first, *nodes, last, flat=np.array([-1]))


def test_a_small_file_that_makes_a_huge_tensor_is_refused_and_not_run(tmp_path: Path) -> None:
    put_release(tmp_path, content=doubling(14))
    with pytest.raises(Refused, match=r"does not take the file|first step fails"):
        open_release(tmp_path, "brightness")


def test_the_same_file_with_tensors_of_a_bearable_size_runs(tmp_path: Path) -> None:
    put_release(tmp_path, content=doubling(3))
    assert open_release(tmp_path, "brightness")[0].name == "brightness"


def test_a_tensor_that_claims_more_numbers_than_it_holds_is_refused(tmp_path: Path) -> None:
    model = onnx.load_from_string(brightness_network())
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend([1 << 20])
    put_release(tmp_path, content=model.SerializeToString())
    with pytest.raises(Refused, match="says 1048576 numbers and holds 8 bytes"):
        open_release(tmp_path, "brightness")
    model.graph.initializer[0].dims.extend([1 << 40])
    put_release(tmp_path, content=model.SerializeToString())
    with pytest.raises(Refused, match="2000000 are allowed"):
        open_release(tmp_path, "brightness")


def test_a_graph_within_a_node_and_an_operator_from_elsewhere_are_refused(tmp_path: Path) -> None:
    body = helper.make_graph([], "body", [], [])
    for node, words in (
        (helper.make_node("If", ["yes"], ["two"], then_branch=body, else_branch=body), "runs a graph of its own"),
        (helper.make_node("Anything", ["state"], ["two"], domain="somewhere"), "not of the ONNX standard"),
    ):
        put_release(tmp_path, content=altered(node))
        with pytest.raises(Refused, match=words):
            open_release(tmp_path, "brightness")


def test_another_opset_than_the_card_says_is_refused(tmp_path: Path) -> None:
    card = put_release(tmp_path)
    put_release(tmp_path, input=card.input.model_copy(update={"onnx_opset": 13}))
    with pytest.raises(Refused, match="opset 17, its card says 13"):
        open_release(tmp_path, "brightness")


def test_a_network_that_gives_no_number_on_an_empty_picture_is_refused(tmp_path: Path) -> None:
    put_release(tmp_path, content=altered(two=np.array([np.nan], np.float32)))
    with pytest.raises(Refused, match="gives no number"):
        open_release(tmp_path, "brightness")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 2_000))
def test_damaged_bytes_are_a_sentence_or_nothing(noise: bytes, at: int) -> None:
    content = brightness_network()
    for damaged in (noise, content[:at] + noise + content[at + len(noise) :], content[:at]):
        with contextlib.suppress(Refused):
            check_onnx(damaged, "damaged")
