"""The time map of a replay: which moments of the clip each frame shows.

A pass has T frames. The clip is divided into T cells, the *base frames*: cell
i is [i, i + 1) on the axis of positions, its sample is i times the hop. A
replay gives the cells a density, more where they were selected, and spreads
its frames accordingly (inverse of the cumulative density). It has T of them,
too, or n where another front end hears it. Frames of all passes of one front
end thus cost the same, and hops need not be whole numbers of samples.

The published code (https://arxiv.org/abs/2210.11328) pastes spectrograms of
two hops together instead, reads wrong times from the second replay on, and
loops over clips and frames on the host.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

TIE = 1e-3  # in base frames; sums of them are exact to a tenth of it


def replay_density(mask, refinement):
    """Compute the density of a replay: high inside the selection, else 1.

    Arguments
    ---------
    mask : torch.Tensor
        Boolean selection of base frames [batch, T].
    refinement : float
        Density inside the selection; k + 1 for replay k, as published.

    Returns
    -------
    density : torch.Tensor
        Frames per base frame, up to a common factor [batch, T].

    Example
    -------
    >>> replay_density(torch.tensor([[False, True]]), 2)
    tensor([[1., 2.]])
    """
    return 1.0 + (refinement - 1) * mask.float()


def frame_positions(density, n_frames=None):
    """Compute the positions of a pass's frames in original time.

    Output frame j stands where the cumulative density reaches (j + 1/2) / n of
    its total. Constant density gives the uniform grid, of T frames j + 1/2.

    Arguments
    ---------
    density : torch.Tensor
        Positive density of the base frames [batch, T].
    n_frames : int
        Frames of the pass (default: T).

    Returns
    -------
    positions : torch.Tensor
        Positions in units of base frames [batch, n], increasing.

    Example
    -------
    >>> frame_positions(torch.tensor([[1.0, 2.0, 1.0]]))
    tensor([[0.6667, 1.5000, 2.3333]])
    >>> frame_positions(torch.tensor([[1.0, 2.0, 1.0]]), 2)
    tensor([[1., 2.]])
    """
    n_frames = n_frames or density.shape[1]
    total = density.sum(dim=1, keepdim=True)
    # By what exceeds one: compilers make a view of the cumulated sum of ones,
    # in which PyTorch 2.11 cannot search on a GPU.
    base = torch.arange(1, density.shape[1] + 1, device=density.device)
    cumulated = base + (density - 1).cumsum(dim=1)
    frames = torch.arange(n_frames, device=density.device) + 0.5  # [n]
    targets = frames / n_frames * total  # [batch, n]
    # The base frame that each frame of the pass falls into [batch, n].
    cells = torch.searchsorted(cumulated, targets, right=True)
    cells = cells.clamp(max=density.shape[1] - 1)
    inside = density.gather(1, cells)
    before = cumulated.gather(1, cells) - inside
    return cells + (targets - before) / inside


def frame_hops(density, positions):
    """Compute the hop of each frame of a pass.

    Arguments
    ---------
    density : torch.Tensor
        Positive density of the base frames [batch, T].
    positions : torch.Tensor
        What `frame_positions` made of it [batch, n].

    Returns
    -------
    hops : torch.Tensor
        Distance to the next frame in units of base frames, as far as the
        density stays what it is there [batch, n].

    Example
    -------
    >>> density = torch.tensor([[1.0, 2.0, 1.0]])
    >>> frame_hops(density, frame_positions(density))
    tensor([[1.3333, 0.6667, 1.3333]])
    """
    mean = density.mean(dim=1, keepdim=True)
    uniform = density.shape[1] / positions.shape[1]
    return uniform * mean / at_positions(density, positions)


def at_positions(values, positions):
    """Look up what belongs to the base frames that positions lie in.

    Arguments
    ---------
    values : torch.Tensor
        One for each base frame [batch, T].
    positions : torch.Tensor
        Positions in units of base frames [batch, n].

    Returns
    -------
    values : torch.Tensor
        [batch, n].

    Example
    -------
    >>> at_positions(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.2, 1.9]]))
    tensor([[3., 4.]])
    """
    return values.gather(1, positions.long().clamp(0, values.shape[1] - 1))


def to_base_frames(mask, density):
    """Map a mask over the frames of a pass back to original time.

    A base frame is selected if the frame of the pass that shows its middle is.

    Arguments
    ---------
    mask : torch.Tensor
        Boolean mask over the frames of a pass [batch, n].
    density : torch.Tensor
        Density of that pass [batch, T].

    Returns
    -------
    mask : torch.Tensor
        Boolean mask over base frames [batch, T].

    Example
    -------
    >>> uniform = torch.ones(1, 3)
    >>> to_base_frames(torch.tensor([[True, False, False]]), uniform)
    tensor([[ True, False, False]])
    """
    n_frames = mask.shape[1]
    # Where the middle of each base frame comes in the pass [batch, T].
    middles = density.cumsum(dim=1) - density / 2
    frames = middles / density.sum(dim=1, keepdim=True) * n_frames
    return mask.gather(1, frames.long().clamp(0, n_frames - 1))


def positions_at(positions, frames):
    """Interpolate positions of a pass at fractional frame indices.

    Arguments
    ---------
    positions : torch.Tensor
        Positions of the frames [batch, frames].
    frames : torch.Tensor
        Frame indices, whole or not [n].

    Returns
    -------
    positions : torch.Tensor
        Linear interpolation [batch, n]; constant beyond both ends.

    Example
    -------
    >>> positions_at(torch.tensor([[0.5, 2.5]]), torch.tensor([0.0, 0.25]))
    tensor([[0.5000, 1.0000]])
    """
    frames = frames.clamp(0, positions.shape[1] - 1)  # [n]
    left, right = frames.floor().long(), frames.ceil().long()
    return torch.lerp(positions[:, left], positions[:, right], frames - left)


def upsample_salience(salience, frames, n_frames):
    """Interpolate a salience linearly from time steps to frames.

    Arguments
    ---------
    salience : torch.Tensor
        Salience of the time steps [batch, steps].
    frames : torch.Tensor
        Increasing frame indices at the centres of the time steps [steps].
    n_frames : int
        Number of frames.

    Returns
    -------
    salience : torch.Tensor
        [batch, n_frames]; constant beyond the first and the last step.

    Example
    -------
    >>> upsample_salience(
    ...     torch.tensor([[1.0, 5.0]]), torch.tensor([0.0, 2.0]), 4
    ... )
    tensor([[1., 3., 5., 5.]])
    """
    if len(frames) == 1:
        return salience.expand(-1, n_frames)
    # Frame, and the time step on its right, by index [n_frames].
    targets = torch.arange(n_frames, device=frames.device, dtype=frames.dtype)
    right = torch.searchsorted(frames, targets, right=True)
    right = right.clamp(1, len(frames) - 1)
    start, stop = frames[right - 1], frames[right]
    share = ((targets - start) / (stop - start)).clamp(0, 1)
    return torch.lerp(salience[:, right - 1], salience[:, right], share)


def salient_frames(salience, valid, spans, largest_share=1.0):
    """Select the frames whose salience is above the mean of their clip.

    Arguments
    ---------
    salience : torch.Tensor
        [batch, T].
    valid : torch.Tensor
        Boolean [batch, T], False where a frame shows padding.
    spans : torch.Tensor
        How much of the clip each frame stands for [batch, T], as
        `frame_hops`.
    largest_share : float
        Largest share of the valid part of the clip to select: the most
        salient frames, but always one.

    Returns
    -------
    mask : torch.Tensor
        Boolean [batch, T].

    Example
    -------
    >>> salience, spans = torch.tensor([[0.0, 2.0, 3.0]]), torch.ones(1, 3)
    >>> salient_frames(salience, spans.bool(), spans)
    tensor([[False,  True,  True]])
    >>> salient_frames(salience, spans.bool(), spans, largest_share=0.4)
    tensor([[False, False,  True]])
    """
    count = valid.sum(dim=1, keepdim=True).clamp(min=1)  # [batch, 1]
    mean = (salience * valid).sum(dim=1, keepdim=True) / count
    # A constant salience must not select by its rounding noise.
    above = (salience > mean + 1e-6) & valid
    # Stable: of equal ones the first, on every device.
    order = salience.masked_fill(~above, -1.0).argsort(
        dim=1, descending=True, stable=True
    )
    spans = (spans * valid).gather(1, order)
    limit = largest_share * spans.sum(dim=1, keepdim=True)
    # By more than half of it within the limit; what is just half within must
    # not depend on the order in which a runtime adds up.
    limit = torch.maximum(limit, spans[:, :1]) - TIE
    fits = spans.cumsum(dim=1) - spans / 2 < limit
    return above & fits.gather(1, order.argsort(dim=1))


def mean_inside(salience, mask):
    """Compute the mean salience of what a mask selects.

    Arguments
    ---------
    salience : torch.Tensor
        [batch, T].
    mask : torch.Tensor
        Boolean [batch, T].

    Returns
    -------
    mean : torch.Tensor
        [batch]; 0 where nothing is selected.

    Example
    -------
    >>> mean_inside(torch.tensor([[0.2, 0.4]]), torch.tensor([[True, True]]))
    tensor([0.3000])
    """
    return (salience * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)


def mask_to_segments(mask, frame_seconds):
    """Convert runs of a mask over base frames into segments in seconds.

    Base frame i stands for the time within half a hop of its centre.

    Arguments
    ---------
    mask : torch.Tensor
        Boolean mask of one clip [T].
    frame_seconds : float
        Hop of the first pass in seconds.

    Returns
    -------
    segments : list
        (start, stop) in seconds, in order of time.

    Example
    -------
    >>> mask_to_segments(torch.tensor([False, True, True, False]), 0.01)
    [(0.005, 0.025)]
    """
    # 1 where a run starts, -1 after its end [T + 1].
    edges = torch.nn.functional.pad(mask.int().cpu(), (1, 1)).diff()
    starts = (edges == 1).nonzero().squeeze(1).tolist()
    stops = (edges == -1).nonzero().squeeze(1).tolist()
    return [
        (max(a - 0.5, 0.0) * frame_seconds, (b - 0.5) * frame_seconds)
        for a, b in zip(starts, stops)
    ]
