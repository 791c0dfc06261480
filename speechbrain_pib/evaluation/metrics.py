"""Classification metrics over whole test sets, gathered across processes.

SpeechBrain's metrics do not gather across ranks, and macro averages of
scikit-learn count a class without positives as zero. Here every clip counts
once, however a distributed sampler repeats it, and means are over the classes
for which the metric is defined.

Authors
 * The speechbrain_pib developers 2026
"""

import itertools
import os
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score


def top_k_accuracy(scores, targets, k=1):
    """Share of clips with a true class among the k best scores.

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
    return float((_classes_ahead(scores, targets) < k).mean())


def _classes_ahead(scores, targets):
    """How many wrong classes are ranked before the best true one [clips];
    infinitely many where there is no true one."""
    best = np.where(targets, scores, -np.inf).max(axis=1, keepdims=True)
    ahead = (~targets & (scores >= best)).sum(axis=1)
    return np.where(targets.any(axis=1), ahead, np.inf)


def mean_class_accuracy(scores, targets):
    """Top-1 accuracy of the clips of each class, mean over the classes with
    clips.

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
    right = _classes_ahead(scores, targets) == 0
    clips = targets.sum(axis=0)
    if not clips.any():
        return float("nan")
    found = (targets & right[:, None]).sum(axis=0)
    return float((found[clips > 0] / clips[clips > 0]).mean())


def mean_average_precision(scores, targets):
    """Average precision, mean over the classes with positives.

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
    """Area under the ROC curve, mean over classes.

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
    """Separation of two unit normal distributions that have this AUC.

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
    """All metrics of a test set.

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


def segment_overlap(masks, events, frame_seconds):
    """Intersection over union of the selected time with the true event.

    Base frame i stands for the time from (i - 1/2) to (i + 1/2) hops.

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


class _Part(NamedTuple):
    """The clips of a batch."""

    ids: list
    targets: torch.Tensor
    scores: dict
    unreadable: list

    def only(self, readable):
        """The same without the clips that could not be read."""
        if all(readable):
            return self
        rows = torch.tensor(readable, device=self.targets.device)
        return _Part(
            list(itertools.compress(self.ids, readable)),
            self.targets[rows],
            {name: values[rows] for name, values in self.scores.items()},
            [clip for clip, here in zip(self.ids, readable) if not here],
        )


class ClipScores:
    """Scores of a test set by clip, gathered over all processes.

    Tensors stay on their device until `gather`, so that `append` does not wait
    for the accelerator.

    Example
    -------
    >>> clips = ClipScores()
    >>> clips.append(["b", "a"], torch.eye(2), {"fused": torch.eye(2)})
    >>> clips.append(["a"], torch.eye(2)[1:], {"fused": torch.eye(2)[1:]})
    >>> clips.gather().ids
    ['a', 'b']
    >>> clips.summarize("fused")["top1"]
    1.0
    """

    def __init__(self):
        self.parts = []
        self.ids = None
        self.targets = None
        self.scores = None
        self.unreadable = None

    def append(self, ids, targets, scores, readable=None):
        """Adds the clips of a batch.

        Arguments
        ---------
        ids : list of str
            Name of each clip.
        targets : torch.Tensor
            1 where the clip has the class and 0 elsewhere, [batch, classes].
        scores : dict of torch.Tensor
            Name of the output (such as "fused") to its scores, each
            [batch, classes]; the same names in every batch.
        readable : list of bool
            Clips to leave out of the scores, and to list as unreadable, are
            False (default: there are none).
        """
        for name, values in scores.items():
            if values.shape != targets.shape or len(ids) != len(targets):
                raise ValueError(
                    f"scores '{name}' are {tuple(values.shape)} for "
                    f"{len(ids)} ids and targets {tuple(targets.shape)}"
                )
        if self.parts and scores.keys() != self.parts[0].scores.keys():
            raise ValueError(
                f"scores are named {sorted(scores)}, but "
                f"{sorted(self.parts[0].scores)} in the batches before"
            )
        scores = {name: values.detach() for name, values in scores.items()}
        part = _Part(list(ids), targets.detach(), scores, [])
        self.parts.append(part if readable is None else part.only(readable))

    def gather(self):
        """Collects the clips of all processes; every rank must call it.

        A clip that several ranks or batches hold is taken once, the first.
        Fills `ids` (sorted list), `targets` and `scores` (NumPy arrays), and
        `unreadable` (sorted list).

        Returns
        -------
        ClipScores
            Itself.

        Raises
        ------
        ValueError
            If there are no readable clips at all.
        """
        tables = [table for table in _all_gather(self._local()) if table]
        ids = np.concatenate([table["ids"] for table in tables] or [[]])
        if not len(ids):
            raise ValueError("no clip was scored: is the test set empty?")
        unique, first = np.unique(ids, return_index=True)
        self.ids = unique.tolist()
        self.targets = np.concatenate([t["targets"] for t in tables])[first]
        self.scores = {
            name: np.concatenate([t["scores"][name] for t in tables])[first]
            for name in tables[0]["scores"]
        }
        lost = {clip for table in tables for clip in table["unreadable"]}
        self.unreadable = sorted(lost)
        return self

    def summarize(self, name, summarize=summarize_classification):
        """Metrics of one output, after `gather`.

        Arguments
        ---------
        name : str
            Name of the scores.
        summarize : callable
            Of scores, targets [clips, classes] and ids.

        Returns
        -------
        metrics : dict
            What `summarize` returns.
        """
        self._require_gathered()
        return summarize(self.scores[name], self.targets, self.ids)

    def save(self, path, class_names):
        """Writes everything to an npz file, whole or not at all.

        Arguments
        ---------
        path : str or Path
            File to write, with arrays ids, targets, class_names and one
            array of scores [clips, classes] under each name.
        class_names : list of str
            Name of each class, in the order of the columns.
        """
        self._require_gathered()
        if len(class_names) != self.targets.shape[1]:
            raise ValueError(
                f"{len(class_names)} class names for scores of "
                f"{self.targets.shape[1]} classes; {path} is not written"
            )
        path = Path(path)
        temporary = path.with_name(path.name + ".part")
        with open(temporary, "wb") as file:
            np.savez_compressed(
                file,
                ids=np.array(self.ids),
                targets=self.targets,
                class_names=np.array(class_names),
                **self.scores,
            )
        os.replace(temporary, path)

    def _local(self):
        """This process's clips as NumPy arrays; empty where it has none."""
        if not self.parts:
            return {}
        ids, targets, scores, unreadable = zip(*self.parts)
        return {
            "ids": np.array([name for batch in ids for name in batch]),
            "targets": _to_numpy(targets),
            "scores": {
                name: _to_numpy([batch[name] for batch in scores])
                for name in scores[0]
            },
            "unreadable": [name for batch in unreadable for name in batch],
        }

    def _require_gathered(self):
        """Raises where there is nothing to report yet."""
        if self.ids is None:
            raise RuntimeError("call gather() before asking for results")


def _all_gather(value):
    """The values of all ranks, in order of rank."""
    if not torch.distributed.is_initialized():
        return [value]
    values = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(values, value)
    return values


def _to_numpy(batches):
    """Joins tensors into one float32 array."""
    return torch.cat(list(batches)).float().cpu().numpy()


def _check(scores, targets):
    """Scores and boolean targets as arrays, or an error."""
    scores, targets = np.asarray(scores), np.asarray(targets)
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
