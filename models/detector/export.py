"""From a trained network to a release: the ONNX file with explicit state, checked against torch, and its card.

In: a `DetectorNet`, what is to stand in the card, a folder. Out: `NAME.onnx` and `NAME.card.json`.
"""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch

from models.detector.network import DetectorNet, Step
from shared.detector_input import CHANNELS, MAP_HEIGHT, MAP_WIDTH, STEP_FPS
from shared.detector_session import open_release
from shared.detector_stream import RunStep
from shared.errors import Broken, Refused
from shared.release import (
    FILE_LIMIT_BYTES,
    InputSpec,
    Metric,
    ReleaseCard,
    TensorSpec,
    TrainingData,
    card_path,
    save_card,
    sha256_of,
)
from shared.score import MOTOR_TYPES
from shared.trigger import TriggerRule

OPSET = 17
PARITY = 1e-4
"""Largest difference between torch and ONNX Runtime that an export may show, over a run of steps."""

LIMITS = (
    "Trained and tested on a simulated ward only; how it does on people is not known.",
    "Simulated camera poses at the foot of the bed; other views, several patients in view and cots were never seen.",
    "Sees movement: a seizure without motor signs is not found.",
)


def input_spec(state_size: int) -> InputSpec:
    """What a detector of this input and state size says in its card."""
    maps = (1, len(CHANNELS), MAP_HEIGHT, MAP_WIDTH)
    return InputSpec(
        streams=("ir", "depth"),
        width=MAP_WIDTH,
        height=MAP_HEIGHT,
        fps=STEP_FPS,
        preprocessing="shared.detector_input.DetectorInput on previews of 128x106 at 15 a second",
        inputs=(
            TensorSpec(name="features", shape=maps, dtype="float32"),
            TensorSpec(name="state", shape=(1, state_size), dtype="float32"),
        ),
        outputs=(
            TensorSpec(name="score", shape=(1,), dtype="float32"),
            TensorSpec(name="motor_types", shape=(1, len(MOTOR_TYPES)), dtype="float32"),
            TensorSpec(name="next_state", shape=(1, state_size), dtype="float32"),
        ),
        state={"state": "next_state"},
        onnx_opset=OPSET,
    )


def export_onnx(net: DetectorNet, path: Path) -> None:
    """Writes one step of the network as ONNX, fixed shapes. Raises Broken when ONNX Runtime disagrees with torch."""
    net.eval()
    features = torch.zeros(1, len(CHANNELS), MAP_HEIGHT, MAP_WIDTH)
    state = torch.zeros(1, net.state_size)
    part = path.with_name(path.name + ".part")
    with warnings.catch_warnings():
        # The exporter by tracing is called deprecated; the newer one fails on a recurrent layer with a single step.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Step(net),
            (features, state),
            str(part),
            input_names=["features", "state"],
            output_names=["score", "motor_types", "next_state"],
            opset_version=OPSET,
            dynamo=False,
        )
    model = part.read_bytes()
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    difference = parity(net, model)
    if not difference <= PARITY:
        raise Broken(f"The exported network differs from torch by {difference:.2g}; {PARITY:.0e} is allowed.")
    part.replace(path)


def session_step(model: str | bytes) -> RunStep:
    """One step of an ONNX file (path or bytes) on one thread of the CPU. Raises Refused when it cannot be loaded."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises kinds of its own, none of them public
        raise Refused(f"The detector's ONNX file cannot be loaded: {str(error).splitlines()[0][:200]}") from error
    names = [output.name for output in session.get_outputs()]

    def run(feeds: dict[str, npt.NDArray[np.float32]]) -> dict[str, npt.NDArray[np.float32]]:
        return dict(zip(names, session.run(names, feeds), strict=True))

    return run


def parity(net: DetectorNet, model: bytes, steps: int = 30) -> float:
    """The largest difference of any output between torch over a sequence and ONNX step by step, from a fixed seed."""
    run = session_step(model)
    rng = np.random.default_rng(5)
    features = rng.normal(0, 1.5, (steps, len(CHANNELS), MAP_HEIGHT, MAP_WIDTH)).astype(np.float32)
    with torch.no_grad():
        logits, motor, last = net(torch.from_numpy(features)[None], torch.zeros(1, net.state_size))
        scores, shares = torch.sigmoid(logits)[0].numpy(), torch.softmax(motor, 2)[0].numpy()
    state, worst = np.zeros((1, net.state_size), np.float32), 0.0
    for step in range(steps):
        out = run({"features": features[step][None], "state": state})
        state = out["next_state"]
        worst = max(worst, abs(float(out["score"][0] - scores[step])))
        worst = max(worst, float(np.abs(out["motor_types"][0] - shares[step]).max()))
    return max(worst, float(np.abs(state - last.numpy()).max()))


def write_release(
    net: DetectorNet,
    folder: Path,
    name: str,
    *,
    version: str,
    trigger: TriggerRule,
    data: TrainingData,
    metrics: dict[str, Metric],
) -> ReleaseCard:
    """Writes ONNX and card into `folder`, opens them as the bed does and returns the card. Refused when the file is too large."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    export_onnx(net, path)
    if path.stat().st_size > FILE_LIMIT_BYTES["detector"]:
        raise Refused(f"{path.name} has {path.stat().st_size} bytes; {FILE_LIMIT_BYTES['detector']} are allowed.")
    card = ReleaseCard(
        name=name,
        kind="detector",
        version=version,
        file=path.name,
        sha256=sha256_of(path),
        input=input_spec(net.state_size),
        classes=MOTOR_TYPES,
        trigger=trigger,
        metrics=metrics,
        data=data,
        limits=LIMITS,
        intended_use="research only: no diagnosis, no alarm",
        created=datetime.now(UTC).replace(microsecond=0),
    )
    save_card(card, card_path(folder, name))
    open_release(folder, name)
    return card
