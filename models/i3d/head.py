"""The heads over a clip: an LSTM along the windows' features with attention that says which windows speak for the class, or as published."""

import torch
from torch import Tensor, nn

HIDDEN = 64


class ClipHead(nn.Module):
    """Features of consecutive windows (N, windows, features) to class scores of the clip (N, classes).

    The LSTM has 64 units, as in the FLE/TLE classifier of Karácsony et al. (Sci Rep 2022); the attention pools its steps, so
    that minutes of sleep around a short seizure do not wash it out.
    """

    def __init__(self, features: int, classes: int, hidden: int = HIDDEN, dropout: float = 0.3) -> None:
        super().__init__()
        self.scale = nn.LayerNorm(features)
        self.lstm = nn.LSTM(features, hidden, batch_first=True, bidirectional=True)
        self.attention = nn.Linear(2 * hidden, 1)
        self.dropout = nn.Dropout(dropout)
        self.classes = nn.Linear(2 * hidden, classes)

    def forward(self, features: Tensor, present: Tensor) -> Tensor:
        """Scores (N, classes); present (N, windows) bool says which windows are real and which fill up the batch."""
        steps, _ = self.lstm(self.scale(features))
        weight = self.attention(steps).squeeze(-1).masked_fill(~present, -torch.inf).softmax(dim=1)
        pooled = (weight.unsqueeze(-1) * steps).sum(dim=1)
        scores: Tensor = self.classes(self.dropout(pooled))
        return scores


class PublishedHead(nn.Module):
    """The FLE/TLE head of Karácsony et al. (Sci Rep 2022): an LSTM of 128 and one of 64 units, the last step to class scores."""

    def __init__(self, features: int, classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.first = nn.LSTM(features, 128, batch_first=True)
        self.second = nn.LSTM(128, 64, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.classes = nn.Linear(64, classes)

    def forward(self, features: Tensor, present: Tensor) -> Tensor:
        """Scores (N, classes) of features (N, windows, features); present (N, windows) bool, real windows first."""
        steps, _ = self.second(self.first(features)[0])
        last = present.sum(dim=1).clamp(min=1) - 1
        scores: Tensor = self.classes(self.dropout(steps[torch.arange(len(steps)), last]))
        return scores


def head_like(names: set[str], features: int, classes: int) -> "ClipHead | PublishedHead":
    """An untrained head of the kind whose tensors have these names."""
    return PublishedHead(features, classes) if "second.weight_ih_l0" in names else ClipHead(features, classes)
