"""Probabilities after each pass of a test set, gathered over all processes.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import torch

from speechbrain_pib.evaluation.scores import ClipScores
from speechbrain_pib.nnet.confidence import confidence


class PassScores:
    """Probabilities after each pass, of each view of each clip.

    Arguments
    ---------
    multi_label : bool
        As for `confidence`.
    tasks : list of int
        As for `confidence`.

    Example
    -------
    >>> passes = PassScores()
    >>> probabilities = torch.tensor([[[[0.4, 0.6], [0.9, 0.1]]]])
    >>> passes.append(["a"], torch.eye(2)[:1], probabilities)
    >>> passes.gather().confidences.shape
    (1, 1, 2)
    >>> passes.after(np.array([[1]]))
    array([[0.9, 0.1]], dtype=float32)
    """

    def __init__(self, multi_label=False, tasks=None):
        self.multi_label = multi_label
        self.tasks = tasks
        self.clips = ClipScores()
        self.probabilities = None
        self.confidences = None

    def append(self, ids, targets, probabilities, readable=None):
        """Add the clips of a batch.

        Arguments
        ---------
        ids : list of str
            As for `ClipScores.append`.
        targets : torch.Tensor
            As there [batch, classes].
        probabilities : torch.Tensor
            [batch, views, passes, classes].
        readable : torch.Tensor
            As there [batch].
        """
        columns = probabilities.flatten(1, 2).unbind(1)
        scores = {str(index): column for index, column in enumerate(columns)}
        self.clips.append(ids, targets, scores, readable)
        self.views = probabilities.shape[1]

    def gather(self):
        """Collect the clips of all processes; every rank must call it.

        Fills `probabilities` [clips, views, passes, classes] and `confidences`
        [clips, views, passes].

        Returns
        -------
        PassScores
            Itself.
        """
        columns = list(self.clips.gather().scores.values())
        stacked = np.stack(columns, axis=1)  # [clips, views * passes, classes]
        shape = (len(stacked), self.views, -1, stacked.shape[2])
        self.probabilities = stacked.reshape(shape)
        self.confidences = confidence(
            torch.from_numpy(self.probabilities), self.multi_label, self.tasks
        ).numpy()
        return self

    def after(self, left):
        """Compute the scores if each view leaves after some pass.

        Arguments
        ---------
        left : numpy.ndarray
            Index of the pass [clips, views].

        Returns
        -------
        scores : numpy.ndarray
            Mean over the views [clips, classes].
        """
        chosen = np.take_along_axis(
            self.probabilities, left[..., None, None], axis=2
        )
        return chosen[:, :, 0].mean(axis=1)

    def truth(self):
        """Tell how right each pass is, for an oracle that knows the labels.

        Returns
        -------
        rightness : numpy.ndarray
            Mean probability of the right answers: those of the clip's classes
            or, of independent ones, of each class. Where classes exclude each
            other a right best class counts more than any probability
            [clips, views, passes].
        """
        targets = self.clips.targets[:, None, None]
        given = self.probabilities
        if self.multi_label:
            return np.where(targets > 0, given, 1 - given).mean(axis=-1)
        count = np.maximum(targets.sum(axis=-1), 1)
        of_truth = (given * targets).sum(axis=-1) / count
        ends = np.cumsum(self.tasks or [given.shape[-1]])[:-1]
        right = [
            np.take_along_axis(truth, best.argmax(-1, keepdims=True), -1)
            for truth, best in zip(
                np.split(np.broadcast_to(targets, given.shape), ends, axis=-1),
                np.split(given, ends, axis=-1),
            )
        ]
        return of_truth + 2 * np.concatenate(right, axis=-1).mean(axis=-1)
