"""How well the events of recordings were found: event-based and segment-based
metrics, as sed_eval has them, and false alarms.

Authors
 * The speechbrain_pib developers 2026
"""

import math
from collections import defaultdict
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

COLLAR = 0.2  # seconds by which an event may begin earlier or later
LENGTH_SHARE = 0.2  # of its length by which it may end so, if that is more
SEGMENT_SECONDS = 1.0


class TimelinePair(NamedTuple):
    """What is in a recording, and what was found in it.

    Arguments
    ---------
    reference : list of Event
        What is in it.
    estimate : list of Event
        What was found.
    seconds : float
        Duration of the recording.
    """

    reference: list
    estimate: list
    seconds: float


class Counts(NamedTuple):
    """How many were there, how many were found, and how many of these rightly.

    Arguments
    ---------
    reference : int
        Number that there are.
    estimated : int
        Number that were found.
    correct : int
        Number of both.

    Example
    -------
    >>> counts = Counts(reference=4, estimated=2, correct=1)
    >>> counts.precision, counts.recall, round(counts.f1, 4)
    (0.5, 0.25, 0.3333)
    """

    reference: int
    estimated: int
    correct: int

    @property
    def precision(self):
        """Share of what was found; 0 if nothing was."""
        return self.correct / self.estimated if self.estimated else 0.0

    @property
    def recall(self):
        """Share of what there is; not a number if there is nothing."""
        return self.correct / self.reference if self.reference else math.nan

    @property
    def f1(self):
        """Harmonic mean of both."""
        if self.correct == 0 and self.reference:
            return 0.0
        precision, recall = self.precision, self.recall
        return 2 * precision * recall / (precision + recall)


def count_correct(
    reference, estimate, collar=COLLAR, length_share=LENGTH_SHARE
):
    """Count the events of one class that were found where they are.

    Each event is matched with one other at most, so that as many as possible
    are matched.

    Arguments
    ---------
    reference : numpy.ndarray
        Start and stop of each event in seconds [n, 2], in any order.
    estimate : numpy.ndarray
        Those of the events that were found [m, 2].
    collar : float
        By how many seconds a start, and a stop, may be wrong.
    length_share : float
        By what share of the event's length a stop may be wrong, if that is
        more.

    Returns
    -------
    correct : int

    Example
    -------
    >>> reference = np.array([[1.0, 2.0], [5.0, 9.0]])
    >>> count_correct(reference, np.array([[1.1, 1.9], [5.0, 9.7], [5.1, 9.0]]))
    2
    >>> count_correct(reference, np.array([[1.3, 2.0]]))
    0
    """
    estimate = estimate[np.argsort(estimate[:, 0])]
    # Those whose start may fit; exactly is asked below.
    first, last = (
        np.searchsorted(estimate[:, 0], reference[:, 0] + sign * collar * 1.001)
        for sign in (-1, 1)
    )
    sizes = last - first
    rows = np.repeat(np.arange(len(reference)), sizes)
    # 0, 1, ... in each of the stretches.
    places = np.arange(sizes.sum()) - np.repeat(sizes.cumsum() - sizes, sizes)
    columns = np.repeat(first, sizes) + places
    starts, stops = np.abs(reference[rows] - estimate[columns]).T
    lengths = reference[:, 1] - reference[:, 0]
    fit = (starts <= collar) & (
        stops <= np.maximum(collar, length_share * lengths[rows])
    )
    graph = csr_matrix(
        (np.ones(fit.sum(), bool), (rows[fit], columns[fit])),
        shape=(len(reference), len(estimate)),
    )
    return int((maximum_bipartite_matching(graph) >= 0).sum())


def count_false_alarms(reference, estimate):
    """Count events of one class where there is none of it.

    Arguments
    ---------
    reference : numpy.ndarray
        Start and stop of each event in seconds [n, 2].
    estimate : numpy.ndarray
        Those of the events that were found [m, 2].

    Returns
    -------
    false_alarms : int
        Number of those that overlap with no event.

    Example
    -------
    >>> reference = np.array([[1.0, 2.0], [1.2, 1.4]])
    >>> count_false_alarms(reference, np.array([[1.5, 9.0], [2.0, 3.0]]))
    1
    """
    reference = reference[np.argsort(reference[:, 0])]
    begun = np.searchsorted(reference[:, 0], estimate[:, 1])
    # The latest end of those that begin before it ends.
    ends = np.concatenate([[-np.inf], np.maximum.accumulate(reference[:, 1])])
    return int((ends[begun] <= estimate[:, 0]).sum())


def evaluate_timelines(pairs):
    """Measure how well the events of recordings were found.

    Equal to sed_eval (optimal matching, a score of zero where nothing was
    found) where that has the metric.

    Arguments
    ---------
    pairs : list of TimelinePair
        One for each recording.

    Returns
    -------
    results : dict
        "hours"; "events": counts, precision, recall and F1 by a collar of 0.2
        s on the start, and 0.2 s or 20 % of the length on the stop; "segments":
        the same of active segments of 1 s, and the error rate with its parts;
        "false_alarms_per_hour": of events that overlap with none of their
        class. "micro" is of all counts, "macro" the mean over "classes",
        as far as they are defined: there is no recall of what is not there.

    Example
    -------
    >>> from speechbrain_pib.dataio.timelines.events import Event
    >>> dog, cat = Event("dog", 1.0, 2.0, 1.0), Event("cat", 7.0, 8.0, 1.0)
    >>> results = evaluate_timelines([TimelinePair([dog], [dog, cat], 3600.0)])
    >>> results["events"]["micro"]["precision"]
    0.5
    >>> results["false_alarms_per_hour"]["micro"]
    1.0
    """
    labels = sorted({e.label for p in pairs for side in p[:2] for e in side})
    events = dict.fromkeys(labels, Counts(0, 0, 0))
    segments, alarms = dict(events), dict.fromkeys(labels, 0)
    errors = np.zeros(3, int)
    for pair in pairs:
        spans = [_spans_of_labels(side, labels) for side in pair[:2]]
        for label in labels:
            reference, estimate = (side[label] for side in spans)
            events[label] = _add(
                events[label],
                Counts(
                    len(reference),
                    len(estimate),
                    count_correct(reference, estimate),
                ),
            )
            alarms[label] += count_false_alarms(reference, estimate)
        active = _active_segments(spans)
        rolls = [_activity(side, active) for side in spans]
        errors += _count_errors(*rolls)
        sums = [roll.sum(axis=0) for roll in (*rolls, rolls[0] & rolls[1])]
        for label, *counts in zip(labels, *sums):
            segments[label] = _add(segments[label], Counts(*map(int, counts)))
    hours = sum(pair.seconds for pair in pairs) / 3600
    return {
        "hours": hours,
        "events": _summarize(events),
        "segments": _summarize(segments) | _error_rates(segments, errors),
        "false_alarms_per_hour": {
            "micro": _divide(sum(alarms.values()), hours),
            "classes": {k: _divide(n, hours) for k, n in alarms.items()},
        },
    }


def _spans_of_labels(events, labels):
    """Start and stop [n, 2] of the events of each label."""
    spans = defaultdict(list)
    for event in events:
        spans[event.label].append((event.start, event.stop))
    return {k: np.array(spans[k], float).reshape(-1, 2) for k in labels}


def _segments(times):
    """The first segment of each event, and the one after its last [n, 2]."""
    return np.stack(
        [
            np.floor(times[:, 0] / SEGMENT_SECONDS),
            np.ceil(times[:, 1] / SEGMENT_SECONDS),
        ],
        axis=1,
    ).astype(int)


def _active_segments(sides):
    """The segments in which anything is heard, in order."""
    active = [
        np.arange(*segments)
        for spans in sides
        for times in spans.values()
        for segments in _segments(times)
    ]
    return np.unique(np.concatenate([np.arange(0), *active]))


def _activity(spans, active):
    """In which of the active segments each class is heard
    [segments, classes]."""
    roll = np.zeros((len(active), len(spans)), bool)
    for column, times in enumerate(spans.values()):
        for start, stop in np.searchsorted(active, _segments(times)):
            roll[start:stop, column] = True
    return roll


def _count_errors(reference, estimate):
    """Substitutions, deletions and insertions of segments."""
    there, found = reference.sum(axis=1), estimate.sum(axis=1)
    correct = (reference & estimate).sum(axis=1)
    return np.array(
        [
            (np.minimum(there, found) - correct).sum(),
            np.maximum(there - found, 0).sum(),
            np.maximum(found - there, 0).sum(),
        ]
    )


def _add(counts, more):
    """The sums of two counts."""
    return Counts(*map(sum, zip(counts, more)))


def _divide(part, whole):
    """A rate; not a number where there is nothing to divide by."""
    return part / whole if whole else math.nan


def _rates(counts):
    """Precision, recall and F1."""
    return {
        name: getattr(counts, name) for name in ("precision", "recall", "f1")
    }


def _summarize(counts):
    """Rates of all, the mean over classes, and of each class."""
    total, macro = Counts(0, 0, 0), {}
    for more in counts.values():
        total = _add(total, more)
    for name in ("precision", "recall", "f1"):
        rates = [getattr(each, name) for each in counts.values()]
        defined = [rate for rate in rates if not math.isnan(rate)]
        macro[name] = _divide(sum(defined), len(defined))
    return {
        "micro": {**total._asdict(), **_rates(total)},
        "macro": macro,
        "classes": {
            label: {**each._asdict(), **_rates(each)}
            for label, each in counts.items()
        },
    }


def _error_rates(segments, errors):
    """Errors as shares of the active segments of the reference."""
    active = sum(counts.reference for counts in segments.values())
    names = ("substitution_rate", "deletion_rate", "insertion_rate")
    rates = {n: _divide(int(e), active) for n, e in zip(names, errors)}
    return {"error_rate": sum(rates.values()), **rates}
