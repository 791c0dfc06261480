"""The steps that controls look at.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest
import torch

from speechbrain_pib.lobes.models.moment_sampling import (
    mean_of_all,
    moment_features,
    running_mean,
    sample_moments,
)
from speechbrain_pib.lobes.models.skimming import Skimmer


@pytest.mark.parametrize("selection", ["uniform", "random"])
def test_steps_are_inside_each_video_and_differ(selection):
    n_steps = torch.tensor([3, 10, 25])
    places = torch.rand(3, 25)
    selected = sample_moments(selection, n_steps, 3, places)
    for row, length in zip(selected.tolist(), n_steps.tolist()):
        assert len(set(row)) == 3
        assert 0 <= min(row) and max(row) < length


def test_uniform_steps_are_as_far_from_each_other():
    selected = sample_moments("uniform", torch.tensor([90]), 9)
    assert selected.tolist() == [[5, 15, 25, 35, 45, 55, 65, 75, 85]]


def test_random_steps_are_everywhere_equally_often():
    places = torch.rand(5000, 8, generator=torch.Generator().manual_seed(0))
    selected = sample_moments("random", torch.full((5000,), 8), 2, places)
    share = torch.bincount(selected.flatten(), minlength=8) / selected.numel()
    torch.testing.assert_close(
        share, torch.full((8,), 0.125), atol=0.02, rtol=0
    )


def test_a_video_shorter_than_asked_for_is_seen_whole():
    selected = sample_moments("random", torch.tensor([2]), 5, torch.rand(1, 7))
    assert sorted(selected[0].tolist()) in ([0, 0, 0, 1, 1], [0, 0, 1, 1, 1])


def test_an_unknown_selection_is_an_error():
    with pytest.raises(ValueError, match="uniform or random, not 'best'"):
        sample_moments("best", torch.tensor([2]), 1)


def test_means_are_those_of_a_loop():
    fused = torch.randn(2, 6, 3)
    selected = torch.tensor([[5, 0, 2], [1, 1, 4]])
    means = running_mean(fused, selected)
    for row in range(2):
        for count in range(1, 4):
            expected = fused[row, selected[row, :count]].mean(dim=0)
            torch.testing.assert_close(means[row, count - 1], expected)
    every = mean_of_all(fused, torch.tensor([6, 4]))
    torch.testing.assert_close(every[1], fused[1, :4].mean(dim=0))


def test_features_are_what_the_skimmer_classifies():
    sizes = {"input_size": 16, "hidden_size": 24, "key_size": 12}
    skimmer = Skimmer(7, looks=0, **sizes).eval()
    features = {"image": torch.randn(2, 5, 16), "audio": torch.randn(2, 5, 16)}
    fused = moment_features(skimmer, features)
    # Of a video of one step that step is the mean.
    expected = skimmer({k: v[:, :1] for k, v in features.items()}).logits
    torch.testing.assert_close(skimmer.classifier(fused[:, 0]), expected)
