"""Losses against closed forms."""

import math

import pytest
import torch

from speechbrain_pib.lobes.models.playitback import PlayItBackOutput
from speechbrain_pib.nnet.losses import PlayItBackLoss, ranking_loss


def test_ranking_falls_to_zero_as_the_order_becomes_right():
    wrong = torch.tensor([[[0.2, 0.6], [0.1, 0.6]]])
    better = torch.tensor([[[0.5, 0.4], [0.5, 0.4]]])
    right = torch.tensor([[[0.6, 0.1], [0.8, 0.1]]])
    # wrong: (.05 + .4) + (.05 + .5) + (.05 + .1)
    assert ranking_loss(wrong).item() == pytest.approx(1.15)
    assert ranking_loss(better).item() == pytest.approx(0.05)
    assert ranking_loss(right).item() == 0.0


def test_ranking_does_not_make_earlier_passes_worse():
    probabilities = torch.tensor([[[0.9, 0.0], [0.5, 0.0]]])
    probabilities.requires_grad_()
    ranking_loss(probabilities).backward()
    assert probabilities.grad[0, 0, 0] == 0.0
    assert probabilities.grad[0, 1, 0] < 0.0


def random_output(passes=2, classes=5):
    """An output of four clips with random logits."""
    return PlayItBackOutput(
        logits=torch.randn(4, classes),
        pass_logits=torch.randn(4, passes, classes),
        foreground_logits=torch.randn(4, passes, classes),
        background_logits=torch.randn(4, passes, classes),
        attention=torch.rand(4, passes, 13),
    )


def test_single_label_terms_by_hand():
    torch.manual_seed(0)
    output, labels = random_output(), torch.tensor([0, 2, 4, 4])
    targets = torch.eye(5)[labels]
    losses = PlayItBackLoss(False, 0.1, 0.2, 0.3, 0.4)(output, targets)

    def nll(logits):
        return -logits.log_softmax(-1)[range(4), labels].mean()

    def uniform(logits):
        return -logits.log_softmax(-1).mean()

    passes = sum(nll(output.pass_logits[:, p]) for p in range(2))
    foreground = sum(nll(output.foreground_logits[:, p]) for p in range(2))
    background = sum(uniform(output.background_logits[:, p]) for p in range(2))
    expected = nll(output.logits) + 0.1 * passes
    expected += 0.2 * (foreground + background) + 0.3 * losses["ranking"]
    expected += 0.4 * output.attention.sum() / (4 * 2 * 13)
    assert losses["loss"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_background_is_cheapest_when_uninformative():
    targets = torch.eye(5)[:4]
    output = random_output()._replace(background_logits=torch.zeros(4, 2, 5))
    uniform = PlayItBackLoss()(output, targets)["background"]
    assert uniform.item() == pytest.approx(2 * math.log(5))
    sure = output._replace(background_logits=10 * torch.randn(4, 2, 5))
    assert PlayItBackLoss()(sure, targets)["background"] > uniform


def test_multi_label_uses_independent_classes():
    torch.manual_seed(0)
    output = random_output()
    targets = torch.tensor([[1.0, 1, 0, 0, 0]] * 4)
    probabilities = output.logits.sigmoid()
    expected = -torch.where(
        targets.bool(), probabilities.log(), (1 - probabilities).log()
    ).mean()
    losses = PlayItBackLoss(multi_label=True)(output, targets)
    assert losses["fused"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_soft_targets_mix_the_losses_of_their_classes():
    output = random_output()
    loss = PlayItBackLoss()
    first, second = torch.eye(5)[:4], torch.eye(5)[[1, 2, 3, 4]]
    mixed = loss(output, 0.3 * first + 0.7 * second)["fused"]
    parts = 0.3 * loss(output, first)["fused"]
    parts = parts + 0.7 * loss(output, second)["fused"]
    assert mixed.item() == pytest.approx(parts.item(), rel=1e-5)


def test_tasks_share_a_head_and_are_averaged():
    torch.manual_seed(0)
    output = random_output(classes=7)
    verbs = torch.eye(3)[torch.tensor([0, 2, 1, 1])]
    nouns = torch.eye(4)[torch.tensor([3, 2, 1, 0])]
    together = PlayItBackLoss(tasks=[3, 4])
    losses = together(output, torch.cat([verbs, nouns], dim=1))

    def part(columns):
        fields = ("logits", "pass_logits")
        fields += ("foreground_logits", "background_logits")
        return output._replace(
            **{name: getattr(output, name)[..., columns] for name in fields}
        )

    of_verbs = PlayItBackLoss()(part(slice(0, 3)), verbs)
    of_nouns = PlayItBackLoss()(part(slice(3, 7)), nouns)
    for name in ("fused", "passes", "foreground", "background"):
        expected = (of_verbs[name] + of_nouns[name]) / 2
        assert losses[name].item() == pytest.approx(expected.item(), rel=1e-5)
    probabilities = together.probabilities(output.logits)
    assert torch.allclose(
        probabilities[:, :3], output.logits[:, :3].softmax(-1)
    )
    assert torch.allclose(probabilities.sum(-1), torch.tensor(2.0))


def test_ranking_of_tasks_is_that_of_their_mean_probability():
    output = random_output(passes=1, classes=4)
    foreground = torch.tensor([[[9.0, -9.0, 0.0, 0.0]]]).expand(4, 1, 4)
    background = torch.zeros(4, 1, 4)
    output = output._replace(
        foreground_logits=foreground, background_logits=background
    )
    right = torch.tensor([[1.0, 0.0, 1.0, 0.0]]).expand(4, 4)
    wrong = torch.tensor([[0.0, 1.0, 1.0, 0.0]]).expand(4, 4)
    loss = PlayItBackLoss(tasks=[2, 2])
    # Of the true classes: (1 + .5) / 2 and (0 + .5) / 2 against .5.
    assert loss(output, right)["ranking"].item() == 0.0
    assert loss(output, wrong)["ranking"].item() == pytest.approx(0.3, abs=1e-4)


def test_label_smoothing_shares_a_part_among_all_classes():
    output, targets = random_output(), torch.eye(5)[[0, 2, 4, 4]]
    smoothed = PlayItBackLoss(label_smoothing=0.2)(output, targets)
    by_hand = PlayItBackLoss()(output, 0.8 * targets + 0.2 / 5)
    for name in ("fused", "passes", "foreground"):
        assert smoothed[name].item() == pytest.approx(by_hand[name].item())


def test_the_ranking_has_the_margin_that_it_is_given():
    probabilities = torch.tensor([0.7, 0.2, 0.1])
    output = PlayItBackOutput(
        torch.zeros(1, 3),
        torch.zeros(1, 1, 3),
        foreground_logits=probabilities.log().view(1, 1, 3),
        background_logits=torch.zeros(1, 1, 3),
        attention=torch.zeros(1, 1, 2),
    )
    losses = PlayItBackLoss(margin=0.9)(output, torch.eye(3)[:1])
    assert losses["ranking"].item() == pytest.approx(0.9 - (0.7 - 1 / 3))


def test_probabilities_of_independent_classes_do_not_sum_to_one():
    logits = torch.tensor([[0.0, math.log(3.0), -math.log(4.0)]])
    probabilities = PlayItBackLoss(multi_label=True).probabilities(logits)
    torch.testing.assert_close(probabilities, torch.tensor([[0.5, 0.75, 0.2]]))
