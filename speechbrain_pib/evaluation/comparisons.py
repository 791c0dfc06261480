"""Differences between scores of the same clips, with their intervals.

Authors
 * The speechbrain_pib developers 2026
"""

import math
import warnings

import numpy as np
from scipy.stats import DegenerateDataWarning, bootstrap

CONFIDENCE_LEVEL = 0.95
RESAMPLES = 2000
SEED = 0
COUNTS_AT_A_TIME = 4_000_000  # 16 MB


def compare_outputs(outputs, reference, n_clips, names, resamples=RESAMPLES):
    """Compute how much better one output is than each of the others.

    The interval is that of the paired percentile bootstrap: clips are drawn
    with replacement, the same for all outputs, and each metric is computed of
    what was drawn. It covers which clips happened to be in the test. It does
    not cover the luck of a training, which takes several seeds.

    Arguments
    ---------
    outputs : dict
        Name of each output to its metrics of resamples, such as a
        ResampledClassification.
    reference : str
        Name of the output that is compared with each other one.
    n_clips : int
        Number of clips.
    names : list of str
        Names of the metrics to compare.
    resamples : int
        How often clips are drawn.

    Returns
    -------
    comparison : dict
        Fit for JSON: "reference", "confidence_level", "resamples" and
        "differences", from the name of each other output and that of each
        metric to "difference" (reference minus other), "low" and "high". Those
        are None where they are not defined, in one of the resamples or at all.

    Raises
    ------
    ValueError
        If there are fewer than two clips.

    Example
    -------
    >>> from speechbrain_pib.evaluation.resampled_metrics import (
    ...     ResampledAccuracies,
    ... )
    >>> good, fair = np.arange(50) < 50, np.arange(50) < 25
    >>> outputs = {
    ...     "fused": ResampledAccuracies({"top1": (good, good)}),
    ...     "fused_random": ResampledAccuracies({"top1": (fair, good)}),
    ... }
    >>> comparison = compare_outputs(outputs, "fused", 50, ["top1"])
    >>> comparison["differences"]["fused_random"]["top1"]
    {'difference': 0.5, 'low': 0.36, 'high': 0.64}
    """
    if n_clips < 2:
        raise ValueError("an interval over clips needs two clips or more")
    others = [name for name in outputs if name != reference]

    def subtract(counts):
        """Differences [others, metrics, resamples]."""
        values = {}
        for output, metrics in outputs.items():
            metrics = metrics(counts)
            values[output] = np.stack([metrics[name] for name in names])
        return np.stack([values[reference] - values[name] for name in others])

    differences = subtract(np.ones((n_clips, 1), dtype=np.float32))[..., 0]
    low, high = _interval(subtract, n_clips, resamples)
    ends = {"difference": differences, "low": low, "high": high}
    return {
        "reference": reference,
        "confidence_level": CONFIDENCE_LEVEL,
        "resamples": resamples,
        "differences": {
            other: {
                name: {end: _to_plain(ends[end][row, column]) for end in ends}
                for column, name in enumerate(names)
            }
            for row, other in enumerate(others)
        },
    }


def measure(metrics, n_clips):
    """Compute metrics of all clips, each once.

    Arguments
    ---------
    metrics : callable
        Of resamples, as for `compare_outputs`.
    n_clips : int
        Number of clips.

    Returns
    -------
    values : dict
        Name of each metric to a float, or None where it is not defined.

    Example
    -------
    >>> from speechbrain_pib.evaluation.resampled_metrics import (
    ...     ResampledClassification,
    ... )
    >>> measure(ResampledClassification(np.eye(6), np.eye(6)), 6)["mAP"]
    1.0
    """
    values = metrics(np.ones((n_clips, 1), dtype=np.float32))
    return {name: _to_plain(value) for name, (value,) in values.items()}


def require_same_test(first, second):
    """Raise unless two files of scores are of the same clips and labels.

    Arguments
    ---------
    first : tuple
        Name of a file, and what `ClipScores.load` returned for it.
    second : tuple
        The same of another file.

    Raises
    ------
    ValueError
        If classes, clips or labels differ; it says how many do, and names the
        first.

    Example
    -------
    >>> from types import SimpleNamespace
    >>> clips = SimpleNamespace(ids=["a", "b"], targets=np.eye(2))
    >>> fewer = SimpleNamespace(ids=["a"], targets=np.eye(2)[:1])
    >>> names = ["cat", "dog"]
    >>> require_same_test(("A", clips, names), ("B", fewer, names))
    Traceback (most recent call last):
        ...
    ValueError: 1 of 2 clips of A are not in B, the first is b
    """
    (path, clips, classes), (other, others, other_classes) = first, second
    _require_same("classes", path, classes, other, other_classes)
    _require_same("clips", path, clips.ids, other, others.ids)
    if classes != other_classes:
        raise ValueError(f"the classes of {path} and {other} differ in order")
    differ = (clips.targets != others.targets).any(axis=1)
    if differ.any():
        raise ValueError(
            f"{differ.sum()} of {len(differ)} clips have other labels in "
            f"{other} than in {path}, the first is "
            f"{clips.ids[differ.argmax()]}"
        )


def _require_same(what, path, names, other, others):
    """Raise unless two files hold the same names, in any order."""
    for source, here, elsewhere, there in (
        (path, names, other, others),
        (other, others, path, names),
    ):
        known = set(there)
        absent = [name for name in here if name not in known]
        if absent:
            raise ValueError(
                f"{len(absent)} of {len(here)} {what} of {source} are not in "
                f"{elsewhere}, the first is {absent[0]}"
            )


def _interval(statistic, n_clips, resamples):
    """Lower and upper ends of what a function of counts [clips, resamples]
    returns, without the last dimension; NaN where any of it is."""
    with warnings.catch_warnings():
        # Of the NaN, for which it blames another method.
        warnings.simplefilter("ignore", DegenerateDataWarning)
        return bootstrap(
            # The scores of a clip stay together, as places of clips are drawn.
            (np.arange(n_clips),),
            lambda drawn, axis: statistic(_count(drawn, n_clips)),
            n_resamples=resamples,
            batch=max(COUNTS_AT_A_TIME // n_clips, 1),
            vectorized=True,
            confidence_level=CONFIDENCE_LEVEL,
            method="percentile",
            rng=SEED,
        ).confidence_interval


def _count(drawn, n_clips):
    """Count how often each clip is in each resample: from their places
    [resamples, clips] to [clips, resamples]."""
    first = n_clips * np.arange(len(drawn))[:, None]
    counts = np.bincount((drawn + first).ravel(), minlength=drawn.size)
    # The sums over clips go through the memory in its order.
    return np.ascontiguousarray(counts.reshape(drawn.shape).T, np.float32)


def _to_plain(value):
    """A float; None for NaN, which JSON does not have."""
    return None if math.isnan(value) else float(value)
