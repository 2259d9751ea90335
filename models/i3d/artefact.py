"""The classifier on disk: one safetensors file of both networks beside its release card. In: a folder and a name. Out: networks ready to run."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from models.i3d.arithmetic import channels_last
from models.i3d.clip_input import CHANNELS, SIDE, WINDOW_FPS, WINDOW_FRAMES
from models.i3d.head import ClipHead
from models.i3d.network import I3D
from shared.errors import Refused
from shared.release import InputSpec, ReleaseCard, TensorSpec, card_path, load_card, verify_release

TRUNK, HEAD = "i3d.", "head."
FIRST_LAYER = f"{TRUNK}Conv3d_1a_7x7.conv3d.weight"
PUBLISHED_FIRST_WIDTH = 64


def save_networks(path: Path, network: I3D, head: ClipHead) -> None:
    """Write both state dicts into one safetensors file, whole or not at all."""
    tensors = {TRUNK + name: tensor for name, tensor in network.state_dict().items()}
    tensors |= {HEAD + name: tensor for name, tensor in head.state_dict().items()}
    part = path.with_name(path.name + ".part")
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, part)
    part.chmod(0o644)
    part.replace(path)


def input_spec(classes: int) -> InputSpec:
    """What the classifier reads and gives, for the card."""
    shape = ("windows", CHANNELS, WINDOW_FRAMES, SIDE, SIDE)
    return InputSpec(
        streams=("ir",),
        width=SIDE,
        height=SIDE,
        fps=WINDOW_FPS,
        window_frames=WINDOW_FRAMES,
        preprocessing="infrared by shared.preview.ir_to_u8; central square; area means to 96 x 96; x / 127.5 - 1; repeated to 3 channels",
        inputs=(TensorSpec(name="windows", shape=shape, dtype="float32"),),
        outputs=(TensorSpec(name="probabilities", shape=(classes,), dtype="float32"),),
    )


def load_networks(folder: Path, name: str) -> tuple[ReleaseCard, I3D, ClipHead]:
    """Check and load a release. Raises Refused, with the reason, when file and card do not belong together or hold another network."""
    path = verify_release(folder, name)
    card = load_card(card_path(folder, name))
    if card.kind != "classifier" or (card.input.width, card.input.height, card.input.window_frames) != (
        SIDE,
        SIDE,
        WINDOW_FRAMES,
    ):
        raise Refused(
            f"Release {name} is no I3D classifier of {WINDOW_FRAMES} frames of {SIDE} x {SIDE} pixels.", release=name
        )
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise Refused(f"Release {name}: {card.file} is not a readable safetensors file.", release=name) from error
    if FIRST_LAYER not in tensors:
        raise Refused(f"Release {name}: {card.file} does not hold an I3D network.", release=name)
    width = tensors[FIRST_LAYER].shape[0] / PUBLISHED_FIRST_WIDTH
    network = I3D(classes=len(card.classes), width=width)
    head = ClipHead(network.features, len(card.classes))
    _fill(network, tensors, TRUNK, name)
    _fill(head, tensors, HEAD, name)
    return card, channels_last(network).eval(), head.eval()


def _fill(module: nn.Module, tensors: dict[str, torch.Tensor], prefix: str, release: str) -> None:
    own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    try:
        module.load_state_dict(own, strict=True)
    except RuntimeError as error:
        raise Refused(f"Release {release}: its tensors are not those of this network.", release=release) from error
