"""Training: seeded, resumable, and what it leaves can be loaded and measured again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.i3d.artefact import load_networks
from models.i3d.clip_input import SIDE
from models.i3d.evaluate import Report, f1_by_class, patient_interval
from models.i3d.head import ClipHead
from models.i3d.scenes import CLASSES, TRAINING_PATIENTS, draw_clips, patients_by_class, training_batch
from models.i3d.train import padded, train_i3d, train_trunk
from shared.release import load_card


def test_a_step_of_training_data_depends_on_seed_and_step_alone() -> None:
    groups = patients_by_class(TRAINING_PATIENTS)
    means, labels = training_batch(1, 5, 3, groups)
    again, same = training_batch(1, 5, 3, groups)
    assert means.shape == (3, 60, SIDE, SIDE)
    assert sorted(labels) == [0, 1, 2]
    assert np.array_equal(means, again)
    assert np.array_equal(labels, same)
    assert not np.array_equal(means, training_batch(1, 8, 3, groups)[0])


def test_one_command_leaves_a_release_and_a_second_run_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    said: list[str] = []
    path = train_i3d(tmp_path, seed=2, minutes=0.05, progress=said.append)
    card, network, head = load_networks(tmp_path, "i3d-narrow-v1")
    assert load_card(path) == card
    assert network.features == 256
    assert head.classes.out_features == len(CLASSES)
    assert card.data.simulated
    assert sum("trunk" in line for line in said) == 1
    again = train_trunk(tmp_path, 2, 2, said.append)
    assert sum("trunk" in line for line in said) == 1
    assert all(
        torch.equal(a, b) for a, b in zip(again.state_dict().values(), network.state_dict().values(), strict=True)
    )


def test_minutes_out_of_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="minutes"):
        train_i3d(tmp_path, minutes=0.0)


def test_the_head_ignores_what_only_fills_up_the_batch() -> None:
    torch.manual_seed(0)
    head = ClipHead(16, 3).eval()
    short, long = torch.rand(4, 16), torch.rand(9, 16)
    batch, present = padded([short, long])
    assert present.sum(dim=1).tolist() == [4, 9]
    alone = head(long[None], torch.ones(1, 9, dtype=torch.bool))
    assert torch.allclose(head(batch, present)[1], alone[0], atol=1e-5)


def test_clips_show_the_classes_in_equal_number() -> None:
    labels = [clip.label for clip in draw_clips(TRAINING_PATIENTS, 30, 4)]
    assert [labels.count(index) for index in range(3)] == [10, 10, 10]


def test_macro_f1_and_its_interval_are_right_on_a_known_table() -> None:
    truth, said = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 1, 2, 0])
    assert f1_by_class(truth, said) == pytest.approx([0.5, 0.8, 2 / 3])
    report = Report(truth, said, np.arange(6), ["a", "a", "b", "b", "c", "c"])
    metric = report.metrics()["macro_f1"]
    assert metric.value == pytest.approx(np.mean([0.5, 0.8, 2 / 3]), abs=1e-3)
    assert metric.low is not None
    assert metric.high is not None
    assert metric.low < metric.value < metric.high
    perfect = patient_interval(truth, truth, np.arange(6), lambda a, b: float((a == b).mean()))
    assert perfect == (1.0, 1.0)
