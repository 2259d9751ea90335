"""Trains the narrow I3D and its clip head on the simulated ward. In: a folder, a seed, minutes. Out: a release in that folder.

First the trunk learns from single windows, rendered anew for each step beside the training; then the head learns from the
trunk's features of whole clips. Both resume from the folder's checkpoint; a finished training is not done again.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.i3d.arithmetic import channels_last, fast_arithmetic, to_batch
from models.i3d.artefact import input_spec, save_networks
from models.i3d.clip_input import WINDOW_S, as_input
from models.i3d.evaluate import Report, clip_features, evaluate_clips
from models.i3d.head import ClipHead
from models.i3d.network import I3D
from models.i3d.scenes import (
    CLASSES,
    TEST_PATIENTS,
    TRAINING_PATIENTS,
    Clip,
    draw_clips,
    patients_by_class,
    training_batch,
)
from shared.release import ReleaseCard, TrainingData, card_path, save_card, sha256_of

Progress = Callable[[str], None]
WIDTH = 0.25
BATCH = 12
STEPS_PER_MINUTE = 40  # on one idle core with AMX; the number of steps, not the clock, decides when training ends
HEAD_CLIPS = 99
HEAD_EPOCHS = 120
TEST_CLIPS = 60
CHECKPOINT_STEPS = 50
PEAK_RATE = 2.5e-3
RELEASE = "i3d-narrow-v1"
LIMITS = (
    "Trained and measured on the simulated ward alone: its figures say nothing about recordings of people.",
    "FLE stands for hypermotor and tonic seizures, TLE for automotor ones; other signs of either lobe were never shown.",
    "A focal to bilateral tonic-clonic seizure has the class of the lobe it begins in; past its first signs the classes look alike.",
    "Non-epileptic means psychogenic events and the ordinary movements that the simulator knows, sleep among them.",
    "A quarter of the published width and 96 x 96 pixels; not initialised with Kinetics weights.",
)


def new_network() -> I3D:
    """The narrow network, untrained."""
    return channels_last(I3D(classes=len(CLASSES), width=WIDTH))


def train_i3d(out_dir: Path, seed: int = 1, minutes: float = 15.0, progress: Progress = print) -> Path:
    """Train, evaluate on unseen patients and write `i3d-narrow-v1.safetensors` with its card into out_dir; returns the card's path.

    minutes sets the number of steps (40 a minute). Raises ValueError when minutes is not from 0.05 to 600.
    """
    if not 0.05 <= minutes <= 600:
        raise ValueError(f"minutes must be from 0.05 to 600, got {minutes}")
    out_dir.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    steps = max(2, round(minutes * STEPS_PER_MINUTE))
    network = train_trunk(out_dir, seed, steps, progress)
    clips = draw_clips(TRAINING_PATIENTS, max(3, round(HEAD_CLIPS * min(1.0, minutes / 10))), seed)
    head = train_head(network, clips, out_dir, seed, progress)
    report = evaluate_clips(
        network, head, count=max(3, round(TEST_CLIPS * min(1.0, minutes / 10))), seed=seed, progress=progress
    )
    return write_release(out_dir, network, head, report, windows=steps * BATCH, clips=clips)


def train_trunk(out_dir: Path, seed: int, steps: int, progress: Progress) -> I3D:
    """Teach the trunk and its window scores; resumes from out_dir/i3d-training.pt when seed and steps are the same."""
    network = new_network()
    optimiser = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=steps, pct_start=0.15)
    checkpoint = out_dir / "i3d-training.pt"
    first = _resume(checkpoint, (seed, steps), network, optimiser, schedule)
    groups = patients_by_class(TRAINING_PATIENTS)
    network.train()
    running = np.zeros(2)
    with ThreadPoolExecutor(1) as renderer:
        pending = [
            renderer.submit(training_batch, seed, step, BATCH, groups) for step in range(first, min(first + 3, steps))
        ]
        for step in range(first, steps):
            means, labels = pending.pop(0).result()
            if step + 3 < steps:
                pending.append(renderer.submit(training_batch, seed, step + 3, BATCH, groups))
            running = 0.95 * running + 0.05 * np.array(_learn(network, optimiser, schedule, means, labels))
            if (step + 1) % CHECKPOINT_STEPS == 0 or step + 1 == steps:
                _save(checkpoint, (seed, steps), step + 1, network, optimiser, schedule)
                weight = 1.0 - 0.95 ** (step + 1 - first)
                progress(
                    f"trunk: step {step + 1} of {steps}, loss {running[0] / weight:.3f}, right {running[1] / weight:.0%}"
                )
    return network.eval()


def _learn(
    network: I3D, optimiser: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler,
    means: NDArray[np.float32], labels: NDArray[np.int64],
) -> tuple[float, float]:  # fmt: skip
    """One step; returns the loss and the share of windows that were right."""
    target = torch.from_numpy(labels)
    with fast_arithmetic():
        scores = network(to_batch([as_input(one) for one in means])).float().mean(dim=2)
    loss = functional.cross_entropy(scores, target, label_smoothing=0.05)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
    optimiser.step()
    schedule.step()
    return float(loss.detach()), float((scores.argmax(1) == target).float().mean())


def _save(
    path: Path, run: tuple[int, int], step: int, network: I3D,
    optimiser: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler,
) -> None:  # fmt: skip
    part = path.with_suffix(".part")
    state = {"run": list(run), "step": step, "network": network.state_dict()}
    torch.save({**state, "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict()}, part)
    part.replace(path)


def _resume(
    path: Path, run: tuple[int, int], network: I3D,
    optimiser: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler,
) -> int:  # fmt: skip
    """Load what an earlier run of the same seed and length left; returns the step to go on with."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    if state["run"] != list(run):
        return 0
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    schedule.load_state_dict(state["schedule"])
    return int(state["step"])


def train_head(network: I3D, clips: list[Clip], out_dir: Path, seed: int, progress: Progress) -> ClipHead:
    """Teach the clip head on the trunk's features; windows are dropped at random so that it bears gaps and cuts."""
    features = _all_features(network, clips, out_dir, progress)
    labels = torch.tensor([clip.label for clip in clips])
    torch.manual_seed(seed)
    head = ClipHead(network.features, len(CLASSES))
    optimiser = torch.optim.AdamW(head.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, HEAD_EPOCHS)
    head.train()
    loss = torch.zeros(())
    for _ in range(HEAD_EPOCHS):
        for chosen in torch.randperm(len(clips)).tensor_split(max(1, len(clips) // 32)):
            kept = [
                one[torch.rand(len(one)) < 0.85] if len(one) > 3 else one
                for one in (features[i] for i in chosen.tolist())
            ]
            kept = [one if len(one) else features[i][:1] for one, i in zip(kept, chosen.tolist(), strict=True)]
            loss = functional.cross_entropy(head(*padded(kept)), labels[chosen], label_smoothing=0.05)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        schedule.step()
    progress(f"head: {len(clips)} clips, {HEAD_EPOCHS} rounds, loss {float(loss.detach()):.3f}")
    return head.eval()


def padded(sequences: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Sequences of features as one batch (N, longest, features), and which steps are real (N, longest)."""
    lengths = torch.tensor([len(one) for one in sequences])
    present = torch.arange(int(lengths.max()))[None] < lengths[:, None]
    return torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True), present


def _all_features(network: I3D, clips: list[Clip], out_dir: Path, progress: Progress) -> list[Tensor]:
    """Features of all clips, kept in out_dir while the trunk's training is the same."""
    store = out_dir / "i3d-features.pt"
    mark = float(sum(parameter.detach().double().sum() for parameter in network.parameters()))
    known = torch.load(store, weights_only=True) if store.exists() else {"mark": None, "features": []}
    features: list[Tensor] = known["features"] if known["mark"] == mark else []
    for index in range(len(features), len(clips)):
        features.append(clip_features(network, clips[index]))
        if (index + 1) % 25 == 0 or index + 1 == len(clips):
            torch.save({"mark": mark, "features": features}, store)
            progress(f"head: features of {index + 1} of {len(clips)} clips")
    return features


def write_release(
    out_dir: Path, network: I3D, head: ClipHead, report: Report, *, windows: int, clips: list[Clip]
) -> Path:
    """Write `i3d-narrow-v1.safetensors` and its card; returns the card's path."""
    file = out_dir / f"{RELEASE}.safetensors"
    save_networks(file, network, head)
    seconds = windows * WINDOW_S + sum(clip.end_s - clip.start_s for clip in clips)
    card = ReleaseCard(
        name=RELEASE,
        kind="classifier",
        version="1",
        file=file.name,
        sha256=sha256_of(file),
        input=input_spec(len(CLASSES)),
        classes=CLASSES,
        metrics=report.metrics(),
        data=TrainingData(
            source="simulated ward (shared/ward), infrared as the proxy shows it; no recording of a person",
            patients=len(TRAINING_PATIENTS),
            hours=round(seconds / 3600, 2),
            simulated=True,
            split=f"by patient: seeds {TRAINING_PATIENTS.start} and up for training, {TEST_PATIENTS.start} and up for the figures",
        ),
        limits=LIMITS,
        intended_use="Research only: a suggestion beside a clip for a reviewer; no diagnosis, no alarm, no clinical claim.",
        created=datetime.now(UTC),
    )
    save_card(card, card_path(out_dir, RELEASE))
    return card_path(out_dir, RELEASE)
