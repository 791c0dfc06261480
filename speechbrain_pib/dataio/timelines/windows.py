"""Overlapping windows of a recording, and how they are blended into one
sequence of cells.

A recording is divided into cells of about 20 ms. Windows begin with a cell, at
equal distances; the last one ends with the recording. Each cell is blended
from the windows in whose middle it lies, so that no event is cut and none is
heard better for where a window happens to begin.

Authors
 * The speechbrain_pib developers 2026
"""

from typing import NamedTuple

import numpy as np
import torch

CELL_SECONDS = 0.02


class WindowPlan:
    """Where windows lie, and how much of each counts where.

    A window's weight rises over some cells, stays at one, and falls as the
    next one's rises: the weights sum to one everywhere.

    Arguments
    ---------
    size : int
        Samples of a window.
    sample_rate : int
        In Hz.
    wait : float
        How much sound, in seconds, a cell may wait for until its last window
        ends (default: windows overlap by half, and a cell waits for all
        windows that hold it). Less costs more windows.

    Raises
    ------
    ValueError
        If the wait is too short.

    Example
    -------
    >>> plan = WindowPlan(size=16000, sample_rate=16000)
    >>> plan.cell, plan.cells, plan.stride
    (320, 50, 25)
    >>> WindowPlan(size=16000, sample_rate=16000, wait=0.5).stride
    15
    """

    def __init__(self, size, sample_rate, wait=None):
        self.size, self.sample_rate = size, sample_rate
        self.cell = max(round(CELL_SECONDS * sample_rate), 1)  # in samples
        self.cells = -(-size // self.cell)
        if wait is None or wait >= size / sample_rate:
            self.ramp = self.stride = max(self.cells // 2, 1)
            self.lead = 0
            return
        reach = int(wait * sample_rate / self.cell)
        if reach < 5:
            shortest = 5 * self.cell / sample_rate
            raise ValueError(
                f"windows cannot be heard within {wait:.3f} s; the shortest "
                f"wait is {shortest:.3f} s"
            )
        # Not the very end of a window: what begins there has no context.
        self.ramp = reach // 5
        self.stride = reach - 2 * self.ramp
        self.lead = self.cells - reach

    def weights(self, window):
        """Compute the weight of each cell of a window.

        Arguments
        ---------
        window : Window
            One that `cut_windows` yields.

        Returns
        -------
        weights : numpy.ndarray
            [cells], in [0, 1].

        Example
        -------
        >>> plan = WindowPlan(size=1600, sample_rate=16000)
        >>> plan.weights(Window(0, 0, None, last=False))
        array([1.  , 1.  , 0.75, 0.25, 0.  ])
        """
        offsets = np.arange(self.cells) + 0.5 + window.start - window.origin
        rise = (offsets - self.lead) / self.ramp
        fall = (self.lead + self.stride + self.ramp - offsets) / self.ramp
        if window.origin == 0:
            rise = np.ones(self.cells)
        if window.last:
            fall = np.ones(self.cells)
        return np.minimum(rise, fall).clip(0, 1)

    def to_seconds(self, cell):
        """Tell when a cell begins.

        Arguments
        ---------
        cell : int
            Its number.

        Returns
        -------
        seconds : float
        """
        return int(cell) * self.cell / self.sample_rate


class Window(NamedTuple):
    """A window of a recording.

    Arguments
    ---------
    start : int
        Its first cell.
    origin : int
        Its first cell if it lay at the distance of all windows; the last one
        begins earlier, to end with the recording.
    wav : torch.Tensor
        Its samples [n]; fewer than others have where the recording is shorter.
    last : bool
        Whether the recording ends with it.

    Example
    -------
    >>> Window(0, 0, torch.zeros(400), last=True).start
    0
    """

    start: int
    origin: int
    wav: torch.Tensor
    last: bool


def cut_windows(blocks, plan):
    """Cut a recording into windows while it is read.

    Arguments
    ---------
    blocks : iterable of torch.Tensor
        Its samples, in blocks [n] of any size.
    plan : WindowPlan
        Where windows lie.

    Yields
    ------
    windows : list of Window
        Those that each block completes, in order; at the end the last one.

    Example
    -------
    >>> plan = WindowPlan(size=1600, sample_rate=16000)
    >>> groups = cut_windows([torch.zeros(2000), torch.zeros(1000)], plan)
    >>> [[window.start for window in group] for group in groups]
    [[0], [2, 4], [5]]
    """
    stride, buffer, first, index = plan.stride * plan.cell, None, 0, 0
    for block in blocks:
        buffer = block if buffer is None else torch.cat([buffer, block])
        total, windows = first + len(buffer), []
        # One sample more, else it is the last one.
        while index * stride + plan.size < total:
            offset = index * stride - first
            wav = buffer[offset : offset + plan.size]
            start = index * plan.stride
            windows.append(Window(start, start, wav, last=False))
            index += 1
        kept = max(min(index * stride, total - plan.size), first)
        # A copy, lest what follows keeps all before it alive.
        buffer, first = buffer[kept - first :].clone(), kept
        yield windows
    if buffer is None or not len(buffer):
        return
    total = first + len(buffer)
    start = max(-(-(total - plan.size) // plan.cell), 0)
    wav = buffer[start * plan.cell - first :]
    yield [Window(start, index * plan.stride, wav, last=True)]


def batch_windows(groups, size, eager=False):
    """Gather windows into batches.

    Arguments
    ---------
    groups : iterable of list of Window
        As `cut_windows` yields them.
    size : int
        Windows of a batch.
    eager : bool
        Do not wait for more than a group: for a live stream.

    Yields
    ------
    batch : list of Window
        In order; only an eager batch or the last one may be smaller.

    Example
    -------
    >>> list(batch_windows([[1, 2], [], [3], [4]], 3))
    [[1, 2, 3], [4]]
    >>> list(batch_windows([[1, 2], [], [3], [4]], 3, eager=True))
    [[1, 2], [3], [4]]
    """
    waiting = []
    for group in groups:
        waiting += group
        while len(waiting) >= size or (eager and waiting):
            yield waiting[:size]
            waiting = waiting[size:]
    if waiting:
        yield waiting


class Blender:
    """Blends what was heard in windows, in order, into one sequence of cells.

    Arguments
    ---------
    plan : WindowPlan
        Where windows lie.

    Example
    -------
    >>> blender = Blender(WindowPlan(size=1600, sample_rate=16000))
    >>> evidence = np.ones((5, 2), np.float32)
    >>> window = Window(0, 0, torch.zeros(1600), last=False)
    >>> blender.add(window, evidence).shape
    (2, 2)
    >>> blender.add(Window(2, 2, torch.zeros(1600), last=True), evidence).shape
    (5, 2)
    """

    def __init__(self, plan):
        self.plan = plan
        self.first = 0  # cell that is blended next
        self.sums = None

    def add(self, window, evidence):
        """Blend one more window.

        Arguments
        ---------
        window : Window
            The next one.
        evidence : numpy.ndarray
            What was heard in each of its cells [cells, channels].

        Returns
        -------
        blended : numpy.ndarray
            The cells that no later window changes [n, channels].
        """
        plan = self.plan
        used = -(-len(window.wav) // plan.cell)
        weights = plan.weights(window)[:used, None].astype(np.float32)
        weighted = weights * evidence[:used]
        offset = window.start - self.first
        if self.sums is None:
            self.sums = np.zeros((0, evidence.shape[1]), np.float32)
        grown = max(offset + used - len(self.sums), 0)
        self.sums = np.pad(self.sums, ((0, grown), (0, 0)))
        inside = slice(max(-offset, 0), None)  # What is final has no weight.
        self.sums[max(offset, 0) : offset + used] += weighted[inside]
        final = len(self.sums)
        if not window.last:
            final = window.origin + plan.stride + plan.lead - self.first
        blended, self.sums = self.sums[:final], self.sums[final:]
        self.first += len(blended)
        return blended
