"""Batch normalisation of padded sequences.

SpeechBrain's BatchNorm1d takes padding for data.

Authors
 * The speechbrain_pib developers 2026
"""

import torch


class MaskedBatchNorm(torch.nn.Module):
    """Batch normalisation whose statistics leave out padding.

    Where fewer than two elements are valid, a training step uses the running
    statistics and leaves them alone. Statistics are of each process by
    itself, as those of torch.nn.BatchNorm1d, whose parameters it has. It is
    no subclass: in distributed training SpeechBrain would replace it by
    torch.nn.SyncBatchNorm, which knows of no padding.

    Arguments
    ---------
    num_features : int
        Number of features.
    eps : float
        Added to the variance.
    momentum : float
        Share of a step in the running statistics.

    Example
    -------
    >>> norm = MaskedBatchNorm(3)
    >>> inputs = torch.randn(2, 5, 3)
    >>> valid = torch.ones(2, 5, dtype=torch.bool)
    >>> reference = torch.nn.BatchNorm1d(3)(inputs.flatten(0, 1))
    >>> torch.allclose(norm(inputs, valid).flatten(0, 1), reference, atol=1e-5)
    True
    """

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.weight = torch.nn.Parameter(torch.ones(num_features))
        self.bias = torch.nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, inputs, valid=None):
        """Normalise the valid elements.

        Arguments
        ---------
        inputs : torch.Tensor
            [..., num_features]
        valid : torch.Tensor
            Boolean [...], False for what takes no part in the statistics.

        Returns
        -------
        normalised : torch.Tensor
            [..., num_features], in float32 at least.
        """
        inputs = inputs.to(
            torch.promote_types(inputs.dtype, self.running_mean.dtype)
        )
        mean, variance = self.running_mean, self.running_var
        if self.training:
            mean, variance = self._batch_statistics(inputs, valid)
        scale, shift = self.scale_and_shift(mean, variance)
        return torch.addcmul(shift, inputs, scale)

    def scale_and_shift(self, mean, variance):
        """Compute the scale and shift of normalisation by given statistics.

        Arguments
        ---------
        mean : torch.Tensor
            [num_features]
        variance : torch.Tensor
            [num_features]

        Returns
        -------
        scale : torch.Tensor
            [num_features]
        shift : torch.Tensor
            [num_features]
        """
        scale = self.weight * (variance + self.eps).rsqrt()
        return scale, self.bias - mean * scale

    def _batch_statistics(self, inputs, valid):
        """Compute statistics of valid elements and update the running ones."""
        rows = inputs.flatten(0, -2)
        share = rows.new_ones(len(rows), 1)
        if valid is not None:
            share = share * valid.reshape(-1, 1)
        count = share.sum()
        # Sums, not matrix products, which autocast would do in half precision.
        mean = (share * rows).sum(dim=0) / count.clamp(min=1)
        squares = share * (rows - mean).square()
        variance = squares.sum(dim=0) / count.clamp(min=1)
        enough = count > 1
        with torch.no_grad():
            unbiased = variance * count / (count - 1).clamp(min=1)
            step = self.momentum * enough
            mean_before = self.running_mean.clone()
            variance_before = self.running_var.clone()
            self.running_mean.lerp_(mean.to(mean_before), step)
            self.running_var.lerp_(unbiased.to(variance_before), step)
            self.num_batches_tracked.add_(enough)
        mean = torch.where(enough, mean, mean_before)
        return mean, torch.where(enough, variance, variance_before)
