"""Two networks side by side, such as infrared and depth, whose scores are joined at the end (late fusion, Carreira and Zisserman 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.i3d.network import I3D

CHANNELS = 3


class LateFusion(nn.Module):
    """Takes the place of an `I3D`: (N, 6, T, H, W), three channels for each network; features side by side, scores averaged."""

    def __init__(self, first: I3D, second: I3D) -> None:
        super().__init__()
        self.first, self.second = first, second
        self.features = first.features + second.features

    def extract_features(self, x: Tensor) -> Tensor:
        """(N, 6, T, H, W) to (N, features, T', 1, 1), those of the first network first."""
        parts = self.first.extract_features(x[:, :CHANNELS]), self.second.extract_features(x[:, CHANNELS:])
        return torch.cat(parts, dim=1)

    def logits(self, features: Tensor) -> Tensor:
        """The mean of both networks' scores (N, classes, T', 1, 1)."""
        one, other = features[:, : self.first.features], features[:, self.first.features :]
        mean: Tensor = (self.first.logits(one) + self.second.logits(other)) / 2
        return mean

    def forward(self, x: Tensor) -> Tensor:
        """(N, 6, T, H, W) to class scores (N, classes, T')."""
        return self.logits(self.extract_features(x)).flatten(2)


def frozen(network: nn.Module) -> nn.Module:
    """The same network in eval mode without gradients: features as published; leave this out to fine-tune."""
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network.eval()
