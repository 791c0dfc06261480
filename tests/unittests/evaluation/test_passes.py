"""Scores after each pass, and the truth that an oracle knows, in slow loops."""

import numpy as np
import pytest
import torch

from speechbrain_pib.evaluation.passes import PassScores

CLIPS, VIEWS, PASSES, CLASSES = 6, 2, 3, 5


def filled(multi_label=False, tasks=None, targets=None):
    """Random probabilities, appended in batches that are out of order."""
    torch.manual_seed(0)
    probabilities = torch.rand(CLIPS, VIEWS, PASSES, CLASSES)
    if targets is None:
        targets = torch.eye(CLASSES)[torch.arange(CLIPS) % CLASSES]
    passes = PassScores(multi_label, tasks)
    for rows in ([4, 5], [0, 1, 2, 3]):
        names = [f"clip {row}" for row in rows]
        passes.append(names, targets[rows], probabilities[rows])
    return passes.gather(), probabilities.numpy(), targets.numpy()


def test_probabilities_are_those_of_each_clip():
    passes, probabilities, targets = filled()
    np.testing.assert_array_equal(passes.probabilities, probabilities)
    np.testing.assert_array_equal(passes.clips.targets, targets)
    np.testing.assert_array_equal(passes.confidences, probabilities.max(-1))


def test_views_leave_on_their_own_and_are_averaged():
    passes, probabilities, _ = filled()
    left = np.random.default_rng(0).integers(0, PASSES, (CLIPS, VIEWS))
    scores = passes.after(left)
    for clip in range(CLIPS):
        expected = sum(
            probabilities[clip, view, left[clip, view]] for view in range(VIEWS)
        )
        np.testing.assert_allclose(scores[clip], expected / VIEWS, rtol=1e-6)


@pytest.mark.parametrize("tasks", [None, [2, 3]])
def test_a_right_class_counts_more_than_its_probability(tasks):
    targets = torch.eye(CLASSES)[torch.arange(CLIPS) % CLASSES]
    if tasks:
        targets = torch.tensor([[1.0, 0, 0, 1, 0], [0, 1, 0, 0, 1]] * 3)
    passes, probabilities, targets = filled(tasks=tasks, targets=targets)
    parts = [slice(0, 2), slice(2, 5)] if tasks else [slice(0, 5)]
    truth = passes.truth()
    for index in np.ndindex(truth.shape):
        given, true = probabilities[index], targets[index[0]]
        expected = 0
        for part in parts:
            best = given[part].argmax() == true[part].argmax()
            expected += 2 * best + given[part] @ true[part]
        assert truth[index] == pytest.approx(expected / len(parts), rel=1e-5)


def test_each_independent_class_counts():
    targets = torch.tensor([[1.0, 0, 1, 0, 0]] * CLIPS)
    passes, probabilities, targets = filled(True, targets=targets)
    truth = passes.truth()
    for index in np.ndindex(truth.shape):
        right = [
            p if true else 1 - p
            for p, true in zip(probabilities[index], targets[0])
        ]
        assert truth[index] == pytest.approx(np.mean(right), rel=1e-5)
