"""Metrics of untrimmed video classification.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
from sklearn.metrics import precision_recall_curve

from speechbrain_pib.evaluation.metrics import summarize_classification


def interpolated_average_precision(scores, targets):
    """Average precision of one class as ActivityNet's toolkit defines it.

    The precision at a recall is the best at that recall or any larger one, so
    that the value is never below scikit-learn's. Videos with equal scores are
    taken together, whatever their order.

    Arguments
    ---------
    scores : numpy.ndarray
        Score of the class for each video, [videos].
    targets : numpy.ndarray
        1 where the video has the class and 0 elsewhere, [videos].

    Returns
    -------
    float
        NaN where there are no positives.

    Example
    -------
    >>> scores = np.array([0.9, 0.8, 0.7, 0.6])
    >>> round(interpolated_average_precision(scores, np.array([0, 1, 1, 0])), 3)
    0.667
    """
    if not np.any(targets):
        return float("nan")
    precision, recall, _ = precision_recall_curve(targets, scores)
    best = np.maximum.accumulate(precision)
    return float(-np.sum(np.diff(recall) * best[:-1]))


def mean_interpolated_average_precision(scores, targets):
    """Interpolated average precision, mean over the classes with positives.

    Arguments
    ---------
    scores : numpy.ndarray
        Score of each class, [videos, classes].
    targets : numpy.ndarray
        1 where the video has the class and 0 elsewhere, [videos, classes].

    Returns
    -------
    value : float
        NaN where no class has positives.
    classes_with_positives : int

    Example
    -------
    >>> scores = np.array([[0.9, 0.1, 0.3], [0.2, 0.8, 0.4]])
    >>> targets = np.array([[1, 0, 0], [0, 1, 0]])
    >>> mean_interpolated_average_precision(scores, targets)
    (1.0, 2)
    """
    values = [
        interpolated_average_precision(scores[:, index], targets[:, index])
        for index in np.flatnonzero(np.any(targets, axis=0))
    ]
    return float(np.mean(values)) if values else float("nan"), len(values)


def summarize_videos(scores, targets, ids=None):
    """All metrics of a test set of videos.

    Arguments
    ---------
    scores : numpy.ndarray
        Probability of each class, [videos, classes]: logits of one video are
        not comparable with those of another.
    targets : numpy.ndarray
        1 where the video has the class and 0 elsewhere, [videos, classes].
    ids : list of str
        Name of each video; these metrics do not need them.

    Returns
    -------
    dict
        As summarize_classification, and interpolated_mAP.

    Example
    -------
    >>> summarize_videos(np.eye(6), np.eye(6))["interpolated_mAP"]
    1.0
    """
    summary = summarize_classification(scores, targets, ids)
    value, _ = mean_interpolated_average_precision(scores, targets)
    return {**summary, "interpolated_mAP": value}
