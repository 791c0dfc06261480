"""Curves of accuracy over cost: what leaving when sure is worth."""

import itertools

import numpy as np
import pytest
import torch

from speechbrain_pib.evaluation.budget_curves import (
    describe_curve,
    leave_by_gain,
    trace_curve,
)
from speechbrain_pib.evaluation.budget_plots import plot_curve
from speechbrain_pib.evaluation.budgets import BudgetTable
from speechbrain_pib.evaluation.metrics import summarize_classification
from speechbrain_pib.evaluation.passes import PassScores
from speechbrain_pib.evaluation.resampled_metrics import ResampledClassification

CLIPS = 400


def summarize(scores, targets, ids):
    """As a brain does."""
    return summarize_classification(scores, targets)


def resample(scores, targets, ids):
    """As a brain does."""
    return ResampledClassification(scores, targets)


def trace(knows):
    """A curve where the first pass is right and sure of half of the clips, or
    right of them and no surer than of the others; the second always is right."""
    rng = np.random.default_rng(0)
    targets = np.eye(4)[np.arange(CLIPS) % 4]
    easy = rng.permutation(CLIPS) < CLIPS // 2
    shown = np.where(easy, np.arange(CLIPS), np.arange(CLIPS) + 1) % 4
    sure = rng.uniform(0.4, 0.6, CLIPS)
    if knows:
        sure = np.where(easy, sure + 0.3, sure)
    first = (1 - sure[:, None]) / 3 + np.eye(4)[shown] * (
        sure - (1 - sure) / 3
    )[:, None]
    probabilities = np.stack([first, 0.1 + 0.6 * targets], axis=1)
    passes = PassScores()
    names = [f"{clip:03}" for clip in range(CLIPS)]
    passes.append(
        names, torch.tensor(targets), torch.tensor(probabilities).unsqueeze(1)
    )
    passes.gather()
    gmacs = [1.0, 1.0]
    budgets = BudgetTable.solve(passes.confidences.reshape(-1, 2), gmacs)
    return trace_curve(passes, budgets, "top1", summarize, resample)


@pytest.fixture(scope="module")
def curves():
    """With a confidence that knows what is right, and with one that does not."""
    return {knows: trace(knows) for knows in (True, False)}


def test_the_ends_are_the_passes_alone(curves):
    curve = curves[True]
    first, *_, last = curve["points"]
    assert curve["alone"] == [0.5, 1.0]
    assert (first["gmacs"], first["until_sure"]) == (1.0, 0.5)
    assert (last["gmacs"], last["until_sure"]) == (2.0, 1.0)
    assert first["difference"] == last["difference"] == 0


def test_a_confidence_that_knows_saves_half_of_the_replays(curves):
    (point,) = (p for p in curves[True]["points"] if p["budget"] == 0.7)
    assert point["gmacs"] == pytest.approx(1.4, abs=0.01)
    # 40 % are replayed, all of them hard; of random ones half are.
    assert point["until_sure"] == point["oracle"] == pytest.approx(0.9)
    assert point["random"] == pytest.approx(0.7, abs=0.02)
    assert point["low"] > 0.1


def test_a_confidence_that_knows_nothing_is_as_good_as_chance(curves):
    for point in curves[False]["points"]:
        assert abs(point["until_sure"] - point["random"]) < 0.05
        assert point["low"] < 0.03 and point["high"] > -0.03
        assert point["oracle"] >= point["until_sure"]


def test_the_oracle_is_the_best_of_all_ways_to_leave():
    rng = np.random.default_rng(0)
    truth = rng.random((3, 2, 2))
    best = max(
        sum(row[k] for row, k in zip(truth.reshape(-1, 2), left))
        for left in itertools.product((0, 1), repeat=6)
        if sum(left) == 2
    )
    left = leave_by_gain(truth, [4, 2])
    assert np.take_along_axis(truth, left[..., None], 2).sum() == best


def test_as_many_leave_after_each_of_several_passes():
    truth = np.random.default_rng(0).random((20, 1, 3))
    left = leave_by_gain(truth, [5, 7, 8])
    assert np.bincount(left.ravel()).tolist() == [5, 7, 8]


def test_a_curve_can_be_read_and_drawn(curves, tmp_path):
    text = describe_curve(curves[True])
    assert "| 0.70   | 1.4000 | 240, 160 " in text
    assert "All leave after pass 0: 0.5000." in text
    plot_curve(curves[True], tmp_path / "budget.png")
    assert (tmp_path / "budget.png").stat().st_size > 5000
