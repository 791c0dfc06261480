"""Tests of class-balanced sampling.

Authors
 * The speechbrain_pib developers 2026
"""

from collections import Counter

import numpy as np
import pytest

from speechbrain_pib.dataio.sampling import (
    class_balanced_sampler,
    class_balanced_weights,
)

LABELS = ["speech"] * 90 + ["speech|music"] * 8 + ["gong|music", "gong"]


def test_weights_are_sums_of_inverse_class_counts():
    classes = ["speech", "music", "gong"]
    targets = np.array(
        [[name in label.split("|") for name in classes] for label in LABELS]
    )
    expected = targets @ (1 / targets.sum(axis=0))
    assert class_balanced_weights(LABELS).numpy() == pytest.approx(expected)


def test_single_label_classes_are_drawn_equally_often():
    labels = ["speech"] * 900 + ["gong"] * 90 + ["music"] * 10
    sampler = class_balanced_sampler(labels, seed=3, epoch_clips=9000)
    drawn = Counter(labels[index] for index in sampler)
    assert drawn.total() == len(sampler) == 9000
    assert all(2700 < count < 3300 for count in drawn.values())


def test_draws_follow_seed_and_epoch():
    def draw(seed, epoch):
        sampler = class_balanced_sampler(LABELS, seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert draw(1, 1) == draw(1, 1)
    assert draw(1, 1) != draw(1, 2)
    assert draw(1, 1) != draw(2, 1)
    assert len(draw(1, 1)) == len(LABELS)
