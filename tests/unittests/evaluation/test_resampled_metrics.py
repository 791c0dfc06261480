"""Metrics of resamples are those of the clips as they were drawn.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest

from speechbrain_pib.epic.metrics import find_right_clips, summarize_actions
from speechbrain_pib.evaluation.metrics import (
    mean_class_accuracy,
    mean_interpolated_average_precision,
    summarize_classification,
)
from speechbrain_pib.evaluation.resampled_metrics import (
    ResampledAccuracies,
    ResampledClassification,
)

CLIPS = 40


def draw(resamples, rng):
    """Clips of each resample, and how often each clip is in it."""
    drawn = rng.integers(0, CLIPS, (resamples, CLIPS))
    counts = [np.bincount(row, minlength=CLIPS) for row in drawn]
    return drawn, np.stack(counts, axis=1)


def one_label(rng):
    """A class of each clip; the last one is rare."""
    return np.eye(4)[rng.choice(4, CLIPS, p=[0.4, 0.3, 0.25, 0.05])]


def several_labels(rng):
    """Classes of each clip; one that all have, and one that none has."""
    targets = (rng.random((CLIPS, 7)) < 0.3).astype(float)
    targets[:, 0], targets[:, 1] = 1, 0
    return targets


@pytest.mark.parametrize("make_targets", [one_label, several_labels])
@pytest.mark.parametrize("levels", [None, 5], ids=["distinct", "tied"])
def test_each_resample_is_measured_as_its_clips_would_be(make_targets, levels):
    rng = np.random.default_rng(1)
    targets = make_targets(rng)
    scores = rng.normal(size=targets.shape) + targets
    if levels is not None:
        scores = np.round(scores * levels / np.ptp(scores))
    drawn, counts = draw(30, rng)
    metrics = ResampledClassification(scores, targets)
    found = metrics(counts)
    assert set(found) == set(metrics.names)
    for number, rows in enumerate(drawn):
        of_clips = scores[rows], targets[rows]
        expected = {
            **summarize_classification(*of_clips),
            "mCA": mean_class_accuracy(*of_clips),
            "interpolated_mAP": mean_interpolated_average_precision(*of_clips),
        }
        for name, values in found.items():
            assert values[number] == pytest.approx(expected[name]), name


def test_accuracies_of_actions_are_measured_so_too():
    rng = np.random.default_rng(2)
    parts = [np.eye(n)[rng.integers(0, n, CLIPS)] for n in (3, 4)]
    targets = np.concatenate(parts, axis=1)
    scores = rng.random(targets.shape) + 0.3 * targets
    people = np.array(["P1", "P2"])[rng.integers(0, 2, CLIPS)]
    groups = {
        "num_verbs": 3,
        "unseen_participants": ["P2"],
        "tail_verbs": [0],
        "tail_nouns": [1],
    }
    drawn, counts = draw(20, rng)
    metrics = ResampledAccuracies(
        find_right_clips(scores, targets, people, **groups)
    )
    found = metrics(counts)
    assert len(found) == 18
    for number, rows in enumerate(drawn):
        expected = summarize_actions(
            scores[rows], targets[rows], people[rows], **groups
        )
        for name, values in found.items():
            assert values[number] == pytest.approx(expected[name]), name


def test_what_is_not_defined_is_not_a_number():
    targets = np.eye(2)[[0, 0, 1]]
    metrics = ResampledClassification(np.eye(2)[[0, 1, 1]], targets)
    # The second resample has one class alone: nothing is negative for it.
    found = metrics(np.array([[1, 2], [1, 1], [1, 0]]))
    assert np.isnan(found["AUC"]).tolist() == [False, True]
    assert np.isnan(found["d_prime"]).tolist() == [False, True]
    assert found["mAP"][1] == found["mCA"][1] * 3 / 2 == 1.0
