"""Metrics of many resamples of a test set at once, for a bootstrap.

A resample is told by how often each clip was drawn. What does not depend on
that, such as the order of the clips by their scores, is found once; the rest
are sums of counts. The values are those that the functions of
`speechbrain_pib.evaluation.metrics` have for the clips as they were drawn.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
from scipy.sparse import csr_array

from speechbrain_pib.evaluation.metrics import classes_ahead, d_prime


class ResampledAccuracies:
    """Shares of the clips that are right, of resamples.

    Arguments
    ---------
    clips : dict
        Name of each metric to two Boolean arrays [clips]: which are right,
        and which of all clips count.

    Example
    -------
    >>> right, counted = np.array([True, False]), np.array([True, True])
    >>> metrics = ResampledAccuracies({"top1": (right, counted)})
    >>> metrics(np.array([[1, 2], [1, 0]]))["top1"]
    array([0.5, 1. ])
    """

    def __init__(self, clips):
        self.names = list(clips)
        right = [right & counted for right, counted in clips.values()]
        self.right = csr_array(np.stack(right), dtype=np.float32)
        counted = [counted for _, counted in clips.values()]
        self.counted = csr_array(np.stack(counted), dtype=np.float32)

    def __call__(self, counts):
        """Compute the metrics.

        Arguments
        ---------
        counts : numpy.ndarray
            How often each clip was drawn, [clips, resamples].

        Returns
        -------
        metrics : dict
            Name to values [resamples], NaN where no clip counts.
        """
        values = _divide(self.right @ counts, self.counted @ counts)
        return dict(zip(self.names, values))


class ResampledClassification:
    """All metrics of classification, of resamples.

    Arguments
    ---------
    scores : numpy.ndarray
        Score of each class, [clips, classes].
    targets : numpy.ndarray
        1 where the clip has the class and 0 elsewhere, [clips, classes].

    Example
    -------
    >>> metrics = ResampledClassification(np.eye(6), np.eye(6))
    >>> metrics(np.ones((6, 1)))["mAP"]
    array([1.])
    """

    names = (
        "top1",
        "top5",
        "mAP",
        "AUC",
        "d_prime",
        "mCA",
        "interpolated_mAP",
    )

    def __init__(self, scores, targets):
        targets = targets.astype(bool)
        ahead = classes_ahead(scores, targets)
        everything = np.ones(len(targets), dtype=bool)
        self.accuracies = ResampledAccuracies(
            {"top1": (ahead < 1, everything), "top5": (ahead < 5, everything)}
        )
        self.class_accuracies = ResampledAccuracies(
            {index: (ahead < 1, has) for index, has in enumerate(targets.T)}
        )
        self.rankings = [
            _RankedClass(scores[:, index], targets[:, index])
            for index in np.flatnonzero(targets.any(axis=0))
        ]

    def __call__(self, counts):
        """Compute the metrics.

        Arguments
        ---------
        counts : numpy.ndarray
            How often each clip was drawn, [clips, resamples].

        Returns
        -------
        metrics : dict
            Name to values [resamples]: top1, top5, mAP, AUC and d_prime of
            `summarize_classification`, mCA of `mean_class_accuracy` and
            interpolated_mAP of `mean_interpolated_average_precision`.
        """
        precision, interpolated, area = _mean_where_defined(
            [ranking(counts) for ranking in self.rankings]
        )
        return {
            **self.accuracies(counts),
            "mAP": precision,
            "AUC": area,
            "d_prime": np.array([d_prime(value) for value in area]),
            "mCA": _mean_where_defined(
                list(self.class_accuracies(counts).values())
            ),
            "interpolated_mAP": interpolated,
        }


class _RankedClass:
    """The clips in the order of their scores of one class.

    The scores of its positive clips, the best first, are the cuts: what lies
    between two of them changes no ranking metric by its order.

    Arguments
    ---------
    scores : numpy.ndarray
        [clips].
    positive : numpy.ndarray
        Boolean [clips], True for one clip at least.
    """

    def __init__(self, scores, positive):
        cuts, places = np.unique(-scores[positive], return_inverse=True)
        self.positives = _adder(places, positive, len(cuts))
        # 2 k for a score above cut k and below the one before, 2 k + 1 at it.
        places = sum(
            np.searchsorted(cuts, -scores, side) for side in ("left", "right")
        )
        # Below the last cut no clip is ranked before a positive one.
        negative = ~positive & (places < 2 * len(cuts))
        self.negatives = _adder(places[negative], negative, 2 * len(cuts))

    def __call__(self, counts):
        """Compute average precision, the same interpolated, and the area under
        the ROC curve [3, resamples], NaN where they are not defined."""
        positives = (self.positives @ counts).astype(float)  # [cuts, resamples]
        negatives = (self.negatives @ counts).astype(float)
        found, false = positives.cumsum(axis=0), negatives.cumsum(axis=0)
        recalls = _divide(positives, found[-1])  # what each cut adds
        precision = found / np.maximum(found + false[1::2], 1)
        interpolated = np.maximum.accumulate(precision[::-1])[::-1]
        others = counts.sum(axis=0) - found[-1]
        ahead = _divide(false[0::2] + negatives[1::2] / 2, others)
        return np.stack(
            [
                (recalls * precision).sum(axis=0),
                (recalls * interpolated).sum(axis=0),
                (recalls * (1 - ahead)).sum(axis=0),
            ]
        )


def _adder(places, chosen, size):
    """Make a matrix [size, clips] that adds up the clips of each place."""
    clips = np.flatnonzero(chosen)
    ones = np.ones(len(clips), dtype=np.float32)
    return csr_array((ones, (places, clips)), shape=(size, len(chosen)))


def _divide(part, whole):
    """Divide in float64; NaN where there is nothing to divide by."""
    whole = np.where(whole > 0, whole, np.nan)
    return np.asarray(part, dtype=float) / whole


def _mean_where_defined(values):
    """Mean over the first dimension of what is not NaN; NaN if all are."""
    values = np.stack(values)
    return _divide(np.nansum(values, axis=0), (~np.isnan(values)).sum(axis=0))
