"""Learning-rate schedules with a warm-up: half a cosine, or steps.

SpeechBrain's schedulers set one rate for all parameter groups, and its cosine
has no warm-up; a factor for ``torch.optim.lr_scheduler.LambdaLR`` has neither
limit and is checkpointed as it is.

Authors
 * The speechbrain_pib developers 2026
"""

import bisect
import math


class WarmupCosine:
    """Linear warm-up, then half a cosine: a factor on base learning rates.

    Arguments
    ---------
    warmup : float
        Length of the linear warm-up in epochs.
    total : float
        Length of the whole training in epochs.
    start : float
        Factor at the start.
    end : float
        Factor at the end.

    Example
    -------
    >>> factor = WarmupCosine(1, 11, start=0.1, end=0.0)
    >>> [round(factor(epoch), 2) for epoch in (0, 0.5, 1, 6, 11, 20)]
    [0.1, 0.55, 1.0, 0.5, 0.0, 0.0]
    """

    def __init__(self, warmup, total, start=0.01, end=0.0):
        if warmup > total:
            raise ValueError(
                f"a warm-up of {warmup} epochs does not fit into a training "
                f"of {total} epochs"
            )
        self.warmup = warmup
        self.total = total
        self.start = start
        self.end = end

    def __call__(self, epoch):
        """Return the factor at a moment of the training.

        Arguments
        ---------
        epoch : float
            Epochs done so far, with fraction.

        Returns
        -------
        factor : float
        """
        if epoch < self.warmup:
            return self.start + (1 - self.start) * epoch / self.warmup
        progress = (epoch - self.warmup) / max(self.total - self.warmup, 1e-8)
        cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        return self.end + (1 - self.end) * cosine


class WarmupMultiStep:
    """Warm-up, then steps at milestones: a factor on base learning rates.

    Arguments
    ---------
    milestones : list of float
        Epochs at which the factor is multiplied by gamma, ascending.
    gamma : float
        What it is multiplied by.
    warmup : float
        Length of the warm-up in epochs.
    start : float
        Factor at the start of the warm-up, from which it rises linearly.

    Example
    -------
    >>> factor = WarmupMultiStep([15, 20], gamma=0.5, warmup=2, start=0.1)
    >>> [round(factor(epoch), 2) for epoch in (0, 1, 2, 14.9, 15, 20)]
    [0.1, 0.55, 1.0, 1.0, 0.5, 0.25]
    """

    def __init__(self, milestones, gamma=0.1, warmup=0, start=1e-5):
        if list(milestones) != sorted(milestones):
            raise ValueError(f"milestones {milestones} do not ascend")
        self.milestones = milestones
        self.gamma = gamma
        self.warmup = warmup
        self.start = start

    def __call__(self, epoch):
        """Return the factor at a moment of the training.

        Arguments
        ---------
        epoch : float
            Epochs done so far, with fraction.

        Returns
        -------
        factor : float
        """
        factor = self.gamma ** bisect.bisect_right(self.milestones, epoch)
        if epoch < self.warmup:
            factor *= self.start + (1 - self.start) * epoch / self.warmup
        return factor
