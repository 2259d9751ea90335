"""A checkpoint from elsewhere is kept whole by name and shape, or refused by one sentence with nothing left behind."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.cli import main
from models.i3d.checkpoint import add_weights, start_from
from models.i3d.network import I3D
from shared.errors import Refused
from shared.release import sha256_of

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def published() -> State:
    """Names and shapes of the published port's file, which has no counters of batches; 2 classes keep it small to write."""
    state = I3D(classes=2).state_dict()
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


def _saved(folder: Path, state: object, *, old: bool = False) -> Path:
    path = folder / "rgb_imagenet.pt"
    torch.save(state, path, _use_new_zipfile_serialization=not old)
    return path


@pytest.mark.parametrize("old", [False, True])
def test_the_published_form_is_kept_as_safetensors_in_both_file_formats(
    tmp_path: Path, published: State, old: bool
) -> None:
    path = _saved(tmp_path, published, old=old)
    kept, report = add_weights(path, sha256_of(path), tmp_path / "weights", "kinetics")
    assert kept.name == "kinetics.safetensors"
    assert (report.trunk_parameters, report.classes, report.counters_absent) == (12_287_264, 2, 57)
    assert "12,287,264 trunk parameters" in report.sentence()
    assert all(torch.equal(tensor, published[name]) for name, tensor in load_file(kept).items())


def test_a_network_begins_with_kept_weights_and_keeps_its_own_head_of_other_classes(
    tmp_path: Path, published: State
) -> None:
    path = _saved(tmp_path, {"state_dict": published})
    kept, _ = add_weights(path, sha256_of(path), tmp_path, "kinetics")
    network = I3D(classes=3)
    head = network.logits.conv3d.weight.detach().clone()
    start_from(network, kept)
    assert torch.equal(network.state_dict()["Mixed_5c.b0.conv3d.weight"], published["Mixed_5c.b0.conv3d.weight"])
    assert torch.equal(network.logits.conv3d.weight, head)
    with pytest.raises(Refused, match="published width"):
        start_from(I3D(classes=3, width=0.25), kept)


class _Code:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return (eval, ("1 + 1",))


def _without(state: State, name: str) -> State:
    return {key: tensor for key, tensor in state.items() if key != name}


CASES: dict[str, tuple[Callable[[State], object], str]] = {
    "foreign": (lambda _: {"conv1.weight": torch.zeros(3)}, "is no I3D checkpoint"),
    "more": (lambda state: {**state, "fc.weight": torch.zeros(3)}, "tensors that I3D has not, first fc.weight"),
    "less": (lambda state: _without(state, "Mixed_4d.b0.bn.bias"), "first Mixed_4d.b0.bn.bias"),
    "shape": (
        lambda state: {**state, "Conv3d_1a_7x7.conv3d.weight": torch.zeros(64, 2, 7, 7, 7)},
        r"has shape \(64, 2, 7, 7, 7\), not \(64, 3, 7, 7, 7\)",
    ),
    "nan": (
        lambda state: {**state, "Mixed_3b.b0.bn.bias": torch.full((64,), float("nan"))},
        "Mixed_3b.b0.bn.bias holds values that are no numbers",
    ),
    "code": (lambda state: {**state, "extra": _Code()}, "holds more than tensors, such as code"),
    "list": (lambda state: list(state.values())[:3], "holds no tensors by name"),
    "words": (lambda state: {**state, "epoch": 3}, "holds more than tensors by name"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_no_such_network_is_refused_by_one_sentence(tmp_path: Path, published: State, case: str) -> None:
    change, said = CASES[case]
    path = _saved(tmp_path, change(published))
    with pytest.raises(Refused, match=said):
        add_weights(path, sha256_of(path), tmp_path / "weights", "kinetics")
    assert not (tmp_path / "weights").exists()


def test_cut_files_plain_pickles_and_other_hashes_are_refused(tmp_path: Path, published: State) -> None:
    path = _saved(tmp_path, published)
    with pytest.raises(Refused, match="has SHA-256"):
        add_weights(path, "0" * 64, tmp_path / "weights", "kinetics")
    whole = path.read_bytes()
    for content, said in (
        (whole[: len(whole) // 2], "not a whole PyTorch file"),
        (pickle.dumps(_Code()), "such as code"),
        (b"", "neither a whole PyTorch file"),
        (b"\x20\x00\x00\x00\x00\x00\x00\x00{}", "neither a whole PyTorch file"),
    ):
        path.write_bytes(content)
        with pytest.raises(Refused, match=said):
            add_weights(path, sha256_of(path), tmp_path / "weights", "kinetics")
    assert not (tmp_path / "weights").exists()


def test_the_command_keeps_and_lists(tmp_path: Path, published: State, capsys: pytest.CaptureFixture[str]) -> None:
    path, folder = tmp_path / "Kinetics.safetensors", tmp_path / "weights"
    save_file(published, path)
    for arguments in (["add", str(path), "--sha256", sha256_of(path)], ["list"]):
        with pytest.raises(SystemExit) as left:
            main(["weights", *arguments, "--folder", str(folder)])
        assert left.value.code in {0, None}
    said = capsys.readouterr().out
    assert "All names and shapes are those of I3D" in said
    assert f"kinetics  {sha256_of(folder / 'kinetics.safetensors')}" in said
