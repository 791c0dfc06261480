"""Spans that are events: hysteresis, gaps and durations.

Authors
 * The speechbrain_pib developers 2026
"""


class SpanMerger:
    """Keeps the spans that reach a threshold, joins those with short gaps
    between them, then drops what is too short.

    A span is final as soon as nothing that is heard later can change it.

    Arguments
    ---------
    high : sequence of float
        What the evidence of each class must reach.
    gaps : sequence of int
        Shorter gaps of each class are closed, in cells.
    durations : sequence of int
        Shorter spans of each class are dropped, in cells.

    Example
    -------
    >>> from speechbrain_pib.dataio.timelines.spans import Span
    >>> merger = SpanMerger(high=[0.5], gaps=[3], durations=[5])
    >>> merger.add([Span(0, 0, 4, 0.5, 0), Span(0, 6, 8, 0.75, 1)], {}, 8)
    []
    >>> merger.add([], {}, 11)
    [Span(index=0, start=0, stop=8, score=0.75, passes=1)]
    """

    def __init__(self, high, gaps, durations):
        self.high, self.gaps, self.durations = high, gaps, durations
        # Class to the span that may still grow, and when it no longer may.
        self.waiting = {}

    def add(self, spans, going_on, position, last=False):
        """Take the next spans.

        Arguments
        ---------
        spans : list of Span
            Those that ended, in order of their ends.
        going_on : dict
            Class to a span that has begun and not ended, as
            `SpanFinder.open`.
        position : int
            Cells that were heard.
        last : bool
            Whether the sequence ends there.

        Returns
        -------
        spans : list of Span
            Those that became final, in the order in which they did.
        """
        final = []
        for span in spans:
            final += self._join(span)
        for index, (span, ready) in [*self.waiting.items()]:
            begun = going_on.get(index)
            grows = begun and begun.start - span.stop < self.gaps[index]
            if last or (position >= ready and not grows):
                final.append(self.waiting.pop(index))
        final.sort(key=lambda found: (found[1], found[0].index))
        return [
            span
            for span, _ in final
            if span.stop - span.start >= self.durations[span.index]
        ]

    def _join(self, span):
        """Join a span with the one before; yield that one if it is final."""
        index, gap = span.index, self.gaps[span.index]
        earlier, ready = self.waiting.get(index, (None, None))
        if earlier and span.start - earlier.stop >= gap:
            yield self.waiting.pop(index)
            earlier = None
        if span.score < self.high[index]:
            if earlier:  # It waited for the end of this one.
                self.waiting[index] = earlier, max(ready, span.stop)
            return
        if earlier:
            span = span._replace(
                start=earlier.start,
                score=max(span.score, earlier.score),
                passes=max(span.passes, earlier.passes),
            )
        self.waiting[index] = span, span.stop + gap
