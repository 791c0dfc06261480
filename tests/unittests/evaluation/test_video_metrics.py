"""Interpolated average precision against its definition."""

import numpy as np
import pytest

from speechbrain_pib.evaluation.metrics import top_k_accuracy
from speechbrain_pib.evaluation.video_metrics import (
    interpolated_average_precision,
    mean_interpolated_average_precision,
    summarize_videos,
)
from tests.helpers import read_published


def slow_interpolated_average_precision(scores, targets):
    """Sum over the positives of the best precision from each on."""
    order = np.argsort(-scores)
    hits = np.cumsum(targets[order])
    precision = hits / np.arange(1, len(order) + 1)
    total = 0.0
    for place in np.flatnonzero(targets[order]):
        total += max(precision[place:])
    return total / targets.sum()


@pytest.mark.parametrize("seed", range(5))
def test_each_positive_counts_with_the_best_precision_from_there_on(seed):
    rng = np.random.default_rng(seed)
    scores = rng.random(40)
    targets = (rng.random(40) < 0.2).astype(int)
    targets[0] = 1
    assert interpolated_average_precision(scores, targets) == pytest.approx(
        slow_interpolated_average_precision(scores, targets)
    )


def test_order_of_equal_scores_does_not_matter():
    scores = np.array([0.5, 0.5, 0.5, 0.1])
    for targets in ([1, 0, 0, 0], [0, 0, 1, 0]):
        value = interpolated_average_precision(scores, np.array(targets))
        assert value == pytest.approx(1 / 3)


def test_classes_without_positives_are_not_averaged():
    scores = np.random.default_rng(0).random((6, 3))
    targets = np.zeros((6, 3))
    assert np.isnan(interpolated_average_precision(scores[:, 0], targets[:, 0]))
    assert mean_interpolated_average_precision(scores, targets)[1] == 0
    targets[2, 1] = 1
    value, classes = mean_interpolated_average_precision(scores, targets)
    single = interpolated_average_precision(scores[:, 1], targets[:, 1])
    assert (value, classes) == (single, 1)


def test_numbers_of_the_published_code():
    published = read_published("listen_to_look", "map")
    probabilities = published["scores"].softmax(-1).numpy()
    targets = np.eye(20)[published["labels"].numpy()]
    summary = summarize_videos(probabilities, targets)
    present = summary["classes_with_positives"]
    assert summary["mAP"] == pytest.approx(published["mean_ap_present_only"])
    # The published mean counts classes without positives as 0.
    assert summary["mAP"] * present / 20 == pytest.approx(published["mean_ap"])
    assert summary["interpolated_mAP"] > summary["mAP"]
    assert summary["top1"] == pytest.approx(published["top1"])
    assert top_k_accuracy(probabilities, targets) == summary["top1"]
