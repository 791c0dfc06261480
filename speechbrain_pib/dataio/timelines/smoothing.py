"""Smoothing of a sequence that arrives in parts.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np


class MovingAverage:
    """Averages each cell with its neighbours.

    At both ends of the sequence the average is over those that there are.
    The results are the same however the sequence is divided.

    Arguments
    ---------
    size : int
        Cells that are averaged; an even number counts as one more.

    Example
    -------
    >>> smoother = MovingAverage(3)
    >>> smoother.add(np.array([[0.0], [3.0]])).ravel()
    array([1.5])
    >>> smoother.add(np.array([[0.0]]), last=True).ravel()
    array([1. , 1.5])
    """

    def __init__(self, size):
        self.reach = size // 2
        # The neighbours of what comes next, and which of them exist.
        self.kept = self.known = None

    def add(self, cells, last=False):
        """Take the next part of the sequence.

        Arguments
        ---------
        cells : numpy.ndarray
            [n, channels].
        last : bool
            Whether the sequence ends with it.

        Returns
        -------
        smoothed : numpy.ndarray
            Those cells whose neighbours are all there [m, channels].
        """
        if self.kept is None:
            self.kept = np.zeros((self.reach, cells.shape[1]))
            self.known = np.zeros(self.reach)
        beyond = self.reach * last
        whole = np.concatenate(
            [self.kept, cells, np.zeros((beyond, cells.shape[1]))]
        )
        known = np.concatenate(
            [self.known, np.ones(len(cells)), np.zeros(beyond)]
        )
        size = 2 * self.reach + 1
        count = max(len(whole) - size + 1, 0)
        total, number = np.zeros((count, cells.shape[1])), np.zeros(count)
        for shift in range(size):
            total += whole[shift : shift + count]
            number += known[shift : shift + count]
        self.kept, self.known = whole[count:], known[count:]
        return total / number[:, None]
