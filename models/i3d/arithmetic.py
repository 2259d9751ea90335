"""Running the network on windows: the fast number format of this CPU, the layout of a batch, features and scores of windows."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.i3d.fusion import LateFusion
from models.i3d.network import I3D

Network = TypeVar("Network", bound=I3D | LateFusion)


def fast_arithmetic() -> AbstractContextManager[object]:
    """bfloat16 where this CPU multiplies it in tiles (AMX); elsewhere it would be slower than float32."""
    if torch.cpu._is_amx_tile_supported():
        return torch.autocast("cpu", torch.bfloat16)
    return nullcontext()


def channels_last(network: Network) -> Network:
    """Lay the weights out channels last, which this CPU's convolutions want; returns the same network."""
    for parameter in network.parameters():
        if parameter.dim() == 5:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
    return network


def to_batch(windows: Sequence[NDArray[np.float32]]) -> Tensor:
    """Windows (3, 60, S, S) each to one batch (n, 3, 60, S, S), channels last in memory."""
    return torch.from_numpy(np.stack(windows)).to(memory_format=torch.channels_last_3d)


@torch.inference_mode()
def window_outputs(network: I3D | LateFusion, batch: Tensor) -> tuple[Tensor, Tensor]:
    """Windows (n, 3, 60, S, S) to features (n, features) and class scores (n, classes), float32. The network must be in eval mode."""
    with fast_arithmetic():
        features = network.extract_features(batch)
        scores = network.logits(features)
    return features.float().mean(dim=(2, 3, 4)), scores.float().mean(dim=(2, 3, 4))
