"""Metrics against scikit-learn, SciPy and loops from the definitions.

Authors
 * The speechbrain_pib developers 2026
"""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn import metrics as sklearn_metrics

from speechbrain_pib.evaluation.metrics import (
    area_under_curve,
    classes_ahead,
    d_prime,
    inside_segments,
    mean_average_precision,
    mean_class_accuracy,
    mean_interpolated_average_precision,
    segment_overlap,
    summarize_classification,
    top_k_accuracy,
)
from tests.helpers import read_published


def random_task(clips=200, classes=12, seed=0):
    """Scores that know something of the labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=clips)
    targets = np.eye(classes)[labels]
    return rng.normal(size=(clips, classes)) + targets, labels, targets


@pytest.mark.parametrize("k", [1, 3, 5])
def test_top_k_equals_sklearn(k):
    scores, labels, targets = random_task()
    expected = sklearn_metrics.top_k_accuracy_score(labels, scores, k=k)
    assert top_k_accuracy(scores, targets, k) == pytest.approx(expected)


def test_constant_scores_are_never_right():
    targets = np.eye(6)[[0, 1, 5]]
    assert top_k_accuracy(np.zeros((3, 6)), targets, 1) == 0
    assert top_k_accuracy(np.zeros((3, 6)), targets, 5) == 0


def test_a_tie_for_the_last_place_is_a_miss():
    scores = np.array([[3.0, 2.0, 2.0, 1.0]])
    assert top_k_accuracy(scores, np.array([[0, 1, 0, 0]]), 2) == 0
    assert top_k_accuracy(scores, np.array([[0, 1, 0, 0]]), 3) == 1


def test_undefined_scores_are_never_right():
    targets = np.eye(4, dtype=bool)[[0, 3]]
    ahead = classes_ahead(np.full((2, 4), np.nan), targets)
    assert ahead.tolist() == [3, 3]


def test_the_best_of_several_true_classes_counts():
    scores = np.array([[4, 3, 2, 1]])
    assert top_k_accuracy(scores, np.array([[0, 1, 0, 1]]), 1) == 0
    assert top_k_accuracy(scores, np.array([[0, 1, 0, 1]]), 2) == 1
    assert top_k_accuracy(scores, np.zeros((1, 4)), 4) == 0


def test_mean_class_accuracy_as_scikit_learn():
    scores, labels, targets = random_task()
    expected = sklearn_metrics.balanced_accuracy_score(
        labels, scores.argmax(axis=1)
    )
    assert mean_class_accuracy(scores, targets) == pytest.approx(expected)
    # Classes without clips do not count.
    some = labels < 4
    guesses = scores[some].argmax(axis=1)
    right = [(guesses[labels[some] == c] == c).mean() for c in range(4)]
    value = mean_class_accuracy(scores[some], targets[some])
    assert value == pytest.approx(np.mean(right))
    assert np.isnan(mean_class_accuracy(scores, np.zeros_like(targets)))


def test_map_leaves_out_classes_without_positives():
    scores, _, targets = random_task()
    targets[:, 3] = 0
    targets[:, 7] = 0
    each = [
        sklearn_metrics.average_precision_score(targets[:, c], scores[:, c])
        for c in range(12)
        if c not in (3, 7)
    ]
    value, count = mean_average_precision(scores, targets)
    assert count == 10
    assert value == pytest.approx(np.mean(each))


def test_average_precision_by_hand():
    # Positives at ranks 1 and 3: (1/1 + 2/3) / 2.
    scores = np.array([[4.0], [3.0], [2.0], [1.0]])
    value, _ = mean_average_precision(scores, np.array([[1], [0], [1], [0]]))
    assert value == pytest.approx((1 + 2 / 3) / 2)


def test_area_is_the_chance_to_rank_a_positive_above_a_negative():
    scores, _, targets = random_task(clips=60, classes=4)
    targets[:, 2] = 1  # no negatives: left out
    areas = []
    for c in (0, 1, 3):
        positive = scores[targets[:, c] == 1, c][:, None]
        negative = scores[targets[:, c] == 0, c][None]
        areas.append((positive > negative).mean())
    assert area_under_curve(scores, targets) == pytest.approx(np.mean(areas))


def test_d_prime_is_the_normal_quantile_and_finite():
    for auc in (0.2, 0.5, 0.9, 0.968):
        assert d_prime(auc) == pytest.approx(2**0.5 * norm.ppf(auc))
    assert math.isfinite(d_prime(1.0)) and d_prime(1.0) > 7
    assert d_prime(0.0) == pytest.approx(-d_prime(1.0))


def test_summary_holds_plain_floats():
    scores, labels, targets = random_task()
    summary = summarize_classification(scores, targets)
    assert {type(value) for value in summary.values()} == {float}
    assert summary["top1"] == pytest.approx(top_k_accuracy(scores, targets))
    assert summary["d_prime"] == pytest.approx(d_prime(summary["AUC"]))
    assert summary["classes_with_positives"] == len(set(labels))


def test_any_class_of_a_multi_label_clip_is_a_hit():
    scores = np.array([[0.1, 0.9, 0.3], [0.9, 0.2, 0.1]])
    targets = np.array([[1, 1, 0], [0, 1, 1]])
    assert summarize_classification(scores, targets)["top1"] == 0.5


def test_nothing_to_average_gives_nan_not_an_error():
    summary = summarize_classification(np.ones((3, 1)), np.ones((3, 1)))
    assert math.isnan(summary["AUC"]) and math.isnan(summary["d_prime"])


@pytest.mark.parametrize(
    "scores, targets, message",
    [
        (np.full((2, 3), np.nan), np.zeros((2, 3)), "NaN"),
        (np.zeros((2, 3)), np.zeros((2, 4)), "clips, classes"),
        (np.zeros((2, 3)), np.full((2, 3), 0.5), "0 or 1"),
        (np.zeros((0, 3)), np.zeros((0, 3)), "clips, classes"),
    ],
)
def test_bad_input_is_an_error(scores, targets, message):
    with pytest.raises(ValueError, match=message):
        summarize_classification(scores, targets)


def slow_interpolated_average_precision(scores, targets):
    """Sum over the positives of the best precision from each on."""
    order = np.argsort(-scores)
    hits = np.cumsum(targets[order])
    precision = hits / np.arange(1, len(order) + 1)
    places = np.flatnonzero(targets[order])
    return sum(max(precision[place:]) for place in places) / targets.sum()


@pytest.mark.parametrize("seed", range(5))
def test_each_positive_counts_with_the_best_precision_from_there_on(seed):
    rng = np.random.default_rng(seed)
    scores = rng.random((40, 3))
    targets = (rng.random((40, 3)) < 0.2).astype(int)
    targets[0], targets[:, 1] = 1, 0  # a class without positives: left out
    each = [
        slow_interpolated_average_precision(scores[:, c], targets[:, c])
        for c in (0, 2)
    ]
    value = mean_interpolated_average_precision(scores, targets)
    assert value == pytest.approx(np.mean(each))
    assert np.isnan(mean_interpolated_average_precision(scores, 0 * targets))


def test_order_of_equal_scores_does_not_matter():
    scores = np.array([[0.5], [0.5], [0.5], [0.1]])
    for row in (0, 2):
        targets = np.eye(4)[:, [row]]
        value = mean_interpolated_average_precision(scores, targets)
        assert value == pytest.approx(1 / 3)


def test_precision_of_the_published_code():
    published = read_published("listen_to_look", "map")
    probabilities = published["scores"].softmax(-1).numpy()
    targets = np.eye(20)[published["labels"].numpy()]
    summary = summarize_classification(probabilities, targets)
    present = summary["classes_with_positives"]
    assert summary["mAP"] == pytest.approx(published["mean_ap_present_only"])
    # The published mean counts classes without positives as 0.
    assert summary["mAP"] * present / 20 == pytest.approx(published["mean_ap"])
    assert summary["top1"] == pytest.approx(published["top1"])
    interpolated = mean_interpolated_average_precision(probabilities, targets)
    assert interpolated > summary["mAP"]


def slow_overlap(mask, event, hop, steps=4000):
    """Overlap counted on a fine grid of instants."""
    instants = (np.arange(-steps, (len(mask) + 1) * steps) + 0.5) * hop / steps
    frame = np.rint(instants / hop).astype(int)
    inside = (frame >= 0) & (frame < len(mask))
    selected = inside & mask[np.clip(frame, 0, len(mask) - 1)]
    true = (instants > event[0]) & (instants < event[1])
    return (selected & true).sum() / max((selected | true).sum(), 1)


def test_overlap_equals_counting_instants(device):
    rng = np.random.default_rng(0)
    masks = rng.random((6, 20)) < 0.5
    masks[0], masks[1] = True, False
    start = rng.uniform(0, 0.15, size=6)
    events = np.stack([start, start + rng.uniform(0.01, 0.08, size=6)], axis=1)
    result = segment_overlap(
        torch.from_numpy(masks).to(device), torch.from_numpy(events), 0.0125
    )
    for value, mask, event in zip(result.tolist(), masks, events):
        assert value == pytest.approx(
            slow_overlap(mask, event, 0.0125), abs=2e-3
        )


def test_overlap_of_the_exact_frames_is_one_and_of_nothing_zero():
    masks = torch.tensor([[0, 1, 1, 0], [0, 0, 0, 0]], dtype=torch.bool)
    events = torch.tensor([[0.05, 0.25], [0.1, 0.1]])
    overlap = segment_overlap(masks, events, 0.1)
    torch.testing.assert_close(overlap, torch.tensor([1.0, 0.0]))


def test_a_step_is_inside_from_start_to_stop():
    segments = torch.tensor([[[1.0, 2.5], [0.0, 0.0]]])
    inside = inside_segments(torch.tensor([[0, 1, 2, 3]]), segments)
    assert inside.tolist() == [[0.0, 1.0, 1.0, 0.0]]
