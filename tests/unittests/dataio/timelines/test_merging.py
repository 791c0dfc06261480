"""Spans that become events, against a slow search in the whole sequence.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest

from speechbrain_pib.dataio.timelines.merging import SpanMerger
from speechbrain_pib.dataio.timelines.spans import Span, SpanFinder

HIGH, LOW, GAPS, DURATIONS = [0.8, 0.9], [0.4, 0.6], [3, 0], [4, 2]


def events_of(evidence, passes, part):
    """What is found when the sequence comes in parts, in order."""
    finder = SpanFinder(np.array(LOW))
    merger, found = SpanMerger(HIGH, GAPS, DURATIONS), []
    for start in range(0, len(evidence), part):
        stop = start + part
        last = stop >= len(evidence)
        spans = finder.add(evidence[start:stop], passes[start:stop], last)
        found += merger.add(spans, finder.open, finder.position, last)
    return found


def slow_events(evidence, passes):
    """The same of the whole sequence, cell by cell."""
    found = []
    for index in range(evidence.shape[1]):
        runs, values = [], evidence[:, index]
        for cell, value in enumerate(values):
            if value >= LOW[index]:
                if not runs or runs[-1][1] < cell:
                    runs.append([cell, cell])
                runs[-1][1] = cell + 1
        runs = [r for r in runs if max(values[slice(*r)]) >= HIGH[index]]
        merged = []
        for run in runs:
            if merged and run[0] - merged[-1][1] < GAPS[index]:
                merged[-1][1] = run[1]
            else:
                merged.append(run)
        for start, stop in merged:
            inside = values[start:stop] * (values[start:stop] >= LOW[index])
            score = float(inside.max())
            if stop - start >= DURATIONS[index]:
                found.append((index, start, stop, score))
    return sorted(found)


@pytest.mark.parametrize("seed", range(5))
def test_parts_have_the_events_of_the_whole(seed):
    rng = np.random.default_rng(seed)
    noise = rng.random((300, 2))
    evidence = (noise + np.roll(noise, 1, 0) + np.roll(noise, 2, 0)) / 2.2
    passes = rng.integers(0, 3, 300)
    expected = slow_events(evidence, passes)
    assert len({event[0] for event in expected}) == 2
    whole = events_of(evidence, passes, 300)
    assert sorted(tuple(span[:4]) for span in whole) == expected
    for part in (1, 2, 7, 100):
        # In the same order, too.
        assert events_of(evidence, passes, part) == whole


def test_an_event_is_final_when_nothing_can_change_it():
    merger = SpanMerger(high=[0.5], gaps=[5], durations=[0])
    span, begun = Span(0, 0, 10, 0.9, 0), {0: Span(0, 13, 13, 0.0, 0)}
    assert merger.add([span], {}, 14) == []
    assert merger.add([], begun, 40) == []  # it may yet be one with this
    faint = Span(0, 13, 41, 0.3, 0)
    assert merger.add([faint], {}, 41) == [span]


def test_passes_are_those_of_the_loudest_part():
    finder = SpanFinder(np.array([0.5]))
    evidence, passes = np.array([[0.6], [0.7], [0.1]]), np.array([0, 2, 3])
    assert finder.add(evidence, passes) == [Span(0, 0, 2, 0.7, 2)]
