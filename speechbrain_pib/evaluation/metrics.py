"""Classification metrics of whole test sets.

Macro averages of scikit-learn count a class without positives as zero. Here
means are over the classes for which the metric is defined.

Authors
 * The speechbrain_pib developers 2026
"""

from statistics import NormalDist

import numpy as np
import torch
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
)


def top_k_accuracy(scores, targets, k=1):
    """Compute the share of clips with a true class among the k best scores.

    Other classes with the very score of the true one are ranked before it, so
    that constant scores are never right by luck.

    Arguments
    ---------
    scores : numpy.ndarray
        Score of each class, [clips, classes].
    targets : numpy.ndarray
        1 where the clip has the class and 0 elsewhere, [clips, classes].
    k : int
        Number of guesses.

    Returns
    -------
    float

    Example
    -------
    >>> scores = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]])
    >>> targets = np.array([[0, 1, 0], [0, 0, 1]])
    >>> top_k_accuracy(scores, targets), top_k_accuracy(scores, targets, k=2)
    (0.5, 1.0)
    """
    scores, targets = _check(scores, targets)
    return float((classes_ahead(scores, targets) < k).mean())


def classes_ahead(scores, targets):
    """Count the wrong classes that are ranked before the best true one.

    Others with the very score of the true class are ranked before it, so that
    constant scores are never right by luck; so are all if that score is NaN.

    Arguments
    ---------
    scores : numpy.ndarray
        Score of each class, floats [clips, classes].
    targets : numpy.ndarray
        True where the clip has the class, [clips, classes].

    Returns
    -------
    ahead : numpy.ndarray
        [clips], 0 where the best score is that of a true class; infinite for
        a clip without a true class.

    Example
    -------
    >>> scores = np.array([[0.1, 0.6, 0.3], [0.4, 0.4, 0.2]])
    >>> classes_ahead(scores, np.array([[0, 0, 1], [1, 0, 0]], dtype=bool))
    array([1., 1.])
    """
    best = scores.max(axis=1, keepdims=True, initial=-np.inf, where=targets)
    ahead = (~(targets | (scores < best))).sum(axis=1)
    return np.where(targets.any(axis=1), ahead, np.inf)


def mean_class_accuracy(scores, targets):
    """Compute the top-1 accuracy of the clips of each class, mean over the
    classes with clips.

    Arguments
    ---------
    scores : numpy.ndarray
        Score of each class, [clips, classes].
    targets : numpy.ndarray
        1 where the clip has the class and 0 elsewhere, [clips, classes].

    Returns
    -------
    float
        NaN where no class has clips.

    Example
    -------
    >>> scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    >>> targets = np.array([[1, 0], [1, 0], [1, 0], [0, 1]])
    >>> mean_class_accuracy(scores, targets)
    0.5
    """
    scores, targets = _check(scores, targets)
    right = classes_ahead(scores, targets) == 0
    clips = targets.sum(axis=0)
    if not clips.any():
        return float("nan")
    found = (targets & right[:, None]).sum(axis=0)
    return float((found[clips > 0] / clips[clips > 0]).mean())


def mean_average_precision(scores, targets):
    """Compute average precision, mean over the classes with positives.

    Arguments
    ---------
    scores : numpy.ndarray
        Score of each class, [clips, classes].
    targets : numpy.ndarray
        1 where the clip has the class and 0 elsewhere, [clips, classes].

    Returns
    -------
    value : float
        NaN where no class has positives.
    classes_with_positives : int

    Example
    -------
    >>> scores = np.array([[0.9, 0.1, 0.3], [0.2, 0.8, 0.4]])
    >>> mean_average_precision(scores, np.array([[1, 0, 0], [0, 1, 0]]))
    (1.0, 2)
    """
    scores, targets = _check(scores, targets)
    chosen = targets.any(axis=0)
    if not chosen.any():
        return float("nan"), 0
    value = average_precision_score(targets[:, chosen], scores[:, chosen])
    return float(value), int(chosen.sum())


def area_under_curve(scores, targets):
    """Compute the area under the ROC curve, mean over classes.

    Arguments
    ---------
    scores : numpy.ndarray
        Score of each class, [clips, classes].
    targets : numpy.ndarray
        1 where the clip has the class and 0 elsewhere, [clips, classes].

    Returns
    -------
    float
        Mean over the classes with both positives and negatives; NaN where
        there are none.

    Example
    -------
    >>> scores = np.array([[0.9], [0.8], [0.1], [0.85]])
    >>> area_under_curve(scores, np.array([[1], [1], [0], [0]]))
    0.75
    """
    scores, targets = _check(scores, targets)
    chosen = targets.any(axis=0) & ~targets.all(axis=0)
    if not chosen.any():
        return float("nan")
    return float(roc_auc_score(targets[:, chosen], scores[:, chosen]))


def d_prime(auc, margin=1e-7):
    """Compute the separation of two unit normal distributions of this AUC.

    Arguments
    ---------
    auc : float
        Area under the ROC curve, from 0 to 1.
    margin : float
        The area is kept this far from 0 and 1, so that the result is finite:
        within 7.36 of zero by default.

    Returns
    -------
    float

    Example
    -------
    >>> round(d_prime(0.968), 3)
    2.619
    """
    if np.isnan(auc):
        return float("nan")
    auc = min(max(float(auc), margin), 1 - margin)
    return 2**0.5 * NormalDist().inv_cdf(auc)


def summarize_classification(scores, targets, ids=None):
    """Compute all metrics of a test set.

    Arguments
    ---------
    scores : numpy.ndarray
        Score of each class, [clips, classes].
    targets : numpy.ndarray
        1 where the clip has the class and 0 elsewhere, [clips, classes]. A
        clip of several classes is a top-k hit if any of them is.
    ids : list of str
        Name of each clip; these metrics do not need them.

    Returns
    -------
    dict
        Plain floats top1, top5, mAP, AUC, d_prime, and
        classes_with_positives, over which mAP is the mean.

    Example
    -------
    >>> summary = summarize_classification(np.eye(6), np.eye(6))
    >>> summary["top1"], summary["mAP"], summary["classes_with_positives"]
    (1.0, 1.0, 6.0)
    """
    scores, targets = _check(scores, targets)
    precision, classes_with_positives = mean_average_precision(scores, targets)
    auc = area_under_curve(scores, targets)
    return {
        "top1": top_k_accuracy(scores, targets, 1),
        "top5": top_k_accuracy(scores, targets, 5),
        "mAP": precision,
        "AUC": auc,
        "d_prime": d_prime(auc),
        "classes_with_positives": float(classes_with_positives),
    }


def mean_interpolated_average_precision(scores, targets):
    """Average precision as ActivityNet's toolkit defines it, mean over the
    classes with positives.

    The precision at a recall is the best at that recall or any larger one, so
    that the value is never below scikit-learn's. Clips with equal scores are
    taken together, whatever their order.

    Arguments
    ---------
    scores : numpy.ndarray
        Score of each class, [clips, classes].
    targets : numpy.ndarray
        1 where the clip has the class and 0 elsewhere, [clips, classes].

    Returns
    -------
    float
        NaN where no class has positives.

    Example
    -------
    >>> scores = np.array([[0.9], [0.8], [0.7], [0.6]])
    >>> targets = np.array([[0], [1], [1], [0]])
    >>> round(mean_interpolated_average_precision(scores, targets), 3)
    0.667
    """
    scores, targets = _check(scores, targets)
    values = []
    for index in np.flatnonzero(targets.any(axis=0)):
        precision, recall, _ = precision_recall_curve(
            targets[:, index], scores[:, index]
        )
        best = np.maximum.accumulate(precision)
        values.append(-np.sum(np.diff(recall) * best[:-1]))
    return float(np.mean(values)) if values else float("nan")


def segment_overlap(masks, events, frame_seconds):
    """Compute the overlap of the selected time with the true event.

    That is their intersection over union. Base frame i is the time from (i - 1/2) to (i + 1/2) hops.

    Arguments
    ---------
    masks : torch.Tensor
        True at the selected base frames, [clips, frames].
    events : torch.Tensor
        Start and stop of each clip's event in seconds, [clips, 2].
    frame_seconds : float
        Hop between base frames.

    Returns
    -------
    torch.Tensor
        One value from 0 to 1 per clip, [clips]; 0 where both are empty.

    Example
    -------
    >>> masks = torch.tensor([[False, True, True, False]])
    >>> segment_overlap(masks, torch.tensor([[0.5, 1.5]]), 1.0)
    tensor([0.5000])
    """
    events = events.to(device=masks.device, dtype=torch.float32)
    start, stop = events[:, :1], events[:, 1:]
    frames = torch.arange(masks.shape[1], device=masks.device)
    left = (frames - 0.5) * frame_seconds
    right = (frames + 0.5) * frame_seconds
    common = torch.minimum(stop, right) - torch.maximum(start, left)
    selected = masks.to(torch.float32)
    intersection = (common.clamp(min=0) * selected).sum(dim=1)
    event_seconds = (events[:, 1] - events[:, 0]).clamp(min=0)
    union = selected.sum(dim=1) * frame_seconds + event_seconds - intersection
    return intersection / union.clamp(min=torch.finfo(torch.float32).eps)


def inside_segments(steps, segments):
    """Tell whether the frame of a step is inside an annotated segment.

    Arguments
    ---------
    steps : torch.Tensor
        Indices, hence seconds [batch, count].
    segments : torch.Tensor
        Start and stop in seconds [batch, n, 2].

    Returns
    -------
    inside : torch.Tensor
        1 or 0 [batch, count].

    Example
    -------
    >>> segments = torch.tensor([[[1.4, 2.8], [5.0, 6.0]]])
    >>> inside_segments(torch.tensor([[1, 2, 5, 6]]), segments)
    tensor([[0., 1., 1., 0.]])
    """
    steps = steps.unsqueeze(-1)
    start, stop = segments.unsqueeze(1).unbind(-1)
    return ((steps >= start) & (steps < stop)).any(dim=-1).float()


def _check(scores, targets):
    """Return scores and Boolean targets as arrays, or raise an error."""
    scores, targets = np.asarray(scores), np.asarray(targets)
    # Whole numbers become floats, floats stay as they are.
    scores = scores.astype(np.result_type(scores, np.float16), copy=False)
    if scores.ndim != 2 or scores.shape != targets.shape or not scores.size:
        raise ValueError(
            "scores and targets must both be [clips, classes], not "
            f"{scores.shape} and {targets.shape}"
        )
    if np.isnan(scores).any():
        rows = np.flatnonzero(np.isnan(scores).any(axis=1))
        raise ValueError(f"{len(rows)} clips have NaN scores, first {rows[0]}")
    if not np.isin(targets, (0, 1)).all():
        raise ValueError("targets must be 0 or 1")
    return scores, targets.astype(bool)
