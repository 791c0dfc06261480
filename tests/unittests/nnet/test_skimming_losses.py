"""The losses of skimming, from their definitions."""

import pytest
import torch

from speechbrain_pib.lobes.models.skimming import SkimmingOutput
from speechbrain_pib.nnet.skimming_losses import SkimmingLoss, look_shares


@pytest.fixture
def output():
    """Two videos, the second over after two of three states."""
    torch.manual_seed(0)
    empty = SkimmingOutput(*[None] * 10)
    attention = torch.rand(2, 3, 2, 4)
    attention[1, :, :, 2:] = 0  # It has two steps.
    return empty._replace(
        attention=attention / attention.sum(dim=-1, keepdim=True),
        modality_weights=torch.rand(2, 3, 2).softmax(dim=-1),
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


def shares_by_hand(output, n_steps):
    """Probability of each step of each video, look by look."""
    shares = torch.zeros(2, 4)
    for video, steps in enumerate(n_steps):
        shares[video, :steps] += 0.5 / steps
        # A look is where the state before it attends to.
        looks = [n - 1 for n in (1, 2) if output.counted[video, n]]
        for state in looks:
            for stream in (0, 1):
                weight = output.modality_weights[video, state, stream]
                attention = output.attention[video, state, stream]
                shares[video] += 0.5 / len(looks) * weight * attention
    return shares


def test_half_of_the_drawn_looks_are_where_the_attention_is(output):
    shares = look_shares(output, torch.tensor([4, 2]))
    torch.testing.assert_close(shares, shares_by_hand(output, [4, 2]))
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(2))


def test_single_looks_are_expected_where_they_are_drawn(output):
    labels, step_logits = [3, 0], torch.randn(2, 4, 5)
    loss = SkimmingLoss(looks_weight=2.0)
    targets, n_steps = torch.eye(5)[labels], torch.tensor([4, 2])
    losses = loss(output, targets, step_logits, n_steps)
    shares = shares_by_hand(output, [4, 2])
    expected = sum(
        shares[video, step]
        * cross_entropy(step_logits[video, step], labels[video])
        for video in (0, 1)
        for step in range(4)
    )
    assert float(losses["looks"]) == pytest.approx(float(expected / 2))
    without = losses["average"] + losses["last"]
    assert float(losses["loss"] - without) == pytest.approx(float(expected))


def test_attention_learns_to_look_where_the_loss_is_least(output):
    attention = output.attention.clone().requires_grad_()
    step_logits = torch.zeros(2, 4, 5)
    step_logits[0, 2, 3] = 5.0
    SkimmingLoss(looks_weight=1.0)(
        output._replace(attention=attention),
        torch.eye(5)[[3, 0]],
        step_logits,
        torch.tensor([4, 2]),
    )["looks"].backward()
    gradient = attention.grad[0, :2].sum(dim=(0, 1))
    assert gradient.argmin() == 2
