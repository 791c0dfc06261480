"""The bank of features that skimming attends to: what a preview knows of each
step of a video, and the keys under which it is found.

Follows Listen to Look (https://arxiv.org/abs/1912.04487).

Authors
 * The speechbrain_pib developers 2026
"""

from collections.abc import Callable
from typing import NamedTuple

import torch

from speechbrain_pib.nnet.normalization import MaskedBatchNorm


def interpolate_preview(features, valid, factor):
    """Interpolate the features of all steps from every factor-th one.

    Departures from the published code (`resize_preview`): a sample stays at
    its own step, and the steps after the last sample of a video are as that
    sample, whatever the padding holds.

    Arguments
    ---------
    features : torch.Tensor
        Steps [batch, time, features], of which 0, factor, 2 factor, ... are
        read.
    valid : torch.Tensor
        Boolean [batch, time], False where a video is over.
    factor : int
        Steps from one sample to the next.

    Returns
    -------
    features : torch.Tensor
        [batch, time, features], 0 where a video is over.

    Example
    -------
    >>> ramp = torch.arange(6.0).view(1, 6, 1)
    >>> valid = torch.tensor([[True, True, True, True, True, False]])
    >>> interpolate_preview(ramp, valid, 2).flatten()
    tensor([0., 1., 2., 3., 4., 0.])
    """
    samples = features[:, ::factor]
    following = torch.cat([samples[:, 1:], samples[:, -1:]], dim=1)
    has_following = valid[:, ::factor].roll(-1, dims=1)
    following = torch.where(has_following.unsqueeze(-1), following, samples)
    share = torch.arange(factor, device=samples.device, dtype=samples.dtype)
    between = torch.lerp(
        samples.unsqueeze(2),
        following.unsqueeze(2),
        (share / factor).unsqueeze(-1),
    )
    between = between.flatten(1, 2)[:, : features.shape[1]]
    return between * valid.unsqueeze(-1)


class FeatureBank(NamedTuple):
    """What is known of a batch of videos before it is skimmed.

    Lists have an entry for each stream.

    Arguments
    ---------
    streams : list of str
        Names of the streams.
    features : list of torch.Tensor
        Real features, as far as they are known [batch, time, features].
    previews : list of torch.Tensor
        What a preview tells of every step [batch, time, features].
    valid : torch.Tensor
        Boolean [batch, time], False where a video is over.
    fetch : callable
        ``fetch(stream, indices)`` gets the real features [batch, features]
        that `features` does not know.

    Example
    -------
    >>> features = [torch.arange(6.0).view(2, 3, 1)]
    >>> valid = torch.ones(2, 3, dtype=torch.bool)
    >>> bank = FeatureBank(["sound"], features, features, valid)
    >>> bank.real(torch.tensor([[2], [0]]))[0].tolist()
    [[2.0], [3.0]]
    """

    streams: list
    features: list
    previews: list
    valid: torch.Tensor
    fetch: Callable | None = None

    def mixture(self, shares):
        """Sum the preview's steps, weighted.

        Arguments
        ---------
        shares : torch.Tensor
            [batch, time]

        Returns
        -------
        mixtures : list of torch.Tensor
            [batch, features]
        """
        shares = shares.unsqueeze(1)
        return [(shares.to(bank) @ bank).squeeze(1) for bank in self.previews]

    def real(self, steps):
        """Get the real features of one step of each stream.

        Arguments
        ---------
        steps : torch.Tensor
            Index for each stream [batch, streams].

        Returns
        -------
        rows : list of torch.Tensor
            [batch, features]
        """
        if self.fetch is not None:
            return list(map(self.fetch, self.streams, steps.unbind(1)))
        batch = torch.arange(len(steps), device=steps.device)
        return [
            stream[batch, index]
            for stream, index in zip(self.features, steps.unbind(1))
        ]


class Keys(torch.nn.Module):
    """Keys of the steps of one stream: linear, normalised, rectified.

    Arguments
    ---------
    input_size : int
        Features of a step.
    key_size : int
        Features of a key.

    Example
    -------
    >>> Keys(16, 12)(torch.randn(2, 21, 16)).shape
    torch.Size([2, 21, 12])
    """

    def __init__(self, input_size, key_size):
        super().__init__()
        self.project = torch.nn.Linear(input_size, key_size)
        self.norm = MaskedBatchNorm(key_size)

    def forward(self, bank, valid=None):
        """Compute the keys of all steps at once.

        Arguments
        ---------
        bank : torch.Tensor
            [batch, time, input_size]
        valid : torch.Tensor
            Boolean [batch, time], False for what takes no part in the
            statistics of the normalisation.

        Returns
        -------
        keys : torch.Tensor
            [batch, time, key_size]
        """
        if self.training:
            return self.norm(self.project(bank), valid).relu()
        scale, shift = self.norm.scale_and_shift(
            self.norm.running_mean, self.norm.running_var
        )
        weight = self.project.weight * scale.unsqueeze(-1)
        bias = self.project.bias * scale + shift
        return torch.nn.functional.linear(bank, weight, bias).relu_()


class Query(torch.nn.Module):
    """What one stream looks for next, from the state of the skimming.

    Arguments
    ---------
    hidden_size : int
        Features of the recurrent state.
    key_size : int
        Features of a key.

    Example
    -------
    >>> Query(24, 12)(torch.randn(2, 24)).shape
    torch.Size([2, 12])
    """

    def __init__(self, hidden_size, key_size):
        super().__init__()
        self.expand = torch.nn.Linear(hidden_size, hidden_size)
        self.norm = MaskedBatchNorm(hidden_size)
        self.project = torch.nn.Linear(hidden_size, key_size)

    def forward(self, hidden, valid=None):
        """Compute the queries.

        Arguments
        ---------
        hidden : torch.Tensor
            [batch, hidden_size]
        valid : torch.Tensor
            Boolean [batch], False for what takes no part in the statistics of
            the normalisation.

        Returns
        -------
        queries : torch.Tensor
            [batch, key_size]
        """
        return self.project(self.norm(self.expand(hidden), valid).relu())


class FusionNet(torch.nn.Module):
    """One feature from those of an image and its sound.

    Arguments
    ---------
    input_size : int
        Features of each stream, and of the result.
    num_streams : int
        Number of streams.

    Example
    -------
    >>> FusionNet(16)(torch.randn(2, 32)).shape
    torch.Size([2, 16])
    """

    def __init__(self, input_size=512, num_streams=2):
        super().__init__()
        width = input_size * num_streams
        self.expand = torch.nn.Linear(width, width)
        self.contract = torch.nn.Linear(width, input_size)

    def forward(self, features):
        """Fuse.

        Arguments
        ---------
        features : torch.Tensor
            Streams side by side [..., num_streams * input_size].

        Returns
        -------
        fused : torch.Tensor
            [..., input_size]
        """
        return self.contract(self.expand(features).relu())
