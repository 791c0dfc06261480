"""Selections to compare the learned one with, at the same cost.

A replay must beat these to have been worth learning: the same hop again, a
random segment as long as the learned selection, the loudest frames, the true
event where it is known, and as much around it as a longer selection takes.

Authors
 * The speechbrain_pib developers 2026
"""

import zlib

import torch

CONTROLS = ("same_hop", "random", "loudest", "event")


def check_controls(names):
    """Raise if there is no such control.

    Arguments
    ---------
    names : list of str
        Controls for a test.

    Raises
    ------
    ValueError
        If one of them is not among CONTROLS.

    Example
    -------
    >>> check_controls(["random", "loudly"])
    Traceback (most recent call last):
        ...
    ValueError: controls are same_hop, random, loudest, event, not loudly
    """
    unknown = [str(name) for name in names if name not in CONTROLS]
    if unknown:
        raise ValueError(
            f"controls are {', '.join(CONTROLS)}, not {', '.join(unknown)}"
        )


def random_segments(places, widths, n_frames, lengths=1.0):
    """Select one segment of each clip at a given place.

    Arguments
    ---------
    places : torch.Tensor
        Where the segment lies, from 0 at the start to 1 at the end [batch].
    widths : torch.Tensor
        Width of each segment in base frames [batch].
    n_frames : int
        Base frames of a clip.
    lengths : float or torch.Tensor
        Relative lengths before padding [batch]; segments lie before it, as
        far as they fit there.

    Returns
    -------
    mask : torch.Tensor
        Boolean [batch, n_frames].

    Example
    -------
    >>> random_segments(torch.tensor([1.0]), torch.tensor([2]), 4)
    tensor([[False, False,  True,  True]])
    >>> random_segments(torch.tensor([1.0]), torch.tensor([2]), 4, 0.75)
    tensor([[False,  True,  True, False]])
    """
    free = (lengths * n_frames - widths).clamp(min=0)
    starts = (places * free).round().unsqueeze(1)
    frames = torch.arange(n_frames, device=places.device)
    return (frames >= starts) & (frames < starts + widths.unsqueeze(1))


def loudest_frames(log_mel, widths):
    """Select the loudest frames, as many as asked for.

    Arguments
    ---------
    log_mel : torch.Tensor
        First pass [batch, n_frames, n_mels].
    widths : torch.Tensor
        Number of frames to select in each clip [batch].

    Returns
    -------
    mask : torch.Tensor
        Boolean [batch, n_frames].

    Example
    -------
    >>> log_mel = torch.tensor([[[0.0], [3.0], [1.0]]])
    >>> loudest_frames(log_mel, torch.tensor([2]))
    tensor([[False,  True,  True]])
    """
    # Stable: of equal ones the first, on every device.
    order = log_mel.logsumexp(dim=-1).argsort(
        dim=1, descending=True, stable=True
    )
    return order.argsort(dim=1) < widths.unsqueeze(1)


def event_frames(events, widths, n_frames, hop_seconds):
    """Select the base frames inside the true event.

    Around a short one as many frames as asked for: a replay of fewer would
    have a finer hop than that of the selection it is compared with.

    Arguments
    ---------
    events : torch.Tensor
        Start and stop of the event in seconds [batch, 2].
    widths : torch.Tensor
        Number of frames to select in each clip, at least [batch].
    n_frames : int
        Base frames of a clip.
    hop_seconds : float
        Hop of the first pass in seconds.

    Returns
    -------
    mask : torch.Tensor
        Boolean [batch, n_frames].

    Example
    -------
    >>> event_frames(torch.tensor([[0.1, 0.3]]), torch.tensor([3]), 5, 0.1)
    tensor([[False,  True,  True,  True, False]])
    """
    times = torch.arange(n_frames, device=events.device) * hop_seconds
    inside = (times >= events[:, :1]) & (times < events[:, 1:])
    distances = (times - events.mean(dim=1, keepdim=True)).abs()
    order = distances.argsort(dim=1, stable=True)
    return inside | (order.argsort(dim=1) < widths.unsqueeze(1))


def fixed_places(names):
    """Hash names into places of random segments, the same in every run.

    Arguments
    ---------
    names : list of str
        One for each clip.

    Returns
    -------
    places : torch.Tensor
        In [0, 1) [len(names)].

    Example
    -------
    >>> fixed_places(["a", "b"])
    tensor([0.9091, 0.4443])
    """
    return torch.tensor([zlib.crc32(n.encode()) / 2**32 for n in names])


def control_frames(
    control,
    widths,
    n_frames,
    *,
    hop_seconds,
    lengths=1.0,
    places=None,
    log_mel=None,
    events=None,
):
    """Select frames by a control.

    Arguments
    ---------
    control : str
        "same_hop" (nothing), "random", "loudest" or "event".
    widths : torch.Tensor
        Number of frames to select [batch].
    n_frames : int
        Base frames T.
    hop_seconds : float
        Hop between base frames.
    lengths : float or torch.Tensor
        Relative lengths before padding [batch].
    places : torch.Tensor
        Of the random segments, in [0, 1) [batch].
    log_mel : torch.Tensor
        The first pass [batch, T, n_mels], for the loudest frames.
    events : torch.Tensor
        Start and stop in seconds [batch, 2], where the truth is known.

    Returns
    -------
    mask : torch.Tensor
        Boolean [batch, T].

    Raises
    ------
    ValueError
        If there is no such control, or not what it needs.

    Example
    -------
    >>> control_frames("same_hop", torch.ones(2), 3, hop_seconds=0.1).any()
    tensor(False)
    """
    if control == "same_hop":
        return widths.new_zeros(len(widths), n_frames).bool()
    if control == "random" and places is not None:
        return random_segments(places, widths, n_frames, lengths)
    if control == "loudest" and log_mel is not None:
        return loudest_frames(log_mel, widths)
    if control == "event" and events is not None:
        return event_frames(events, widths, n_frames, hop_seconds)
    raise ValueError(
        f"there is no selection {control!r} here; choose learned, same_hop or "
        "random, event where the truth is known, or, in controls alone, loudest"
    )
