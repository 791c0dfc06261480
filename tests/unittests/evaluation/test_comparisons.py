"""Differences between outputs, and their intervals.

Authors
 * The speechbrain_pib developers 2026
"""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import binom

from speechbrain_pib.evaluation.comparisons import (
    compare_outputs,
    require_same_test,
)
from speechbrain_pib.evaluation.resampled_metrics import (
    ResampledAccuracies,
    ResampledClassification,
)


def accuracy(right):
    """The accuracy of resamples, by what is right."""
    return ResampledAccuracies({"top1": (right, np.ones_like(right))})


def compare(right, other, **options):
    """The difference of two accuracies, and the ends of its interval."""
    outputs = {"fused": accuracy(right), "fused_random": accuracy(other)}
    found = compare_outputs(outputs, "fused", len(right), ["top1"], **options)
    ends = found["differences"]["fused_random"]["top1"]
    return ends["difference"], ends["low"], ends["high"]


def test_it_is_the_interval_of_a_difference_of_paired_proportions():
    clips = np.arange(5000)
    # Right in the first output alone: 5 % of the clips; in the other: 2 %.
    right, other = clips < 3500, (clips >= 250) & (clips < 3600)
    difference, low, high = compare(right, other, resamples=9999)
    assert difference == pytest.approx(0.05 - 0.02)
    half = 1.96 * np.sqrt((0.05 + 0.02 - 0.03**2) / 5000)
    assert low == pytest.approx(0.03 - half, abs=0.05 * half)
    assert high == pytest.approx(0.03 + half, abs=0.05 * half)


def test_it_has_the_quantiles_of_the_bootstrap_by_definition():
    """Two of twelve clips are right in one output alone: how often they are
    drawn is binomial."""
    right, other = np.arange(12) < 8, np.arange(12) < 6
    difference, low, high = compare(right, other, resamples=9999)
    assert difference == pytest.approx(2 / 12)
    assert low == binom.ppf(0.025, 12, 2 / 12) / 12
    assert high == pytest.approx(binom.ppf(0.975, 12, 2 / 12) / 12)


def test_it_covers_the_true_difference_in_95_of_100_tests():
    rng = np.random.default_rng(0)
    covered, tests, clips = 0, 400, 200
    for _ in range(tests):
        # Both right: 0.5; the first alone 0.2, the second alone 0.1.
        kinds = rng.choice(4, clips, p=[0.5, 0.2, 0.1, 0.2])
        right, other = np.isin(kinds, (0, 1)), np.isin(kinds, (0, 2))
        _, low, high = compare(right, other, resamples=300)
        covered += low <= 0.1 <= high
    assert 0.92 <= covered / tests <= 0.975


def ranked(rng, clips=60):
    """Three outputs on clips of several classes, one of which is noise."""
    targets = rng.random((clips, 5)) < 0.3
    noise = rng.normal(size=(3, clips, 5))
    return targets, {
        "fused": noise[0] + 2 * targets,
        "pass_0": noise[0] + 1.9 * targets,
        "fused_random": noise[2],
    }


def test_intervals_of_ranking_metrics_tell_noise_from_a_signal():
    targets, scores = ranked(np.random.default_rng(3))
    outputs = {
        name: ResampledClassification(values, targets)
        for name, values in scores.items()
    }
    names = ["mAP", "AUC"]
    found = compare_outputs(outputs, "fused", len(targets), names)
    assert (found["reference"], found["confidence_level"]) == ("fused", 0.95)
    assert found == json.loads(json.dumps(found))
    assert list(found["differences"]) == ["pass_0", "fused_random"]
    for name in names:
        near = found["differences"]["pass_0"][name]
        far = found["differences"]["fused_random"][name]
        for ends in (near, far):
            assert ends["low"] <= ends["difference"] <= ends["high"]
        assert far["low"] > 0.1
        # The noise of a pair is the same: it does not count.
        widths = [ends["high"] - ends["low"] for ends in (near, far)]
        assert widths[0] < 0.3 * widths[1]


def test_the_same_clips_have_the_same_interval_however_many_are_compared():
    targets, scores = ranked(np.random.default_rng(4))
    outputs = {
        name: ResampledClassification(values, targets)
        for name, values in scores.items()
    }
    every = compare_outputs(outputs, "fused", 60, ["mAP"])
    again = compare_outputs(outputs, "fused", 60, ["mAP"])
    assert every == again
    outputs.pop("pass_0")
    one = compare_outputs(outputs, "fused", 60, ["mAP"])
    assert (
        one["differences"]["fused_random"]
        == every["differences"]["fused_random"]
    )


def test_batches_of_resamples_do_not_matter(monkeypatch):
    right, other = np.arange(30) < 20, np.arange(30) % 2 == 0
    expected = compare(right, other)
    monkeypatch.setattr(
        "speechbrain_pib.evaluation.comparisons.COUNTS_AT_A_TIME", 7 * 30
    )
    assert compare(right, other) == expected


def test_what_is_not_defined_in_each_resample_has_no_interval(recwarn):
    right, other = np.array([True, True, False]), np.array([True, False, False])
    some = np.array([True, False, False])
    outputs = {
        name: ResampledAccuracies(
            {
                "tail_top1": (values, some),
                "none_top1": (values, values & ~values),
            }
        )
        for name, values in {"a": right, "b": other}.items()
    }
    found = compare_outputs(outputs, "a", 3, ["tail_top1", "none_top1"])
    assert found["differences"]["b"] == {
        "tail_top1": {"difference": 0.0, "low": None, "high": None},
        "none_top1": {"difference": None, "low": None, "high": None},
    }
    assert not recwarn.list
    with pytest.raises(ValueError, match="two clips or more"):
        compare(np.array([True]), np.array([False]))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"ids": ["a", "b", "x"]}, "1 of 3 clips of A are not in B.*is c"),
        ({"ids": list("abcde")}, "2 of 5 clips of B are not in A.*first is d"),
        ({"classes": ["cat", "owl"]}, "1 of 2 classes of A are not.*is dog"),
        ({"classes": ["dog", "cat"]}, "classes of A and B differ in order"),
        (
            {"targets": np.eye(2)[[0, 1, 1]]},
            "1 of 3 clips have other labels in B than in A, the first is c",
        ),
    ],
)
def test_other_clips_classes_and_labels_are_refused(changes, message):
    table = {"ids": list("abc"), "targets": np.eye(2)[[0, 1, 0]]}
    first, second = (
        {**table, "classes": ["cat", "dog"], **other} for other in ({}, changes)
    )
    files = [
        (name, SimpleNamespace(**table), table["classes"])
        for name, table in (("A", first), ("B", second))
    ]
    require_same_test(files[0], files[0])
    with pytest.raises(ValueError, match=message):
        require_same_test(*files)
