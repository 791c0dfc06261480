"""What the Brains of recipes change of PlayItBackBrain.

Authors
 * The speechbrain_pib developers 2026
"""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from tests.helpers import load_recipe_module


def bare(recipe, name, **attributes):
    """A Brain without a model, with some attributes."""
    kind = getattr(load_recipe_module(recipe, "train"), name)
    brain = object.__new__(kind)
    vars(brain).update(attributes)
    return brain


class Clips(list):
    """A data set of labels."""

    def column(self, name):
        """The labels."""
        return list(self)


@pytest.mark.parametrize("balanced", [False, True])
def test_audioset_draws_rare_classes_as_often_where_it_is_asked_for(balanced):
    hparams = SimpleNamespace(
        balanced_sampling=balanced, seed=1, epoch_clips=1000
    )
    brain = bare("AudioSet", "AudioSetBrain", hparams=hparams)
    clips = Clips(["dog"] * 900 + ["cat"] * 100)
    drawn = Counter(clips[index] for index in brain.make_train_sampler(clips))
    if balanced:
        assert 400 < drawn["cat"] < 600
    else:
        assert drawn == Counter(clips)


def test_audioset_is_judged_by_mean_average_precision():
    brain = bare("AudioSet", "AudioSetBrain")
    scores = np.array([[0.9, 0.8], [0.4, 0.3]])
    targets = np.array([[1, 0], [1, 1]])
    metrics = brain.summarize(scores, targets, ["a", "b"])
    # Class 0 is found in both clips, class 1 after a wrong one.
    assert metrics[brain.best] == pytest.approx((1 + 1 / 2) / 2)


def test_epic_is_judged_by_actions_and_by_participants():
    groups = {
        "unseen_participants": ["P02"],
        "tail_verbs": [0],
        "tail_nouns": [],
    }
    brain = bare(
        "EPIC-KITCHENS-100",
        "EpicBrain",
        hparams=SimpleNamespace(tasks=[2, 2]),
        groups=groups,
    )
    scores = np.array([[0.9, 0.1, 0.8, 0.2], [0.9, 0.1, 0.3, 0.7]])
    targets = np.array([[1, 0, 1, 0], [1, 0, 1, 0]])
    ids = ["P01_02_3", "P02_01_7"]
    metrics = brain.summarize(scores, targets, ids)
    assert metrics["verb_top1"] == 1.0 and metrics["noun_top1"] == 0.5
    assert metrics[brain.best] == metrics["action_top1"] == 0.5
    assert metrics["unseen_noun_top1"] == 0.0
    assert metrics["tail_verb_top1"] == 1.0
    resampled = brain.resample(scores, targets, ids)
    # Each clip once; the first twice.
    found = resampled(np.array([[1, 2], [1, 0]]))
    assert {name: values[0] for name, values in found.items()} == metrics
    assert found["action_top1"][1] == 1.0
    assert brain.summarize(scores, 0 * targets, ids) == {}


def test_epic_sounds_tells_the_mean_over_its_classes():
    brain = bare("EPIC-SOUNDS", "EpicSoundsBrain")
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    targets = np.array([[1, 0], [1, 0], [1, 0], [0, 1]])
    metrics = brain.summarize(scores, targets, list("abcd"))
    assert metrics[brain.best] == 0.75 and metrics["mCA"] == 0.5
    assert brain.summarize(scores, 0 * targets, list("abcd")) == {}
