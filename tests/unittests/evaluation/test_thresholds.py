"""The threshold of evidence against a slow search.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from speechbrain_pib.evaluation.thresholds import find_threshold


@pytest.mark.parametrize("seed", range(5))
def test_no_other_threshold_has_a_better_f1(seed):
    rng = np.random.default_rng(seed)
    targets = rng.random((40, 3)) < 0.3
    evidence = (0.3 * targets + 0.4 * rng.random((40, 3))).astype(np.float32)
    threshold = find_threshold(evidence, targets)
    reached = f1_score(targets.ravel(), evidence.ravel() >= threshold)
    others = [
        f1_score(targets.ravel(), evidence.ravel() >= other)
        for other in np.linspace(0, 1, 500)
    ]
    assert reached >= max(others)
    assert not np.isin(threshold, evidence)


def test_where_nothing_is_held_there_is_none():
    assert find_threshold(np.ones((4, 2)), np.zeros((4, 2))) is None


def test_evidence_that_is_all_alike_reaches_its_threshold():
    evidence = np.full((3, 2), 0.2)
    assert 0 < find_threshold(evidence, np.ones((3, 2))) <= 0.2


def test_evidence_that_tells_nothing_has_no_threshold():
    assert find_threshold(np.zeros((2, 2)), np.eye(2)) is None
