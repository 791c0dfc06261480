"""The losses of skimming, from their definitions."""

import pytest
import torch

from speechbrain_pib.lobes.models.skimming import SkimmingOutput
from speechbrain_pib.nnet.skimming_losses import SkimmingLoss


@pytest.fixture
def output():
    """Two videos, the second over after two of three states."""
    torch.manual_seed(0)
    empty = SkimmingOutput(*[None] * 10)
    return empty._replace(
        logits=torch.randn(2, 5),
        state_logits=torch.randn(2, 3, 5),
        counted=torch.tensor([[True, True, True], [True, True, False]]),
    )


def cross_entropy(logits, label):
    """Of one row, from the definition."""
    return -(logits[label] - logits.exp().sum().log())


def test_terms_are_what_they_say(output):
    labels = [3, 0]
    losses = SkimmingLoss(False, 0.5, 0.25, 2.0)(output, torch.eye(5)[labels])
    states = [
        cross_entropy(output.state_logits[video, look], labels[video])
        for video, look in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1))
    ]
    last = [cross_entropy(output.last_logits[i], labels[i]) for i in (0, 1)]
    average = [cross_entropy(output.logits[i], labels[i]) for i in (0, 1)]
    expected = {
        "average": sum(average) / 2,
        "last": sum(last) / 2,
        "states": sum(states) / 5,
    }
    for name, value in expected.items():
        assert losses[name] == pytest.approx(float(value), abs=1e-6)
    assert losses["loss"] == pytest.approx(
        float(
            0.5 * expected["average"]
            + 0.25 * expected["last"]
            + 2 * expected["states"]
        ),
        abs=1e-6,
    )


def test_several_labels_are_independent_classes(output):
    targets = torch.tensor([[1.0, 0, 1, 0, 0], [0.0] * 5])
    losses = SkimmingLoss(multi_label=True)(output, targets)
    p = output.logits.sigmoid()
    expected = -(targets * p.log() + (1 - targets) * (1 - p).log()).mean()
    assert losses["average"] == pytest.approx(float(expected), abs=1e-6)
    before = losses["average"]
    targets[1, 2] = 1.0
    after = SkimmingLoss(multi_label=True)(output, targets)["average"]
    change = -output.logits[1, 2] / 10
    assert float(after - before) == pytest.approx(float(change), abs=1e-6)


def test_label_smoothing_shares_a_part_among_all_classes(output):
    targets = torch.eye(5)[[3, 0]]
    smoothed = SkimmingLoss(label_smoothing=0.2)(output, targets)
    by_hand = SkimmingLoss()(output, 0.8 * targets + 0.2 / 5)
    for name, value in by_hand.items():
        assert smoothed[name].item() == pytest.approx(value.item(), abs=1e-6)
