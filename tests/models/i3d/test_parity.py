"""The full network, all of it, against a recomputation in NumPy that shares nothing with it but the published layer list."""

import numpy as np
import pytest
import torch

from models.i3d.network import I3D

Array = np.ndarray
State = dict[str, Array]
TOLERANCE = 1e-4
WIDTHS = (64, 192, 256, 480, 512, 512, 512, 528, 832, 832, 1024)


def _padded(x: Array, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Array:
    """TensorFlow's SAME: the output has ceil(size / stride) steps, the odd zero stands behind."""
    sides = []
    for size, reach, step in zip(x.shape[1:], kernel, stride, strict=True):
        lack = max(reach - step if size % step == 0 else reach - size % step, 0)
        sides.append((lack // 2, lack - lack // 2))
    return np.pad(x, [(0, 0), *sides])


def _views(x: Array, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Array:
    views = np.lib.stride_tricks.sliding_window_view(_padded(x, kernel, stride), kernel, axis=(1, 2, 3))
    return views[:, :: stride[0], :: stride[1], :: stride[2]]


def _unit(x: Array, state: State, name: str, stride: int = 1) -> Array:
    weight = state[f"{name}.conv3d.weight"]
    views = _views(x, weight.shape[2:], (stride,) * 3)
    steps = views.shape[1:4]
    columns = views.transpose(0, 4, 5, 6, 1, 2, 3).reshape(weight[0].size, -1)
    y = (weight.reshape(len(weight), -1) @ columns).reshape(-1, *steps)
    if f"{name}.conv3d.bias" in state:
        return y + state[f"{name}.conv3d.bias"][:, None, None, None]
    mean, var, gain, shift = (
        state[f"{name}.bn.{key}"][:, None, None, None] for key in ("running_mean", "running_var", "weight", "bias")
    )
    return np.maximum((y - mean) / np.sqrt(var + 1e-3) * gain + shift, 0.0)


def _pool(x: Array, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Array:
    return _views(x, kernel, stride).max(axis=(4, 5, 6))


def _block(x: Array, state: State, name: str) -> Array:
    return np.concatenate([
        _unit(x, state, f"{name}.b0"),
        _unit(_unit(x, state, f"{name}.b1a"), state, f"{name}.b1b"),
        _unit(_unit(x, state, f"{name}.b2a"), state, f"{name}.b2b"),
        _unit(_pool(x, (3, 3, 3), (1, 1, 1)), state, f"{name}.b3b"),
    ])  # fmt: skip


def _layers(x: Array, state: State) -> list[tuple[str, Array]]:
    """Every layer of the published network in order, float64."""
    found = [("Conv3d_1a_7x7", _unit(x, state, "Conv3d_1a_7x7", 2))]
    found.append(("MaxPool3d_2a_3x3", _pool(found[-1][1], (1, 3, 3), (1, 2, 2))))
    for name in ("Conv3d_2b_1x1", "Conv3d_2c_3x3"):
        found.append((name, _unit(found[-1][1], state, name)))
    found.append(("MaxPool3d_3a_3x3", _pool(found[-1][1], (1, 3, 3), (1, 2, 2))))
    for name in ("Mixed_3b", "Mixed_3c"):
        found.append((name, _block(found[-1][1], state, name)))
    found.append(("MaxPool3d_4a_3x3", _pool(found[-1][1], (3, 3, 3), (2, 2, 2))))
    for name in ("Mixed_4b", "Mixed_4c", "Mixed_4d", "Mixed_4e", "Mixed_4f"):
        found.append((name, _block(found[-1][1], state, name)))
    found.append(("MaxPool3d_5a_2x2", _pool(found[-1][1], (2, 2, 2), (2, 2, 2))))
    for name in ("Mixed_5b", "Mixed_5c"):
        found.append((name, _block(found[-1][1], state, name)))
    return found


@pytest.fixture(scope="module")
def network() -> I3D:
    """The published size with weights that keep the signal alive through all layers, statistics of batch norm among them."""
    torch.manual_seed(11)
    made = I3D().eval()
    for name, tensor in made.state_dict().items():
        if name.endswith(("running_mean", "bn.bias")):
            tensor.normal_(0.05, 0.1)
        elif name.endswith(("running_var", "bn.weight")):
            tensor.uniform_(0.7, 1.3)
    return made


def test_each_layer_of_the_full_network_equals_its_recomputation(network: I3D) -> None:
    x = np.random.default_rng(12).uniform(-1, 1, (3, 17, 45, 38))
    state = {name: tensor.numpy().astype(np.float64) for name, tensor in network.state_dict().items()}
    found: dict[str, Array] = {}
    hooks = [
        layer.register_forward_hook(lambda _m, _i, out, name=name: found.__setitem__(name, out[0].numpy()))
        for name, layer in network.named_children()
    ]
    with torch.inference_mode():
        scores = network(torch.from_numpy(x.astype(np.float32))[None])[0].numpy()
    for hook in hooks:
        hook.remove()
    layers = _layers(x, state)
    for name, expected in layers:
        assert found[name].shape == expected.shape, name
        assert np.abs(found[name] - expected).max() <= TOLERANCE * max(1.0, np.abs(expected).max()), name
    maps = layers[-1][1]
    means = np.stack([maps[:, t : t + 2].mean(axis=(1, 2, 3)) for t in range(maps.shape[1] - 1)], axis=1)
    assert means.std() > 1e-3  # the signal lives: a network of zeros would agree with anything
    by_hand = _unit(means[:, :, None, None], state, "logits")[:, :, 0, 0]
    assert np.abs(scores - by_hand).max() <= TOLERANCE
