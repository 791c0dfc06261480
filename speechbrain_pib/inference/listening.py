"""What was heard in a recording, and where it was replayed.

Authors
 * The speechbrain_pib developers 2026
"""

from typing import NamedTuple

import torch


class Listening(NamedTuple):
    """What was heard in one recording, in V windows.

    Arguments
    ---------
    probabilities : torch.Tensor
        Mean over the windows [classes].
    embedding : torch.Tensor
        Mean over the windows [features].
    segments : list
        What each replay heard more finely: per replay (start, stop) in
        seconds of the recording, in order of time. Empty for a model that
        replays nothing.
    windows : list
        (start, stop) of each window in seconds of the recording.
    window_probabilities : torch.Tensor
        [V, classes].

    Example
    -------
    >>> heard = Listening(torch.tensor([0.2, 0.8]), None, [[(0.5, 1.0)]])
    >>> heard.segments
    [[(0.5, 1.0)]]
    """

    probabilities: torch.Tensor
    embedding: torch.Tensor
    segments: list
    windows: list | None = None
    window_probabilities: torch.Tensor | None = None


def merge_segments(segments):
    """Joins segments that overlap or touch.

    Arguments
    ---------
    segments : list
        (start, stop), in any order.

    Returns
    -------
    segments : list
        (start, stop), apart from each other and in order of time.

    Example
    -------
    >>> merge_segments([(3.0, 4.0), (0.0, 1.0), (0.5, 2.0)])
    [(0.0, 2.0), (3.0, 4.0)]
    """
    merged = []
    for start, stop in sorted(segments):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged
