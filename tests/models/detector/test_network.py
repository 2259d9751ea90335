"""The network: small, causal, the same step by step as over a sequence, silent before it has learnt."""

from __future__ import annotations

import torch

from models.detector.network import DetectorNet, Step, parameter_count


def features(steps: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, steps, 16, 26, 32, generator=torch.Generator().manual_seed(seed))


def test_it_has_at_most_a_hundred_thousand_parameters() -> None:
    assert parameter_count(DetectorNet()) <= 100_000


def test_one_step_after_another_gives_what_the_sequence_gives() -> None:
    net = DetectorNet().eval()
    seen = features(12)
    with torch.no_grad():
        logits, motor, last = net(seen, torch.zeros(1, net.state_size))
        state, step = torch.zeros(1, net.state_size), Step(net)
        for index in range(12):
            score, shares, state = step(seen[:, index], state)
            torch.testing.assert_close(score, torch.sigmoid(logits[:, index]))
            torch.testing.assert_close(shares, torch.softmax(motor[:, index], 1))
    torch.testing.assert_close(state, last)


def test_what_comes_later_does_not_change_what_was_said() -> None:
    net = DetectorNet().eval()
    with torch.no_grad():
        early, _, _ = net(features(6), torch.zeros(1, net.state_size))
        longer, _, _ = net(torch.cat((features(6), features(6, seed=1)), 1), torch.zeros(1, net.state_size))
    torch.testing.assert_close(longer[:, :6], early)


def test_random_weights_score_far_below_any_threshold() -> None:
    for seed in range(5):
        torch.manual_seed(seed)
        net = DetectorNet()
        with torch.no_grad():
            logits, _, _ = net(4 * features(40, seed), torch.zeros(1, net.state_size))
        assert float(torch.sigmoid(logits).max()) < 0.05
