"""The classifier on disk: one safetensors file of both networks beside its release card. In: a folder and a name. Out: networks ready to run."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from models.i3d.arithmetic import channels_last
from models.i3d.clip_input import CHANNELS, SIDE, WINDOW_FPS, WINDOW_FRAMES
from models.i3d.fusion import LateFusion
from models.i3d.head import ClipHead, PublishedHead, head_like
from models.i3d.network import I3D
from models.i3d.recipes import recipe_of
from shared.errors import Refused
from shared.release import InputSpec, ReleaseCard, TensorSpec, card_path, load_card, verify_release

TRUNK, HEAD = "i3d.", "head."
PUBLISHED_FIRST_WIDTH = 64
PUBLISHED_SIDE = 224
SMALLEST_SIDE = 33

Network = I3D | LateFusion
Head = ClipHead | PublishedHead


def save_networks(path: Path, network: Network, head: Head) -> None:
    """Write both state dicts into one safetensors file, whole or not at all."""
    tensors = {TRUNK + name: tensor for name, tensor in network.state_dict().items()}
    tensors |= {HEAD + name: tensor for name, tensor in head.state_dict().items()}
    part = path.with_name(path.name + ".part")
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, part)
    part.chmod(0o644)
    part.replace(path)


def input_spec(classes: int, recipe: str = "ir", side: int = SIDE) -> InputSpec:
    """What the classifier reads and gives, for the card. Raises Refused for an unknown recipe."""
    chosen = recipe_of(recipe)
    channels = 2 * CHANNELS if recipe == "ir+depth" else CHANNELS
    shape = ("windows", channels, WINDOW_FRAMES, side, side)
    return InputSpec(
        streams=chosen.streams,
        width=side,
        height=side,
        fps=WINDOW_FPS,
        window_frames=WINDOW_FRAMES,
        preprocessing=f"{chosen.says}; central or patient's square; area means to {side} x {side}; x / 127.5 - 1",
        recipe=recipe,
        inputs=(TensorSpec(name="windows", shape=shape, dtype="float32"),),
        outputs=(TensorSpec(name="probabilities", shape=(classes,), dtype="float32"),),
    )


def load_networks(folder: Path, name: str) -> tuple[ReleaseCard, Network, Head]:
    """Check and load a release. Raises Refused, with the reason, when file and card do not belong together or hold another network."""
    path = verify_release(folder, name)
    card = load_card(card_path(folder, name))
    _check_input(card)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise Refused(f"Release {name}: {card.file} is not a readable safetensors file.", release=name) from error
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values() if tensor.is_floating_point()):
        raise Refused(f"Release {name}: {card.file} holds values that are no numbers.", release=name)
    network = _network_like(tensors, len(card.classes), name)
    names = {key.removeprefix(HEAD) for key in tensors if key.startswith(HEAD)}
    head = head_like(names, network.features, len(card.classes))
    _fill(network, tensors, TRUNK, name)
    _fill(head, tensors, HEAD, name)
    return card, channels_last(network).eval(), head.eval()


def _check_input(card: ReleaseCard) -> None:
    spec = card.input
    fits = spec.width == spec.height and SMALLEST_SIDE <= spec.width <= PUBLISHED_SIDE
    if card.kind != "classifier" or not fits or spec.window_frames != WINDOW_FRAMES:
        raise Refused(
            f"Release {card.name} is no I3D classifier of {WINDOW_FRAMES} square frames of {SMALLEST_SIDE} to {PUBLISHED_SIDE} pixels.",
            release=card.name,
        )
    if recipe_of(spec.recipe or "ir").streams != spec.streams:
        raise Refused(f"Release {card.name}: its card names other streams than its input recipe.", release=card.name)


def _network_like(tensors: dict[str, torch.Tensor], classes: int, name: str) -> Network:
    """An untrained network of the width, or the two widths, of these tensors."""
    widths = [_width_of(tensors, prefix) for prefix in (TRUNK, f"{TRUNK}first.", f"{TRUNK}second.")]
    if widths[1] and widths[2]:
        return LateFusion(I3D(classes, width=widths[1]), I3D(classes, width=widths[2]))
    if not widths[0]:
        raise Refused(f"Release {name}: its file does not hold an I3D network.", release=name)
    return I3D(classes, width=widths[0])


def _width_of(tensors: dict[str, torch.Tensor], prefix: str) -> float:
    first = tensors.get(f"{prefix}Conv3d_1a_7x7.conv3d.weight")
    width = first.shape[0] / PUBLISHED_FIRST_WIDTH if first is not None and first.dim() else 0.0
    return width if width <= 1 else 0.0


def _fill(module: nn.Module, tensors: dict[str, torch.Tensor], prefix: str, release: str) -> None:
    own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    try:
        module.load_state_dict(own, strict=True)
    except RuntimeError as error:
        raise Refused(f"Release {release}: its tensors are not those of this network.", release=release) from error
