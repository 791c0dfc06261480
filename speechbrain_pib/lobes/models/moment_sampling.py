"""Steps of a video that are selected without looking: the controls of
skimming.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

SAMPLED = ("uniform", "random")


def sample_moments(selection, n_steps, count, places=None):
    """Select steps of videos without looking at them.

    Arguments
    ---------
    selection : str
        "uniform": in the middles of as many parts of equal length; "random":
        anywhere in the video, none twice while there are others.
    n_steps : torch.Tensor
        Number of steps of each video [batch].
    count : int
        How many to select.
    places : torch.Tensor
        Uniform in [0, 1), for "random" [batch, T].

    Returns
    -------
    selected : torch.Tensor
        Indices of steps [batch, count].

    Raises
    ------
    ValueError
        If there is no such selection.

    Example
    -------
    >>> sample_moments("uniform", torch.tensor([20, 6]), 3)
    tensor([[ 3, 10, 16],
            [ 1,  3,  5]])
    """
    if selection == "uniform":
        middles = (torch.arange(count, device=n_steps.device) + 0.5) / count
        return (middles * n_steps.unsqueeze(1)).long()
    if selection != "random":
        raise ValueError(
            f"selection is {' or '.join(SAMPLED)}, not {selection!r}"
        )
    index = torch.arange(places.shape[1], device=places.device)
    beyond = index >= n_steps.unsqueeze(1)
    order = places.masked_fill(beyond, 2.0).argsort(dim=1)
    rank = torch.arange(count, device=places.device) % n_steps.unsqueeze(1)
    return order.gather(1, rank)


def moment_features(skimmer, features):
    """Fuse what a skimmer would see if it looked at every step.

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


def running_mean(fused, selected):
    """Average what is seen at the first 1, 2, ... of some steps.

    Arguments
    ---------
    fused : torch.Tensor
        As `moment_features` returns it [batch, T, size].
    selected : torch.Tensor
        Indices of steps [batch, count].

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
    index = selected.unsqueeze(-1).expand(-1, -1, fused.shape[-1])
    count = torch.arange(1, selected.shape[1] + 1, device=fused.device)
    return fused.gather(1, index).cumsum(dim=1) / count.unsqueeze(-1)


def mean_of_all(fused, n_steps):
    """Average what is seen at all steps of each video.

    Arguments
    ---------
    fused : torch.Tensor
        As `moment_features` returns it [batch, T, size].
    n_steps : torch.Tensor
        Number of steps of each video [batch].

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
    valid = (index < n_steps.unsqueeze(1)).to(fused.dtype)
    return (valid.unsqueeze(1) @ fused).squeeze(1) / n_steps.unsqueeze(1)
