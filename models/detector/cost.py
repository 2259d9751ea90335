"""What one step of a detector computes: multiply-accumulates and parameters, counted from the ONNX file itself.

In: the bytes of a file whose shapes are fixed. Out: `Cost`. Counted are convolutions, matrix products and recurrent layers; the rest
(additions, activations, reshaping) is less than a hundredth of it in networks of this kind and is left out, as the papers do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import onnx

from shared.detector_input import STEP_FPS

Shape = tuple[int, ...]
VSVIG_CLIP_S, I3D_CLIP_S = 5.0, 2.0
VSVIG_GMAC = (0.22, 0.88)
"""VSViG's own figures a clip of 5 s, halved from its 0.44 and 1.76 GFLOPs (arXiv 2311.14775), without its pose network."""
I3D_GMAC = 104.3
"""I3D on 60 x 224 x 224, a clip of 2 s, counted on the code of piergiaj/pytorch-i3d."""
RECURRENT = ("GRU", "LSTM", "RNN")


@dataclass(frozen=True, slots=True)
class Cost:
    """macs: multiply-accumulates of one step; parameters: numbers in the file's weights."""

    macs: int
    parameters: int

    @property
    def mmac_per_s(self) -> float:
        """Million multiply-accumulates a second of video."""
        return self.macs * STEP_FPS / 1e6


def cost_of(content: bytes) -> Cost:
    """Counts. Raises ValueError when a shape is not fixed."""
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(content), strict_mode=True, data_prop=True)
    graph = model.graph
    shapes: dict[str, Shape] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shapes[value.name] = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
    constants = {
        node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant" and node.attribute
    }
    shapes |= {name: tuple(tensor.dims) for name, tensor in constants.items()}
    macs = sum(_MACS[node.op_type](node, shapes) for node in graph.node if node.op_type in _MACS)
    return Cost(
        macs, sum(prod(tensor.dims) for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT)
    )


def _known(name: str, shapes: Mapping[str, Shape]) -> Shape:
    shape = shapes.get(name)
    if shape is None or 0 in shape:
        raise ValueError(f"the shape of {name} is not fixed")
    return shape


def _convolution(node: Any, shapes: Mapping[str, Shape]) -> int:
    weight = _known(node.input[1], shapes)
    return prod(_known(node.output[0], shapes)) * prod(weight[1:])


def _product(node: Any, shapes: Mapping[str, Shape]) -> int:
    return prod(_known(node.output[0], shapes)) * _known(node.input[0], shapes)[-1]


def _recurrent(node: Any, shapes: Mapping[str, Shape]) -> int:
    steps = _known(node.input[0], shapes)[0]
    return steps * (prod(_known(node.input[1], shapes)) + prod(_known(node.input[2], shapes)))


_MACS: Mapping[str, Callable[[Any, Mapping[str, Shape]], int]] = {
    "Conv": _convolution,
    "ConvInteger": _convolution,
    "MatMul": _product,
    "MatMulInteger": _product,
    "Gemm": _product,
    **dict.fromkeys(RECURRENT, _recurrent),
}
