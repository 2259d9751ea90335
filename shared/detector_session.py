"""A detector release as a function that runs one step. In: a folder and a name. Out: its card and the step, on one thread.

Nothing is loaded before size and SHA-256 are those of the card; external data, another signature, a file that the runtime
does not take or that wants more memory than a detector may have are refused with a sentence. The bed and the evaluation open
releases by this one function.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from shared.detector_input import CHANNELS, MAP_HEIGHT, MAP_WIDTH
from shared.detector_stream import RunStep, state_size
from shared.errors import Refused, Transient
from shared.onnx_file import check_onnx
from shared.release import ReleaseCard, card_path, load_card, verify_release

Floats = npt.NDArray[np.float32]
MEMORY_LIMIT_BYTES = 512 * 1024 * 1024
"""What loading a detector and running its first step may take beyond what the process has."""


def open_release(folder: Path, name: str) -> tuple[ReleaseCard, RunStep]:
    """The card of detector `name` and its step. Raises Refused with the reason when it must not or cannot run."""
    path = verify_release(folder, name)
    card = load_card(card_path(folder, name))
    size = state_size(card)
    content = path.read_bytes()
    check_onnx(content, name, card.input.onnx_opset)
    with _bounded_memory():
        return card, _tried(content, card, size)


def _tried(content: bytes, card: ReleaseCard, size: int) -> RunStep:
    """The step of the file, after one step on empty maps: what cannot take it is refused before it stands at a bed."""
    name = card.name
    session = _open_session(content, name)
    _check(name, "input", session.get_inputs(), {"features": _FEATURES, "state": (1, size)})
    outputs = {"score": (1,), "motor_types": (1, len(card.classes)), "next_state": (1, size)}
    _check(name, "output", session.get_outputs(), outputs)
    step = _step_of(session, name)
    empty = {"features": np.zeros(_FEATURES, np.float32), "state": np.zeros((1, size), np.float32)}
    try:
        found = step(empty)
    except Transient as error:
        raise Refused(f"Release {name}: its first step fails: {error.sentence}", release=name) from error
    if not all(np.isfinite(values).all() for values in found.values()):
        raise Refused(f"Release {name}: its first step on empty maps gives no number.", release=name)
    return step


@contextmanager
def _bounded_memory() -> Iterator[None]:
    """Allocations beyond the limit fail, so that an operator that makes a huge tensor is an error and not the box's death."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    limit = used + MEMORY_LIMIT_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit if before[1] < 0 else min(limit, before[1]), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


_FEATURES = (1, len(CHANNELS), MAP_HEIGHT, MAP_WIDTH)


def _open_session(content: bytes, name: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's exceptions share no base class of their own
        raise Refused(
            f"Release {name}: onnxruntime does not take the file: {_first_line(error)}", release=name
        ) from error


def _check(name: str, side: str, found: list[Any], wanted: dict[str, tuple[int, ...]]) -> None:
    """Compares names, shapes and dtypes of the file's tensors with the contract."""
    signature = {node.name: (tuple(node.shape), node.type) for node in found}
    for tensor, shape in wanted.items():
        if signature.get(tensor) != (shape, "tensor(float)"):
            raise Refused(
                f"Release {name}: the {side} {tensor} must be float32 {shape}, not {signature.get(tensor, 'absent')}.",
                release=name,
            )
    if len(signature) != len(wanted):
        raise Refused(f"Release {name}: it has {side}s beside {', '.join(wanted)}.", release=name)


def _step_of(session: Any, name: str) -> RunStep:
    names = ["score", "motor_types", "next_state"]

    def step(feeds: dict[str, Floats]) -> Mapping[str, Floats]:
        try:
            return dict(zip(names, session.run(names, feeds), strict=True))
        except Exception as error:  # the runtime's exceptions share no base class of their own
            raise Transient(f"Release {name}: one step failed: {_first_line(error)}", release=name) from error

    return step


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
