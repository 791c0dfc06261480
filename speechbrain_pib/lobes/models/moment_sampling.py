"""Moments that are not chosen by what is seen or heard: the controls of
skimming.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

SAMPLINGS = ("uniform", "random")


def sample_moments(sampling, steps, count, places=None):
    """Chooses moments of videos without looking at them.

    Arguments
    ---------
    sampling : str
        "uniform": in the middles of as many parts of equal length; "random":
        one in each of them at a random place of the whole video, none twice
        while there are others.
    steps : torch.Tensor
        Number of moments of each video [batch].
    count : int
        How many to choose.
    places : torch.Tensor
        Uniform in [0, 1), for "random" [batch, T].

    Returns
    -------
    moments : torch.Tensor
        Indices [batch, count].

    Raises
    ------
    ValueError
        If there is no such sampling.

    Example
    -------
    >>> sample_moments("uniform", torch.tensor([20, 6]), 3)
    tensor([[ 3, 10, 16],
            [ 1,  3,  5]])
    """
    if sampling == "uniform":
        middles = (torch.arange(count, device=steps.device) + 0.5) / count
        return (middles * steps.unsqueeze(1)).long()
    if sampling != "random":
        raise ValueError(
            f"sampling is {' or '.join(SAMPLINGS)}, not {sampling!r}"
        )
    index = torch.arange(places.shape[1], device=places.device)
    beyond = index >= steps.unsqueeze(1)
    order = places.masked_fill(beyond, 2.0).argsort(dim=1)
    rank = torch.arange(count, device=places.device) % steps.unsqueeze(1)
    return order.gather(1, rank)


def moment_features(skimmer, features):
    """What a skimmer classifies the mean of, if it looks at each moment.

    Arguments
    ---------
    skimmer : speechbrain_pib.lobes.models.skimming.Skimmer
        The model.
    features : dict of torch.Tensor
        Features of each stream by name, each [batch, T, size].

    Returns
    -------
    fused : torch.Tensor
        [batch, T, size]
    """
    streams = [features[name] for name in skimmer.streams]
    return skimmer.fusion(torch.cat(streams, dim=-1))


def running_mean(fused, moments):
    """Mean of what is seen at the first 1, 2, ... of some moments.

    Arguments
    ---------
    fused : torch.Tensor
        As `moment_features` returns it [batch, T, size].
    moments : torch.Tensor
        Indices [batch, count].

    Returns
    -------
    means : torch.Tensor
        [batch, count, size]

    Example
    -------
    >>> fused = torch.tensor([[[1.0], [2.0], [6.0]]])
    >>> running_mean(fused, torch.tensor([[2, 1]])).flatten()
    tensor([6., 4.])
    """
    index = moments.unsqueeze(-1).expand(-1, -1, fused.shape[-1])
    count = torch.arange(1, moments.shape[1] + 1, device=fused.device)
    return fused.gather(1, index).cumsum(dim=1) / count.unsqueeze(-1)


def mean_of_all(fused, steps):
    """Mean over all moments of each video.

    Arguments
    ---------
    fused : torch.Tensor
        As `moment_features` returns it [batch, T, size].
    steps : torch.Tensor
        Number of moments of each video [batch].

    Returns
    -------
    means : torch.Tensor
        [batch, size]

    Example
    -------
    >>> fused = torch.tensor([[[1.0], [3.0], [9.0]]])
    >>> mean_of_all(fused, torch.tensor([2]))
    tensor([[2.]])
    """
    index = torch.arange(fused.shape[1], device=fused.device)
    valid = (index < steps.unsqueeze(1)).to(fused.dtype)
    return (valid.unsqueeze(1) @ fused).squeeze(1) / steps.unsqueeze(1)
