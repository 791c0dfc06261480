"""Time lines of recordings of any length: skim everything once, replay what may
hold something.

Authors
 * The speechbrain_pib developers 2026
"""

from collections import deque
from typing import NamedTuple

import numpy as np

from speechbrain_pib.dataio.timelines.events import Event
from speechbrain_pib.dataio.timelines.merging import SpanMerger
from speechbrain_pib.dataio.timelines.smoothing import MovingAverage
from speechbrain_pib.dataio.timelines.spans import SpanFinder
from speechbrain_pib.dataio.timelines.windows import (
    Blender,
    WindowPlan,
    batch_windows,
    cut_windows,
)

# Candidates wait for a full batch, but not for more windows than so many
# batches: what was heard meanwhile is kept in memory.
PATIENCE = 8


class TimelineCosts(NamedTuple):
    """What was computed for a time line.

    Arguments
    ---------
    seconds : float
        How much sound was heard.
    heard : list of int
        How many windows were listened to in each pass: the first listen and
        the replays.
    gmacs_of_passes : list of float
        Multiply-accumulate operations of each pass of a window, in 1e9.

    Example
    -------
    >>> costs = TimelineCosts(3600.0, [1000, 100], [0.5, 1.5])
    >>> costs.gmacs, costs.gmacs_everywhere
    (650.0, 2000.0)
    """

    seconds: float
    heard: list
    gmacs_of_passes: list

    @property
    def windows(self):
        """How many windows were heard."""
        return self.heard[0]

    @property
    def replayed(self):
        """How many of them were replayed, once at least."""
        return sum(self.heard[1:2])

    @property
    def gmacs(self):
        """What was computed."""
        return sum(n * g for n, g in zip(self.heard, self.gmacs_of_passes))

    @property
    def gmacs_everywhere(self):
        """What all replays of all windows would have cost."""
        return self.windows * sum(self.gmacs_of_passes)


class TimelinePart(NamedTuple):
    """A part of a time line.

    Arguments
    ---------
    start : float
        Where its evidence begins, in seconds of the recording.
    step : float
        How many seconds each row of the evidence stands for.
    evidence : numpy.ndarray
        Of each class over time, smoothed [n, classes].
    events : list of Event
        Those that became final.
    replayed : list of ReplayedWindow
        Windows that were replayed; they lie around the evidence.

    Example
    -------
    >>> TimelinePart(0.0, 0.02, np.zeros((50, 3)), [], []).stop
    1.0
    """

    start: float
    step: float
    evidence: np.ndarray
    events: list
    replayed: list

    @property
    def stop(self):
        """Where its evidence ends, in seconds of the recording."""
        return self.start + self.step * len(self.evidence)


class Timeline:
    """The events of a recording, found while it is read.

    An iterator over the events, each as soon as it is final. Memory does not
    grow with the recording. Neither the batches nor the blocks in which the
    recording comes change the events.

    Arguments
    ---------
    classifier : WindowedClassifier
        The classifier; one that was loaded with a budget replays a window only
        until it is sure, see `WindowListener`.
    blocks : iterable of torch.Tensor
        The recording's samples, mono at the rate of the classifier, in blocks
        [n] of any size.
    settings : TimelineSettings
        What counts as an event, and what is replayed.
    batch_size : int
        Windows that are heard together.
    live : bool
        Hear each window as soon as it is there, and do not wait for others.

    Example
    -------
    >>> timeline = Timeline(classifier, blocks, settings)  # doctest: +SKIP
    >>> for event in timeline:  # doctest: +SKIP
    ...     print(event.label, event.start, event.stop, event.score)
    """

    def __init__(self, classifier, blocks, settings, batch_size=16, live=False):
        self.labels = classifier.labels
        settings = settings.for_model(classifier.event_threshold)
        self.blocks, self.settings = blocks, settings
        self.batch_size, self.live = batch_size, live
        gaps = settings.of_classes("min_gap", self.labels)
        self.plan = WindowPlan(
            classifier.n_samples,
            classifier.sample_rate,
            _wait(settings, gaps),
        )
        self.listener = classifier.make_listener(self.plan)
        self._prepare(gaps)
        self.replays = settings.replays if classifier.replays else "none"
        self.exclusive = not classifier.multi_label
        self.seconds, self.heard = 0.0, [0] * (classifier.replays + 1)

    def _prepare(self, gaps):
        """Make what turns evidence into events."""
        settings, labels = self.settings, self.labels
        high = settings.of_classes("threshold", labels)
        high[~settings.is_event(labels)] = np.inf
        durations = settings.of_classes("min_duration", labels)
        self.high = high
        self.smoother = MovingAverage(self._cells(settings.smoothing))
        self.finder = SpanFinder(settings.hysteresis * high)
        self.merger = SpanMerger(
            high,
            [self._cells(gap) for gap in gaps],
            [self._cells(duration) for duration in durations],
        )

    def _cells(self, seconds):
        """The nearest number of cells."""
        return round(seconds * self.plan.sample_rate / self.plan.cell)

    @property
    def costs(self):
        """What was computed so far."""
        return TimelineCosts(self.seconds, self.heard, self.listener.gmacs)

    def __iter__(self):
        for part in self.parts():
            yield from part.events

    def parts(self):
        """Find the events, and tell what they were found by.

        Yields
        ------
        part : TimelinePart
            With evidence that goes on where that of the part before ended.
        """
        groups = cut_windows(self.blocks, self.plan)
        batches = batch_windows(groups, self.batch_size, eager=self.live)
        blender, heard = Blender(self.plan), None
        for heard in self._hear(batches):
            if heard:
                yield self._part(heard, blender)

    def _hear(self, batches):
        """Yield lists of heard windows, in order, each replayed if it is."""
        waiting, candidates = deque(), []
        for batch in batches:
            heard = self.listener.listen(batch)
            waiting += heard
            candidates += self._choose(heard)
            while len(candidates) >= self.batch_size:
                self.listener.replay(candidates[: self.batch_size])
                candidates = candidates[self.batch_size :]
            patient = len(waiting) < PATIENCE * self.batch_size
            if candidates and (self.live or not patient):
                self.listener.replay(candidates)
                candidates = []
            yield self._settled(waiting)
        if candidates:
            self.listener.replay(candidates)
        yield self._settled(waiting)

    def _choose(self, windows):
        """Those windows that are to be replayed, of which the classifier is
        not sure yet; the others forget what a replay would need."""
        candidates = []
        for one in windows:
            if one.first is None:
                continue
            # As shares of the threshold of each class [cells, classes].
            shares = one.evidence[:, :-1] / self.high
            # A first listen that hears something may not know yet what.
            heard = shares.sum(1) if self.exclusive else shares.max(1)
            if self.replays == "all" or (
                self.replays == "candidates"
                and heard.max() >= self.settings.candidates
            ):
                candidates.append(one)
            else:
                one.first = None
        return candidates

    @staticmethod
    def _settled(waiting):
        """Take the windows up to the first that is still to be replayed."""
        settled = []
        while waiting and waiting[0].first is None:
            settled.append(waiting.popleft())
        return settled

    def _part(self, heard, blender):
        """Events and evidence that some more windows make final."""
        plan = self.plan
        window, first = heard[-1].window, self.finder.position
        blended = [blender.add(one.window, one.evidence) for one in heard]
        cells = self.smoother.add(np.concatenate(blended), window.last)
        evidence = cells[:, :-1]
        # Blended of windows that were replayed and others that were not.
        replays = np.ceil(cells[:, -1] - 1e-3)
        spans = self.finder.add(evidence, replays, window.last)
        spans = self.merger.add(
            spans, self.finder.open, self.finder.position, window.last
        )
        samples = window.start * plan.cell + len(window.wav)
        self.seconds = samples / plan.sample_rate
        made = [int(one.evidence[0, -1]) for one in heard]  # of replays
        self.heard = [
            windows + sum(replays >= number for replays in made)
            for number, windows in enumerate(self.heard)
        ]
        return TimelinePart(
            plan.to_seconds(first),
            plan.cell / plan.sample_rate,
            evidence,
            [self._event(span) for span in spans],
            [one.replayed for one in heard if one.replayed],
        )

    def _event(self, span):
        """A span with its label and its times in seconds."""
        return Event(
            self.labels[span.index],
            self.plan.to_seconds(span.start),
            # The last cell may be longer than what is left of the recording.
            min(self.plan.to_seconds(span.stop), self.seconds),
            span.score,
            span.passes,
        )


def _wait(settings, gaps):
    """For how many seconds of sound a cell may wait for its windows."""
    if settings.delay is None:
        return None
    return settings.delay - settings.smoothing / 2 - float(gaps.max())
