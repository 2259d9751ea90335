"""The detector's network, causal and streaming. In: feature maps, three steps a second, and a state. Out: logits.

features (16, 26, 32) -> conv 3x3 /2 -> conv 3x3 /2 -> conv 3x3 /2 -> mean and peak over the picture -> linear
    -> two gated recurrent layers (the state) -> paroxysm logit, motor-type logits
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from shared.detector_input import CHANNELS
from shared.score import MOTOR_TYPES

QUIET_BIAS = -4.0
"""The paroxysm head starts at sigmoid(-4) = 0.018: an untrained network says that nothing happens."""


@dataclass(frozen=True)
class NetworkSize:
    """Widths of the layers; `hidden` is the size of one of the two recurrent states."""

    channels: tuple[int, int, int] = (24, 32, 48)
    joined: int = 64
    hidden: int = 64


class Eye(nn.Module):
    """What one step shows: (N, 16, 26, 32) to (N, joined)."""

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        first, second, third = size.channels
        self.first = nn.Conv2d(len(CHANNELS), first, 3, stride=2, padding=1)  # 13 x 16
        self.second = nn.Conv2d(first, second, 3, stride=2, padding=1)  # 7 x 8
        self.third = nn.Conv2d(second, third, 3, stride=2, padding=1)  # 4 x 4
        self.join = nn.Linear(2 * third, size.joined)

    def forward(self, features: Tensor) -> Tensor:
        maps = torch.relu(self.first(features))
        maps = torch.relu(self.second(maps))
        maps = torch.relu(self.third(maps)).flatten(2)
        seen = torch.cat((maps.mean(2), maps.amax(2)), 1)
        return torch.relu(self.join(seen))


class DetectorNet(nn.Module):
    """The whole network; `forward` takes a sequence in training, `Step` below one step at the bed, same weights."""

    def __init__(self, size: NetworkSize | None = None) -> None:
        super().__init__()
        self.size = size or NetworkSize()
        self.eye = Eye(self.size)
        self.memory = nn.GRU(self.size.joined, self.size.hidden, num_layers=2, batch_first=True)
        seen = self.size.joined + self.size.hidden
        self.paroxysm = nn.Linear(seen, 1)
        self.motor = nn.Linear(seen, len(MOTOR_TYPES))
        nn.init.normal_(self.paroxysm.weight, std=0.01)
        nn.init.constant_(self.paroxysm.bias, QUIET_BIAS)

    @property
    def state_size(self) -> int:
        """S, the width of the state tensor (1, S)."""
        return 2 * self.size.hidden

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """features (B, T, 16, 26, 32), state (B, S) -> paroxysm (B, T), motor (B, T, K) logits, next state (B, S)."""
        batch, steps = features.shape[:2]
        seen = self.eye(features.flatten(0, 1)).view(batch, steps, -1)
        layers = state.view(batch, 2, self.size.hidden).transpose(0, 1).contiguous()
        remembered, layers = self.memory(seen, layers)
        both = torch.cat((seen, remembered), 2)
        next_state = layers.transpose(0, 1).flatten(1)
        return self.paroxysm(both).squeeze(2), self.motor(both), next_state


class Step(nn.Module):
    """One step for export: features (1, 16, 26, 32), state (1, S) -> score (1,), motor_types (1, K), next_state."""

    def __init__(self, net: DetectorNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, motor, next_state = self.net(features.unsqueeze(1), state)
        return torch.sigmoid(logits[:, 0]), torch.softmax(motor[:, 0], 1), next_state


def parameter_count(net: nn.Module) -> int:
    """How many trained numbers the network has."""
    return sum(parameter.numel() for parameter in net.parameters())
