"""Class-balanced sampling of clips with several labels, as in PSLA
(https://arxiv.org/abs/2102.01243).

Authors
 * The speechbrain_pib developers 2026
"""

from collections import Counter

import torch
from speechbrain.dataio.sampler import ReproducibleWeightedRandomSampler


def class_balanced_weights(labels):
    """Weights that are high for clips of rare classes.

    A class has the weight 1 / (number of its clips), a clip the sum of the
    weights of its classes.

    Arguments
    ---------
    labels : list of str
        Label of each clip: class names, joined by "|".

    Returns
    -------
    weights : torch.Tensor
        [clips], float64.

    Example
    -------
    >>> class_balanced_weights(["cat", "dog", "dog", "cat|dog"])
    tensor([0.5000, 0.3333, 0.3333, 0.8333], dtype=torch.float64)
    """
    # Far fewer different labels than clips: split each once.
    combinations = Counter(labels)
    clips = Counter()
    for label, count in combinations.items():
        for name in label.split("|"):
            clips[name] += count
    weights = {
        label: sum(1 / clips[name] for name in label.split("|"))
        for label in combinations
    }
    return torch.tensor(
        [weights[label] for label in labels], dtype=torch.float64
    )


def class_balanced_sampler(labels, *, seed, epoch_clips=None):
    """Draws clips with replacement, by `class_balanced_weights`.

    Arguments
    ---------
    labels : list of str
        Label of each clip: class names, joined by "|".
    seed : int
        Of the draws; they differ between epochs, see `set_epoch`.
    epoch_clips : int
        Number of clips in an epoch (default: as many as there are).

    Returns
    -------
    sampler : speechbrain.dataio.sampler.ReproducibleWeightedRandomSampler

    Example
    -------
    >>> labels = ["dog"] * 1000 + ["cat"]
    >>> sampler = class_balanced_sampler(labels, seed=0)
    >>> cats = sum(index == 1000 for index in sampler)
    >>> 400 < cats < 600
    True
    """
    return ReproducibleWeightedRandomSampler(
        class_balanced_weights(labels),
        epoch_clips or len(labels),
        replacement=True,
        seed=seed,
    )
