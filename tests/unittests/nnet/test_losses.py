"""Losses against closed forms and slow loops."""

import math

import pytest
import torch

from speechbrain_pib.lobes.models.playitback import PlayItBackOutput
from speechbrain_pib.nnet.losses import PlayItBackLoss


def random_output(passes=2, classes=5):
    """An output of four clips with random logits, as in training."""
    return PlayItBackOutput(
        logits=torch.randn(4, classes),
        pass_logits=torch.randn(4, passes, classes),
        segment_logits=torch.randn(4, passes, classes),
        explored_logits=torch.randn(4, classes),
        preferences=torch.randn(4, passes - 1, 2).softmax(-1),
        attention=torch.rand(passes, 4, 13).unbind(),
    )


def slow_softmax(logits):
    """Probabilities of one task as plain numbers."""
    powers = [math.exp(logit) for logit in logits]
    return [power / sum(powers) for power in powers]


def slow_selection(output, targets, tasks, multi_label=False):
    """The negative marginal likelihood, number by number.

    The first pass and the random segment stand alone; of each replay and the
    random segment the probabilities are averaged before the logarithm is
    taken.
    """
    total, clips = 0.0, len(output.segment_logits)
    for clip in range(clips):
        explored = output.explored_logits[clip].tolist()
        parts = [*output.segment_logits[clip].tolist(), explored]
        shares = [1.0, *output.preferences[clip, :, 0].tolist(), 1.0]
        for heard, share in zip(parts, shares):
            first = 0
            for size in tasks:
                classes = slice(first, first + size)
                first += size
                if multi_label:
                    both = [
                        [1 / (1 + math.exp(-logit)) for logit in logits]
                        for logits in (heard[classes], explored[classes])
                    ]
                else:
                    both = map(
                        slow_softmax, (heard[classes], explored[classes])
                    )
                mean = [share * a + (1 - share) * b for a, b in zip(*both)]
                losses = []
                for p, target in zip(mean, targets[clip, classes].tolist()):
                    losses.append(-target * math.log(p))
                    if multi_label:
                        losses[-1] -= (1 - target) * math.log(1 - p)
                loss = sum(losses) / (size if multi_label else 1)
                total += loss / len(tasks) / clips
    return total


@pytest.mark.parametrize("passes", [1, 2, 4])
@pytest.mark.parametrize(
    "kind",
    ["labels", "soft", "smoothed", "tasks", "several", "some of several"],
)
def test_the_selection_is_the_marginal_likelihood_of_a_slow_loop(kind, passes):
    torch.manual_seed(0)
    output = random_output(passes, classes=7)
    targets = torch.eye(7)[[0, 2, 4, 4]]
    options, tasks = {}, [7]
    if kind == "soft":
        targets = torch.rand(4, 7).softmax(-1)
    elif kind == "tasks":
        options["tasks"] = tasks = [3, 4]
        targets = torch.cat(
            [torch.eye(3)[[0, 2, 1, 1]], torch.eye(4)[[3, 2, 1, 0]]], dim=1
        )
    elif kind == "several":
        targets = (torch.rand(4, 7) < 0.4).float()
    elif kind == "some of several":
        targets = torch.rand(4, 7)
    options["multi_label"] = "several" in kind
    expected_targets = targets
    if kind == "smoothed":
        options["label_smoothing"] = 0.2
        expected_targets = 0.8 * targets + 0.2 / 7
    losses = PlayItBackLoss(**options)(output, targets)
    expected = slow_selection(
        output, expected_targets, tasks, options["multi_label"]
    )
    assert losses["selection"].item() == pytest.approx(expected, rel=1e-4)


def test_single_label_terms_by_hand():
    torch.manual_seed(0)
    output, labels = random_output(), torch.tensor([0, 2, 4, 4])
    targets = torch.eye(5)[labels]
    loss = PlayItBackLoss(
        pass_weight=0.1, selection_weight=0.2, area_weight=0.3, share=0.4
    )
    losses = loss(output, targets)

    def nll(logits):
        return -logits.log_softmax(-1)[range(4), labels].mean()

    passes = sum(nll(output.pass_logits[:, p]) for p in range(2))
    area = (torch.stack(output.attention).mean(dim=2) - 0.4).square().mean()
    expected = nll(output.logits) + 0.1 * passes
    expected += 0.2 * slow_selection(output, targets, [5]) + 0.3 * area
    assert losses["loss"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert set(losses) == {"loss", "fused", "passes", "selection", "area"}


def test_without_a_random_segment_each_pass_classifies_by_itself():
    output = random_output()._replace(explored_logits=None, preferences=None)
    labels = torch.tensor([0, 2, 4, 4])
    losses = PlayItBackLoss()(output, torch.eye(5)[labels])
    expected = sum(
        -output.segment_logits[:, p].log_softmax(-1)[range(4), labels].mean()
        for p in range(2)
    )
    assert losses["selection"].item() == pytest.approx(expected.item())


def test_without_a_selector_there_is_no_selection():
    output = PlayItBackOutput(torch.randn(4, 5), torch.randn(4, 1, 5))
    losses = PlayItBackLoss(pass_weight=0.5)(output, torch.eye(5)[:4])
    assert set(losses) == {"loss", "fused", "passes"}


@pytest.mark.parametrize("multi_label", [False, True])
def test_the_attention_is_drawn_to_what_explains_the_target(multi_label):
    """Clip 0: the replay knows; 1: the random segment; 2: both alike."""
    knows = torch.tensor([4.0, -4.0, -4.0, -4.0])
    errs = torch.tensor([-4.0, 4.0, -4.0, -4.0])
    heard = torch.stack([knows, errs, knows])
    inside = torch.full((3, 1, 2), 0.3, requires_grad=True)
    output = PlayItBackOutput(
        torch.zeros(3, 4),
        torch.zeros(3, 2, 4),
        segment_logits=heard.unsqueeze(1).expand(3, 2, 4),
        explored_logits=torch.stack([errs, knows, knows]),
        preferences=inside / inside.sum(dim=2, keepdim=True),
        attention=torch.rand(2, 3, 13).unbind(),
    )
    targets = torch.eye(4)[[0, 0, 0]]
    PlayItBackLoss(multi_label)(output, targets)["selection"].backward()
    # What a step against the gradient does to the replay and the segment.
    steps = -inside.grad[:, 0]
    assert steps[0, 0] > 0.01 and steps[0, 1] < -0.01
    assert steps[1, 0] < -0.01 and steps[1, 1] > 0.01
    assert steps[2].abs().max() < 1e-6


@pytest.mark.parametrize("multi_label", [False, True])
def test_what_is_sure_and_wrong_is_still_learned_from(multi_label):
    heard = torch.tensor([[[-60.0, 60.0, 0.0]] * 2], requires_grad=True)
    output = PlayItBackOutput(
        torch.zeros(1, 3),
        torch.zeros(1, 2, 3),
        segment_logits=heard,
        explored_logits=heard.detach()[:, 1],
        preferences=torch.full((1, 1, 2), 0.5),
        attention=torch.rand(2, 1, 13).unbind(),
    )
    PlayItBackLoss(multi_label)(output, torch.eye(3)[:1])[
        "selection"
    ].backward()
    # Half as much as of the first pass, which is not mixed with anything.
    torch.testing.assert_close(heard.grad[:, 1], heard.grad[:, 0] / 2)


def test_what_is_preferred_learns_the_most():
    replayed = torch.zeros(2, 2, 4, requires_grad=True)
    output = PlayItBackOutput(
        torch.zeros(2, 4),
        torch.zeros(2, 2, 4),
        segment_logits=replayed,
        explored_logits=torch.zeros(2, 4),
        preferences=torch.tensor([[[0.9, 0.1]], [[0.1, 0.9]]]),
        attention=torch.rand(2, 2, 13).unbind(),
    )
    PlayItBackLoss()(output, torch.eye(4)[:2])["selection"].backward()
    of_replay = replayed.grad[:, 1].abs().sum(dim=1)
    assert (of_replay[0] / of_replay[1]).item() == pytest.approx(9, rel=1e-4)


@pytest.mark.parametrize("share", [0.2, 0.35])
def test_the_area_is_zero_at_the_share_and_rises_to_both_sides(share):
    def area(mean):
        # Some of it on every step, or all of it on a few.
        attention = torch.full((2, 1, 20), mean)
        attention[1, 0] = 0.0
        attention[1, 0, : round(20 * mean)] = 1.0
        output = random_output()._replace(attention=attention.unbind())
        return PlayItBackLoss(share=share)(output, torch.eye(5)[:4])["area"]

    assert area(share).item() == pytest.approx(0.0, abs=1e-12)
    assert area(share + 0.15).item() == pytest.approx(0.15**2)
    assert area(share - 0.15).item() == pytest.approx(0.15**2)


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
        fields = ("logits", "pass_logits", "segment_logits", "explored_logits")
        return output._replace(
            **{name: getattr(output, name)[..., columns] for name in fields}
        )

    of_verbs = PlayItBackLoss()(part(slice(0, 3)), verbs)
    of_nouns = PlayItBackLoss()(part(slice(3, 7)), nouns)
    for name in ("fused", "passes", "selection"):
        expected = (of_verbs[name] + of_nouns[name]) / 2
        assert losses[name].item() == pytest.approx(expected.item(), rel=1e-5)
    probabilities = together.probabilities(output.logits)
    assert torch.allclose(
        probabilities[:, :3], output.logits[:, :3].softmax(-1)
    )
    assert torch.allclose(probabilities.sum(-1), torch.tensor(2.0))


def test_label_smoothing_shares_a_part_among_all_classes():
    output, targets = random_output(), torch.eye(5)[[0, 2, 4, 4]]
    smoothed = PlayItBackLoss(label_smoothing=0.2)(output, targets)
    by_hand = PlayItBackLoss()(output, 0.8 * targets + 0.2 / 5)
    for name in ("fused", "passes", "selection"):
        assert smoothed[name].item() == pytest.approx(by_hand[name].item())


def test_probabilities_of_independent_classes_do_not_sum_to_one():
    logits = torch.tensor([[0.0, math.log(3.0), -math.log(4.0)]])
    probabilities = PlayItBackLoss(multi_label=True).probabilities(logits)
    torch.testing.assert_close(probabilities, torch.tensor([[0.5, 0.75, 0.2]]))
