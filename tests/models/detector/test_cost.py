"""Compute is counted from the file: by hand for a small network, and within the limits for the shipped one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.detector.cost import cost_of


def test_a_convolution_a_product_and_a_recurrent_layer_count_as_by_hand() -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 10])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 1, 4])
    weights = {"w": (5, 3, 3, 3), "m": (240, 7), "u": (1, 12, 7), "r": (1, 12, 4)}
    rng = np.random.default_rng(0)
    initializers = [numpy_helper.from_array(rng.random(s, np.float32), name) for name, s in weights.items()]
    initializers.append(numpy_helper.from_array(np.array([1, 1, 240]), "flat"))
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Reshape", ["c", "flat"], ["f"]),
        helper.make_node("MatMul", ["f", "m"], ["p"]),
        helper.make_node("GRU", ["p", "u", "r"], ["y"], hidden_size=4),
    ]
    graph = helper.make_graph(nodes, "small", [x], [y], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    cost = cost_of(model.SerializeToString())
    assert cost.macs == 5 * 6 * 8 * 27 + 240 * 7 + 12 * 7 + 12 * 4
    assert cost.parameters == 135 + 1680 + 84 + 48


def test_the_shipped_detector_stays_within_its_limits() -> None:
    cost = cost_of(Path("models/releases/detector-v0.onnx").read_bytes())
    assert cost.parameters <= 300_000
    assert cost.mmac_per_s * 2 <= 100


def test_a_network_of_unknown_shape_is_not_counted() -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])
    weight = numpy_helper.from_array(np.ones((4, 2), np.float32), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "free", [x], [y], [weight])
    with pytest.raises(ValueError, match="not fixed"):
        cost_of(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())
