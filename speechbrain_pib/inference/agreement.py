"""How far two classifiers of the same classes agree, and how fast they are.

Authors
 * The speechbrain_pib developers 2026
"""

import time
from typing import NamedTuple

import torch

from speechbrain_pib.dataio.clip_datasets import clip_dataset


class Agreement(NamedTuple):
    """How a classifier compares with a reference, on the clips of a manifest.

    Arguments
    ---------
    clips : int
        How many were heard.
    unreadable : int
        How many could not be read.
    same_label : int
        Of how many the best label is the same, of each task.
    same_segments : int
        Of how many all selected segments are the same.
    largest_difference : float
        Between two probabilities of a class.
    top1 : tuple of float
        Share of clips whose best label is right, of each task: of the
        reference and of the classifier.
    ms_per_window : tuple of float
        Milliseconds that a window took, of both.

    Example
    -------
    >>> agreement = Agreement(2, 0, 2, 1, 0.01, (0.5, 0.5), (8.0, 4.0))
    >>> agreement.same_label / agreement.clips
    1.0
    """

    clips: int
    unreadable: int
    same_label: int
    same_segments: int
    largest_difference: float
    top1: tuple
    ms_per_window: tuple


def measure_agreement(reference, classifier, manifest):
    """Has two classifiers hear the clips of a manifest, one after the other.

    Arguments
    ---------
    reference : WindowedClassifier
        What is compared with.
    classifier : WindowedClassifier
        One with the same classes and windows.
    manifest : str
        CSV that a recipe wrote, such as its test.csv; clips are heard in as
        many windows as the classifier says, as in the recipe's test.

    Returns
    -------
    agreement : Agreement

    Raises
    ------
    ValueError
        If no clip of the manifest can be read, or a label of it is unknown.

    Example
    -------
    >>> measure_agreement(model, smaller, "test.csv")  # doctest: +SKIP
    """
    dataset = clip_dataset(
        manifest,
        reference.label_encoder,
        crop_seconds=reference.crop_seconds,
        sample_rate=reference.sample_rate,
        views=reference.views,
    )
    for one in (reference, classifier):
        # What is set up in a first call does not count.
        one.hear_windows(torch.zeros(1, one.n_samples), torch.ones(1))
    compared = [
        [_hear(one, item) for one in (reference, classifier)]
        for item in (dataset[index] for index in range(len(dataset)))
        if item["readable"].item()
    ]
    if not compared:
        raise ValueError(f"no clip of {manifest} can be read")
    pairs = list(zip(*compared))
    return Agreement(
        clips=len(compared),
        unreadable=len(dataset) - len(compared),
        same_label=sum(torch.equal(a.index, b.index) for a, b in compared),
        same_segments=sum(a.segments == b.segments for a, b in compared),
        largest_difference=max(
            (a.probabilities - b.probabilities).abs().max().item()
            for a, b in compared
        ),
        top1=tuple(
            sum(one.right for one in heard) / len(heard) for heard in pairs
        ),
        ms_per_window=tuple(
            1000
            * sum(one.seconds for one in heard)
            / sum(one.windows for one in heard)
            for heard in pairs
        ),
    )


class _Heard(NamedTuple):
    """What a classifier heard in a clip, and how long it took."""

    probabilities: torch.Tensor
    index: torch.Tensor
    segments: list
    right: bool
    windows: int
    seconds: float


def _hear(classifier, item):
    """Hears the windows of a clip."""
    wavs, lengths = item["wavs"], item["lengths"]
    start = time.perf_counter()
    probabilities, _, segments = zip(*classifier.hear_windows(wavs, lengths))
    seconds = time.perf_counter() - start
    mean = torch.stack(probabilities).mean(dim=0).cpu()
    _, _, index, _ = classifier.decide(mean.unsqueeze(0))
    right = bool(item["target"][index[0]].all())
    # What the last pass selects is not replayed.
    segments = [of_passes[:-1] for of_passes in segments]
    return _Heard(mean, index, segments, right, len(wavs), seconds)
