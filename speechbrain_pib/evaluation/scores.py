"""Scores of a test by clip, gathered over all processes.

SpeechBrain's metrics do not gather across ranks. Here every clip counts once,
however a distributed sampler repeats it.

Authors
 * The speechbrain_pib developers 2026
"""

from typing import NamedTuple

import numpy as np
import torch

from speechbrain_pib.evaluation.metrics import summarize_classification
from speechbrain_pib.utils.files import atomic_writer

TABLE = ("ids", "targets", "class_names")  # in a file; all others are scores


class _Part(NamedTuple):
    """The clips of a batch."""

    ids: list
    targets: torch.Tensor
    scores: dict
    readable: torch.Tensor


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
        self.nonfinite = None

    def append(self, ids, targets, scores, readable=None):
        """Add the clips of a batch.

        Arguments
        ---------
        ids : list of str
            Name of each clip.
        targets : torch.Tensor
            1 where the clip has the class and 0 elsewhere, [batch, classes].
        scores : dict of torch.Tensor
            Name of the output (such as "fused") to its scores, each
            [batch, classes]; the same names in every batch.
        readable : torch.Tensor
            Boolean [batch], False for clips to leave out of the scores, and to
            list as unreadable (default: there are none).
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
        if readable is None:
            readable = torch.ones_like(targets[:, 0], dtype=torch.bool)
        scores = {name: values.detach() for name, values in scores.items()}
        self.parts.append(_Part(list(ids), targets.detach(), scores, readable))

    def gather(self):
        """Collect the clips of all processes; every rank must call it.

        A clip that several ranks or batches hold is taken once, the first.
        Fills `ids` (sorted list), `targets` and `scores` (NumPy arrays), and
        the sorted lists of what is left out: `unreadable`, and `nonfinite`
        where a score is NaN or infinite.

        Returns
        -------
        ClipScores
            Itself.

        Raises
        ------
        ValueError
            If no clip is left.
        """
        tables = [table for table in all_gather(self._local()) if table]
        self.unreadable, self.nonfinite = (
            sorted({clip for table in tables for clip in table[name]})
            for name in ("unreadable", "nonfinite")
        )
        ids = np.concatenate([table["ids"] for table in tables] or [[]])
        if not len(ids):
            raise ValueError(
                f"no clip was scored: {len(self.unreadable)} could not be "
                f"read, {len(self.nonfinite)} have scores that are not finite"
            )
        unique, first = np.unique(ids, return_index=True)
        self.ids = unique.tolist()
        self.targets = np.concatenate([t["targets"] for t in tables])[first]
        self.scores = {
            name: np.concatenate([t["scores"][name] for t in tables])[first]
            for name in tables[0]["scores"]
        }
        return self

    def summarize(self, name, summarize=summarize_classification):
        """Compute the metrics of one output, after `gather`.

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
        """Write everything to an npz file, whole or not at all.

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
        with atomic_writer(path, "wb") as file:
            np.savez_compressed(
                file,
                ids=np.array(self.ids),
                targets=self.targets,
                class_names=np.array(class_names),
                **self.scores,
            )

    @classmethod
    def load(cls, path):
        """Read what `save` wrote.

        Arguments
        ---------
        path : str or Path
            File to read; it is data, and never run.

        Returns
        -------
        clips : ClipScores
            As after `gather`, the ids sorted.
        class_names : list of str
            Name of each class, in the order of the columns.

        Raises
        ------
        ValueError
            If the file is damaged or is no such file; it is named.
        """
        arrays = _read_arrays(path)
        ids, targets, class_names = (arrays.pop(name) for name in TABLE)
        clips = cls()
        order = np.argsort(ids)
        clips.ids = ids[order].tolist()
        clips.targets = targets[order]
        clips.scores = {name: values[order] for name, values in arrays.items()}
        return clips, class_names.tolist()

    def _local(self):
        """Join this process's clips as arrays; an empty dict if it has none."""
        if not self.parts:
            return {}
        ids, targets, scores, readable = zip(*self.parts)
        ids = np.array([name for batch in ids for name in batch])
        scores = {
            name: _to_numpy([batch[name] for batch in scores])
            for name in scores[0]
        }
        readable = finite = _to_numpy(readable)
        for values in scores.values():
            finite = finite & np.isfinite(values).all(axis=1)
        return {
            "ids": ids[finite],
            "targets": _to_numpy(targets)[finite],
            "scores": {name: values[finite] for name, values in scores.items()},
            "unreadable": ids[~readable].tolist(),
            "nonfinite": ids[readable & ~finite].tolist(),
        }

    def _require_gathered(self):
        """Raise where there is nothing to report yet."""
        if self.ids is None:
            raise RuntimeError("call gather() before asking for results")


def all_gather(value):
    """Collect what all processes have; every rank must call it.

    Arguments
    ---------
    value : object
        Anything that can be pickled.

    Returns
    -------
    values : list
        Of all ranks, in their order.

    Example
    -------
    >>> all_gather("of the only process")
    ['of the only process']
    """
    if not torch.distributed.is_initialized():
        return [value]
    values = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(values, value)
    return values


def _read_arrays(path):
    """Read the arrays of a file that `ClipScores.save` wrote."""
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            fault = _find_fault(arrays)
        except Exception as error:
            # Whatever damage makes zipfile and NumPy do, whose own words
            # advise to run what the file holds.
            fault = f"it is damaged or another file ({type(error).__name__})"
    if fault is not None:
        raise ValueError(f"{path} holds no scores of a test: {fault}")
    return arrays


def _find_fault(arrays):
    """Say why arrays are not those of a test; None if they are."""
    missing = [name for name in TABLE if name not in arrays]
    if missing:
        return f"{', '.join(missing)} is missing"
    ids, targets, class_names = (arrays[name] for name in TABLE)
    for name, texts in (("ids", ids), ("class_names", class_names)):
        if texts.ndim != 1 or texts.dtype.kind != "U" or not len(texts):
            return f"{name} is no list of text"
    unique, times = np.unique(ids, return_counts=True)
    if len(unique) < len(ids):
        return f"the clip {unique[times > 1][0]} is there more than once"
    if not np.isin(targets, (0, 1)).all():
        return "targets are not 0 or 1"
    if len(arrays) == len(TABLE):
        return "it has no scores"
    for name, values in arrays.items():
        if name in ("ids", "class_names"):
            continue
        if values.shape != (len(ids), len(class_names)):
            return (
                f"{name} is {list(values.shape)}, for {len(ids)} clips and "
                f"{len(class_names)} classes"
            )
        if values.dtype.kind not in "bfiu" or not np.isfinite(values).all():
            return f"{name} has values that are not finite"
    if not targets.any():
        return "no clip has a label"
    return None


def _to_numpy(batches):
    """Join tensors into one array, of float32 unless they are Boolean."""
    joined = torch.cat(list(batches)).cpu()
    return (
        joined.numpy() if joined.dtype == torch.bool else joined.float().numpy()
    )
