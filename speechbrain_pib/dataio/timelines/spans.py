"""Spans of a sequence in which a class may be heard.

Authors
 * The speechbrain_pib developers 2026
"""

from typing import NamedTuple

import numpy as np


class Span(NamedTuple):
    """A span of cells in which a class is heard.

    Arguments
    ---------
    index : int
        The class.
    start : int
        First cell.
    stop : int
        Behind the last cell.
    score : float
        The highest evidence in it.
    passes : int
        The most passes that were made there.

    Example
    -------
    >>> Span(3, 10, 20, 0.75, 0).stop
    20
    """

    index: int
    start: int
    stop: int
    score: float
    passes: int


class SpanFinder:
    """Finds where the evidence of a class does not fall below a threshold.

    Arguments
    ---------
    low : numpy.ndarray
        The threshold of each class [classes].

    Example
    -------
    >>> finder = SpanFinder(np.array([0.25]))
    >>> finder.add(np.array([[0.1], [0.3], [0.6]]), np.zeros(3))
    []
    >>> finder.add(np.array([[0.3], [0.1], [0.1]]), np.zeros(3), last=True)
    [Span(index=0, start=1, stop=4, score=0.6, passes=0)]
    """

    def __init__(self, low):
        self.low = low
        self.position = 0  # cells that were heard
        self.open = {}  # class to the span that goes on

    def add(self, evidence, passes, last=False):
        """Take the next part of the sequence.

        Arguments
        ---------
        evidence : numpy.ndarray
            [n, classes].
        passes : numpy.ndarray
            How many replays each cell was heard in [n].
        last : bool
            Whether the sequence ends with it.

        Returns
        -------
        spans : list of Span
            Those that end in it, in order of their ends, then of classes.
        """
        above = evidence >= self.low
        edges = np.zeros((len(above) + 1, above.shape[1]), bool)
        before = np.zeros(above.shape[1], bool)
        before[list(self.open)] = True
        edges[:-1] = above
        edges[1:-1] ^= above[:-1]
        edges[0] ^= before
        after = above[-1] if len(above) else before
        edges[-1] = after & last
        spans = []
        for index in np.flatnonzero(edges.any(axis=0) | before):
            spans += self._follow(
                int(index), np.flatnonzero(edges[:, index]), evidence, passes
            )
        self.position += len(evidence)
        return sorted(spans, key=lambda span: (span.stop, span.index))

    def _follow(self, index, edges, evidence, passes):
        """Yield the spans of a class that end, given where it changes."""
        values, first = evidence[:, index], 0
        for edge in [*edges.tolist(), None]:
            if index in self.open:
                span = self.open.pop(index)
                inside = slice(first, edge)
                if len(values[inside]):
                    span = span._replace(
                        score=max(span.score, float(values[inside].max())),
                        passes=max(span.passes, int(passes[inside].max())),
                    )
                if edge is None:
                    self.open[index] = span
                else:
                    yield span._replace(stop=self.position + edge)
            elif edge is not None:
                start = self.position + edge
                self.open[index] = Span(index, start, start, 0.0, 0)
            first = edge
