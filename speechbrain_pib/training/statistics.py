"""What the batches of a stage report, added up.

Authors
 * The speechbrain_pib developers 2026
"""

import functools
import math
from typing import NamedTuple

import numpy as np
import torch
import yaml
from speechbrain.utils.checkpoints import (
    mark_as_loader,
    mark_as_saver,
    register_checkpoint_hooks,
)
from speechbrain.utils.distributed import if_main_process

from speechbrain_pib.evaluation.scores import all_gather


class Total(NamedTuple):
    """What a value added up to.

    Arguments
    ---------
    sum : float
        Of the finite values.
    finite : int
        Number of them.
    count : int
        Number of all values.

    Example
    -------
    >>> Total(3.0, 2, 5).mean, Total(3.0, 2, 5).nonfinite
    (1.5, 3)
    """

    sum: float
    finite: int
    count: int

    @property
    def mean(self):
        """Of the finite values; NaN if there are none."""
        return self.sum / self.finite if self.finite else math.nan

    @property
    def nonfinite(self):
        """Number of values that are NaN or infinite."""
        return self.count - self.finite


# All processes call the saver, as it collects what they have.
@functools.partial(register_checkpoint_hooks, save_on_main_only=False)
class StageStatistics:
    """Add up the values of a stage, over batches and processes.

    Tensors stay on their device until they are asked for. A checkpoint inside
    an epoch holds the totals so far, so that the log of a resumed epoch tells
    of all of it.

    Example
    -------
    >>> statistics = StageStatistics()
    >>> for loss in (1.0, 3.0, math.nan):
    ...     statistics.append({"loss": torch.tensor(loss)})
    >>> statistics.gather()
    {'loss': Total(sum=4.0, finite=2, count=3)}
    """

    def __init__(self):
        self.reset()

    def reset(self):
        """Forget everything."""
        self.totals, self.values = {}, []

    def append(self, values):
        """Add the values of a batch.

        Arguments
        ---------
        values : dict of torch.Tensor
            Name to a tensor of one element; the same names in every batch.
        """
        self.values.append({k: v.detach() for k, v in values.items()})

    def gather(self):
        """Add up what all processes have; every rank must call it.

        Returns
        -------
        totals : dict of Total
        """
        for name in self.values[0] if self.values else ():
            values = torch.stack([part[name] for part in self.values])
            self._add(name, _add_up(values.double().cpu().numpy()))
        self.values = []
        gathered = StageStatistics()
        for part in all_gather(self.totals):
            for name, total in part.items():
                gathered._add(name, total)
        return gathered.totals

    def _add(self, name, total):
        """Add to a total."""
        before = self.totals.get(name, Total(0.0, 0, 0))
        self.totals[name] = Total(*map(sum, zip(before, total)))

    @mark_as_saver
    def save(self, path):
        """Save the totals of all processes, for the main one to go on from.

        Arguments
        ---------
        path : str or Path
            File to write.
        """
        totals = {name: list(total) for name, total in self.gather().items()}
        if if_main_process():
            with open(path, "w", encoding="utf-8") as file:
                yaml.safe_dump(totals, file)

    @mark_as_loader
    def load(self, path, end_of_epoch):
        """Load the totals of all processes, into the main one.

        Arguments
        ---------
        path : str or Path
            File that `save` wrote.
        end_of_epoch : bool
            Not used: a new stage forgets them.
        """
        self.reset()
        if if_main_process():
            with open(path, encoding="utf-8") as file:
                totals = yaml.safe_load(file)
            self.totals = {name: Total(*t) for name, t in totals.items()}


def _add_up(values):
    """Add up an array."""
    finite = np.isfinite(values)
    total = float(values[finite].sum())
    return Total(total, int(finite.sum()), len(values))
