"""Exponential moving average of a model's weights and buffers.

Authors
 * The speechbrain_pib developers 2026
"""

import itertools

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class MovingAverage(AveragedModel):
    """Average the weights of a model over its training steps.

    torch's AveragedModel, whose weights can be put in the place of the model's
    own, so that all that holds the model sees them. Buffers are averaged too:
    averaged weights have other statistics of batch normalization than the
    latest ones.

    Arguments
    ---------
    model : torch.nn.Module
        The model that is trained.
    decay : float
        Share of the average that each step keeps, such as 0.9999.

    Example
    -------
    >>> model = torch.nn.Linear(1, 1, bias=False)
    >>> _ = torch.nn.init.zeros_(model.weight)
    >>> average = MovingAverage(model, 0.9)
    >>> average.update_parameters(model)
    >>> _ = torch.nn.init.ones_(model.weight)
    >>> average.update_parameters(model)
    >>> average.exchange(model)
    >>> round(model.weight.item(), 3)
    0.1
    >>> average.exchange(model)
    >>> model.weight.item()
    1.0
    """

    def __init__(self, model, decay):
        if not 0 < decay < 1:
            raise ValueError(f"the decay must be in (0, 1), not {decay}")
        super().__init__(
            model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True
        )

    @torch.no_grad()
    def exchange(self, model):
        """Exchange weights and buffers of the average and of the model, in
        place; not before the first update.

        Arguments
        ---------
        model : torch.nn.Module
            The model that was averaged.
        """
        if self.n_averaged == 0:
            return
        for average, own in zip(_tensors(self.module), _tensors(model)):
            kept = own.clone()
            own.copy_(average)
            average.copy_(kept)


def _tensors(module):
    """Chain parameters and buffers."""
    return itertools.chain(module.parameters(), module.buffers())
