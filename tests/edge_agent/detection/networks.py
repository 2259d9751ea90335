"""Tiny detectors as real ONNX files with their cards: the score is the brightness of the ir picture."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from shared.detector_input import CHANNELS, MAP_HEIGHT, MAP_WIDTH
from shared.release import InputSpec, ReleaseCard, TensorSpec, TrainingData, card_path, save_card
from shared.trigger import TriggerRule

CLASSES = ("quiet", "tonic_clonic")
STATE = 4
RULE = TriggerRule(
    open_at=0.7, close_at=0.5, min_length_s=2.0, dip_s=2.0, merge_s=5.0, cool_down_s=0.0, post_roll_s=5.0, update_s=10.0
)


def make_card(name: str, content: bytes, **changes: Any) -> ReleaseCard:
    """The card of that file."""

    def tensor(word: str, shape: tuple[int, ...]) -> TensorSpec:
        return TensorSpec(name=word, shape=shape, dtype="float32")

    spec = InputSpec(
        streams=("ir", "depth"),
        width=128,
        height=106,
        fps=15,
        preprocessing="shared.detector_input",
        inputs=(tensor("features", (1, len(CHANNELS), MAP_HEIGHT, MAP_WIDTH)), tensor("state", (1, STATE))),
        outputs=(tensor("score", (1,)), tensor("motor_types", (1, 2)), tensor("next_state", (1, STATE))),
        state={"state": "next_state"},
        onnx_opset=17,
    )
    fields: dict[str, Any] = {
        "name": name,
        "kind": "detector",
        "version": "0",
        "file": f"{name}.onnx",
        "sha256": hashlib.sha256(content).hexdigest(),
        "input": spec,
        "classes": CLASSES,
        "trigger": RULE,
        "data": TrainingData(source="none: made by hand for tests", patients=0, hours=0, simulated=True, split="none"),
        "limits": ("knows brightness only",),
        "intended_use": "research only: tests",
        "created": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return ReleaseCard(**{**fields, **changes})


def brightness_network(state_size: int = STATE, *, external: bool = False) -> bytes:
    """An ONNX file: score = (ir channel's mean + 2) / 4, motor types (0, 1), state passed on."""
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, len(CHANNELS), MAP_HEIGHT, MAP_WIDTH])
    state = helper.make_tensor_value_info("state", TensorProto.FLOAT, [1, state_size])
    outputs = [
        helper.make_tensor_value_info("score", TensorProto.FLOAT, [1]),
        helper.make_tensor_value_info("motor_types", TensorProto.FLOAT, [1, 2]),
        helper.make_tensor_value_info("next_state", TensorProto.FLOAT, [1, state_size]),
    ]
    constants = {
        "first": np.array([12]), "last": np.array([13]), "axis": np.array([1]),
        "two": np.array([2], np.float32), "four": np.array([4], np.float32), "shape": np.array([1]),
        "types": np.array([[0, 1]], np.float32),
    }  # fmt: skip
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    if external:
        entry = initializers[-1].external_data.add()
        entry.key, entry.value = "location", "/etc/passwd"
        initializers[-1].data_location = TensorProto.EXTERNAL
    nodes = [
        helper.make_node("Slice", ["features", "first", "last", "axis"], ["ir"]),
        helper.make_node("ReduceMean", ["ir"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "shape"], ["one"]),
        helper.make_node("Add", ["one", "two"], ["sum"]),
        helper.make_node("Div", ["sum", "four"], ["score"]),
        helper.make_node("Identity", ["types"], ["motor_types"]),
        helper.make_node("Identity", ["state"], ["next_state"]),
    ]
    graph = helper.make_graph(nodes, "brightness", [features, state], outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def put_release(folder: Path, name: str = "brightness", content: bytes | None = None, **changes: Any) -> ReleaseCard:
    """Writes file and card into the folder; `changes` make the card say something else."""
    content = brightness_network() if content is None else content
    card = make_card(name, content, **changes)
    (folder / card.file).write_bytes(content)
    save_card(card, card_path(folder, name))
    return card
