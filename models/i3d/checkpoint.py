"""Weights from elsewhere: the Kinetics checkpoint of the published port is read as tensors alone, compared by name and shape, kept as safetensors.

In: a file and its SHA-256. Out: a report and NAME.safetensors in a folder. What is foreign, cut, not finite or brings code is refused.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.i3d.network import I3D
from shared.errors import Refused
from shared.release import sha256_of

LIMIT_BYTES = 512 * 1024 * 1024
"""The published file has 51 MB."""
MOST_CLASSES = 1_000
HEAD_WEIGHT, HEAD = "logits.conv3d.weight", "logits."
COUNTER = "num_batches_tracked"
"""Counters of batch norm that files of before PyTorch 0.4.1 lack; nothing reads them in use."""
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"

Tensors = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Report:
    """What a checkpoint brought: parameters of trunk and head, its classes, counters that it lacks and that start at zero."""

    trunk_parameters: int
    head_parameters: int
    classes: int
    counters_absent: int

    def sentence(self) -> str:
        """One line for a person."""
        absent = f" {self.counters_absent} batch counters are absent and start at zero." if self.counters_absent else ""
        return (
            f"All names and shapes are those of I3D: {self.trunk_parameters:,} trunk parameters, {self.head_parameters:,} in the"
            f" head of {self.classes} classes.{absent}"
        )


def read_checkpoint(path: Path, sha256: str) -> Tensors:
    """The tensors of a PyTorch or safetensors file, by name. Nothing in the file is run.

    Raises Refused, with one sentence, for another SHA-256, a file over 512 MiB, one that is cut, and one that holds more than
    tensors.
    """
    name = path.name
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise Refused(f"{name} has {path.stat().st_size} bytes; a checkpoint may have {LIMIT_BYTES}.")
        found = sha256_of(path)
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise Refused(f"{name} cannot be read: {error.strerror or error}.") from error
    if found != sha256.lower():
        raise Refused(f"{name} has SHA-256 {found}, not {sha256}.", path=str(path))
    as_torch = head == _ZIP or head[:1] == _PICKLE
    tensors = _read_torch(path) if as_torch else _read_safetensors(path)
    if not all(isinstance(key, str) and isinstance(value, Tensor) for key, value in tensors.items()):
        raise Refused(f"{name} holds more than tensors by name.")
    return tensors


def _read_torch(path: Path) -> dict[Any, Any]:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise Refused(f"{path.name} holds more than tensors, such as code; it was not loaded.") from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError, IndexError) as error:
        raise Refused(f"{path.name} is not a whole PyTorch file.") from error
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict):
        raise Refused(f"{path.name} holds no tensors by name.")
    return found


def _read_safetensors(path: Path) -> dict[Any, Any]:
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise Refused(f"{path.name} is neither a whole PyTorch file nor a whole safetensors file.") from error


def compare(tensors: Tensors, name: str) -> Report:
    """Compares with the published network by name, shape and dtype, and looks for numbers that are none. Raises Refused."""
    head = tensors.get(HEAD_WEIGHT)
    classes = int(head.shape[0]) if head is not None and head.dim() == 5 else 0
    if not 1 <= classes <= MOST_CLASSES:
        raise Refused(f"{name} is no I3D checkpoint: it lacks {HEAD_WEIGHT}, or has over {MOST_CLASSES} classes.")
    with torch.device("meta"):
        wanted = I3D(classes=classes).state_dict()
    absent = [key for key in wanted if key not in tensors]
    counters = [key for key in absent if key.endswith(COUNTER)]
    if len(absent) > len(counters):
        first = next(key for key in absent if not key.endswith(COUNTER))
        raise Refused(f"{name} is no whole I3D checkpoint: {len(absent) - len(counters)} tensors lack, first {first}.")
    if foreign := sorted(set(tensors) - set(wanted)):
        raise Refused(f"{name} holds {len(foreign)} tensors that I3D has not, first {foreign[0][:80]}.")
    for key, tensor in tensors.items():
        _compare_one(name, key, tensor, wanted[key])
    sizes = {key: tensor.numel() for key, tensor in tensors.items() if "running_" not in key and COUNTER not in key}
    in_head = sum(size for key, size in sizes.items() if key.startswith(HEAD))
    return Report(sum(sizes.values()) - in_head, in_head, classes, len(counters))


def _compare_one(name: str, key: str, tensor: Tensor, wanted: Tensor) -> None:
    if tensor.shape != wanted.shape:
        raise Refused(f"{name}: {key} has shape {tuple(tensor.shape)}, not {tuple(wanted.shape)}.")
    if tensor.is_floating_point() != wanted.is_floating_point():
        raise Refused(f"{name}: {key} is {str(tensor.dtype).removeprefix('torch.')}, which is not its kind of number.")
    if tensor.is_floating_point() and not torch.isfinite(tensor).all():
        raise Refused(f"{name}: {key} holds values that are no numbers.")


def add_weights(path: Path, sha256: str, folder: Path, name: str) -> tuple[Path, Report]:
    """Reads, compares and keeps a checkpoint as `folder/NAME.safetensors`, float32, whole or not at all. Raises Refused."""
    tensors = read_checkpoint(path, sha256)
    report = compare(tensors, path.name)
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{name}.safetensors"
    part = kept.with_name(kept.name + ".part")
    whole = {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in tensors.items()}
    own = {key: tensor.detach().clone(memory_format=torch.contiguous_format) for key, tensor in whole.items()}
    save_file(own, part, metadata={"source": path.name[:200], "source_sha256": sha256.lower()})
    part.replace(kept)
    return kept, report


def start_from(network: I3D, weights: Path) -> Report:
    """Fills a network of the published width from kept weights; the head too where it has as many classes.

    Raises Refused for another width or another number of input channels, and for a file that was damaged since.
    """
    tensors = {str(key): value for key, value in _read_safetensors(weights).items()}
    report = compare(tensors, weights.name)
    own = network.state_dict()
    first = "Conv3d_1a_7x7.conv3d.weight"
    if own[first].shape != tensors[first].shape:
        raise Refused(
            f"{weights.name} is of the published width and 3 channels; this network's first layer is {tuple(own[first].shape)}."
        )
    fits = report.classes == network.logits.conv3d.out_channels
    used = {key: tensor for key, tensor in tensors.items() if fits or not key.startswith(HEAD)}
    network.load_state_dict(used, strict=False)
    return report
