"""Metrics of time lines, compared with numbers of sed_eval and by hand.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import math
import time

import numpy as np
import pytest

from speechbrain_pib.dataio.timelines.events import Event
from speechbrain_pib.evaluation.timelines import (
    TimelinePair,
    count_correct,
    count_false_alarms,
    evaluate_timelines,
)
from tests.helpers import FIXTURES

RATES = ("precision", "recall", "f1")


def make_pair(rng, seconds, n_events, labels="abcd"):
    """Random events, of which many are found about where they are."""
    reference, estimate = [], []
    for _ in range(n_events):
        start = rng.uniform(0, seconds - 5)
        stop = start + rng.uniform(0.1, 4)
        label = labels[rng.integers(len(labels))]
        times = [round(float(time), 3) for time in (start, stop)]
        reference.append(Event(label, *times, 1.0))
        if rng.random() < 0.8:
            start = max(start + rng.normal(scale=0.15), 0.0)
            stop = max(stop + rng.normal(scale=0.3), start + 0.05)
            if rng.random() < 0.1:
                label = labels[rng.integers(len(labels))]
            times = [round(float(time), 3) for time in (start, stop)]
            estimate.append(Event(label, *times, 1.0))
        if rng.random() < 0.1:
            estimate.append(Event("never", *times, 1.0))
    return TimelinePair(reference, estimate, seconds)


def numbers_of_sed_eval(pairs):
    """The same numbers as ours, by sed_eval."""
    sed_eval = pytest.importorskip("sed_eval", exc_type=ImportError)

    def to_dicts(events):
        return [
            {
                "event_label": event.label,
                "event_onset": event.start,
                "event_offset": event.stop,
            }
            for event in events
        ]

    labels = sorted({e.label for p in pairs for side in p[:2] for e in side})
    events = sed_eval.sound_event.EventBasedMetrics(
        labels, t_collar=0.2, percentage_of_length=0.2
    )
    segments = sed_eval.sound_event.SegmentBasedMetrics(
        labels, time_resolution=1.0
    )
    for metrics in (events, segments):
        metrics.empty_system_output_handling = "zero_score"
        for pair in pairs:
            metrics.evaluate(to_dicts(pair[0]), to_dicts(pair[1]))
    numbers = {"errors": segments.results_overall_metrics()["error_rate"]}
    for name, metrics in (("events", events), ("segments", segments)):
        classes = metrics.results_class_wise_metrics()
        numbers[name] = {
            "micro": metrics.results_overall_metrics()["f_measure"],
            "macro": metrics.results_class_wise_average_metrics()["f_measure"],
            "classes": {k: v["f_measure"] for k, v in classes.items()},
        }
    return numbers


def compare(results, numbers):
    """Assert that our results are the numbers of sed_eval."""
    for kind in ("events", "segments"):
        expected = numbers[kind]
        rows = {"micro": expected["micro"], "macro": expected["macro"]}
        found = {name: results[kind][name] for name in rows}
        for label, row in expected["classes"].items():
            rows[label] = row
            found[label] = results[kind]["classes"][label]
        for label, row in rows.items():
            theirs = [row[name] for name in (*RATES[:2], "f_measure")]
            ours = [found[label][name] for name in RATES]
            np.testing.assert_allclose(
                ours, np.array(theirs, float), atol=1e-12, err_msg=label
            )
    for name, value in numbers["errors"].items():
        assert results["segments"][name] == pytest.approx(value, abs=1e-12)


def test_results_are_those_that_sed_eval_computed():
    cases = json.loads((FIXTURES / "timelines/sed_eval.json").read_text())
    assert len(cases) == 3
    for case in cases:
        pairs = [
            TimelinePair(*([Event(*e) for e in s] for s in pair), 60.0)
            for pair in case["pairs"]
        ]
        compare(evaluate_timelines(pairs), case["numbers"])


@pytest.mark.parametrize("seed", range(3))
def test_results_are_those_of_sed_eval(seed):
    rng = np.random.default_rng(seed)
    # Dense: events of a class overlap, and several fit to several.
    pairs = [make_pair(rng, 40.0, 60, labels="ab") for _ in range(3)]
    compare(evaluate_timelines(pairs), numbers_of_sed_eval(pairs))


def test_as_many_events_as_possible_are_matched():
    # Whoever takes the first that fits leaves the second one alone.
    reference = np.array([[1.0, 2.0], [1.15, 2.15]])
    estimate = np.array([[1.1, 2.1], [0.9, 1.9]])
    assert count_correct(reference, estimate) == 2
    assert count_correct(reference[::-1], estimate[::-1]) == 2
    assert count_correct(reference, estimate[:1]) == 1


def test_the_longer_an_event_the_freer_its_end():
    reference = np.array([[10.0, 20.0]])
    for stop, correct in ((22.0, 1), (18.0, 1), (22.001, 0), (17.999, 0)):
        assert count_correct(reference, np.array([[10.2, stop]])) == correct
    assert count_correct(reference, np.array([[10.3, 20.0]])) == 0


def test_no_events_are_no_error():
    none = np.zeros((0, 2))
    one = np.array([[1.0, 2.0]])
    assert count_correct(none, one) == count_correct(one, none) == 0
    assert count_false_alarms(none, one) == 1
    assert count_false_alarms(one, none) == 0


def test_false_alarms_overlap_with_no_event():
    rng = np.random.default_rng(0)
    spans = [np.sort(rng.uniform(0, 50, (40, 2)), axis=1) for _ in "ab"]
    reference = spans[0][np.ptp(spans[0], axis=1) < 4]
    estimate = spans[1][np.ptp(spans[1], axis=1) < 9]
    expected = sum(
        all(stop <= a or start >= b for a, b in reference)
        for start, stop in estimate
    )
    assert 0 < expected < len(estimate)
    assert count_false_alarms(reference, estimate) == expected


def test_rates_are_of_all_recordings():
    dog, cat = Event("dog", 1.0, 2.0, 1.0), Event("cat", 7.0, 8.0, 1.0)
    pairs = [
        TimelinePair([dog], [dog, cat], 1800.0),
        TimelinePair([dog, cat], [], 5400.0),
    ]
    results = evaluate_timelines(pairs)
    assert results["hours"] == 2.0
    assert results["events"]["micro"] == {
        "reference": 3,
        "estimated": 2,
        "correct": 1,
        "precision": 0.5,
        "recall": pytest.approx(1 / 3),
        "f1": pytest.approx(0.4),
    }
    alarms = results["false_alarms_per_hour"]
    assert alarms == {"micro": 0.5, "classes": {"cat": 0.5, "dog": 0.0}}
    # One segment too many, and two that are missing.
    assert results["segments"]["error_rate"] == pytest.approx(1)


def test_a_recording_without_events_has_no_rates():
    results = evaluate_timelines([TimelinePair([], [], 60.0)])
    assert math.isnan(results["events"]["micro"]["f1"])
    assert math.isnan(results["segments"]["error_rate"])
    assert results["false_alarms_per_hour"]["micro"] == 0.0


def test_times_since_1970_take_no_more_memory():
    def events(*spans):
        return [Event(k, 1.7e9 + a, 1.7e9 + b, 1.0) for k, a, b in spans]

    reference = events(("a", 1.5, 3.5))
    estimate = events(("a", 2.5, 4.5), ("b", 9.0, 9.5))
    results = evaluate_timelines([TimelinePair(reference, estimate, 2e9)])
    # There are 3 segments, 3 were found, both are 2; b is one more.
    assert results["segments"]["micro"]["precision"] == 2 / 4
    assert results["segments"]["micro"]["recall"] == 2 / 3


def test_a_day_takes_less_than_a_second():
    rng = np.random.default_rng(0)
    pair = make_pair(rng, 86400.0, 4320, labels="abcdefghij")
    begin = time.process_time()
    results = evaluate_timelines([pair])
    assert time.process_time() - begin < 1
    assert 0.3 < results["events"]["micro"]["f1"] < 0.9
