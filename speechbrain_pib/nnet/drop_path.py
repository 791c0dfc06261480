"""Stochastic depth: drops whole residual branches of single examples
(https://arxiv.org/abs/1603.09382).

Authors
 * The speechbrain_pib developers 2026
"""

import torch


class DropPath(torch.nn.Module):
    """Stochastic depth: zero a residual branch of random examples in training.

    Kept branches are scaled so that the expectation stays the same.

    Arguments
    ---------
    rate : float
        Probability that the branch of an example is dropped.

    Example
    -------
    >>> DropPath(0.5).eval()(torch.ones(2, 3)).sum()
    tensor(6.)
    """

    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def forward(self, x):
        """Apply stochastic depth.

        Arguments
        ---------
        x : torch.Tensor
            Output of a residual branch [batch, ...].

        Returns
        -------
        x : torch.Tensor
            The same shape.
        """
        if not self.training or self.rate == 0.0:
            return x
        shape = (x.shape[0],) + (1,) * (x.ndim - 1)
        keep = 1.0 - self.rate
        return x * x.new_empty(shape).bernoulli_(keep).div_(keep)
