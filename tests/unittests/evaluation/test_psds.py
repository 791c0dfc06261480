"""Polyphonic sound detection scores, compared with their closed form.

Authors
 * The speechbrain_pib developers 2026
"""

import sys

import pytest

from speechbrain_pib.dataio.timelines.events import Event
from speechbrain_pib.evaluation.psds import detection_scores
from speechbrain_pib.evaluation.timelines import TimelinePair

DOGS = [Event("dog", 10.0 * n, 10.0 * n + 2, 0.9) for n in range(20)]


def is_installed():
    """Skip a test where the package does not import."""
    pytest.importorskip("sed_scores_eval", exc_type=ImportError)


def test_what_to_install_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "sed_scores_eval", None)
    with pytest.raises(ImportError, match=r"'speechbrain-pib\[timeline\]'"):
        detection_scores([TimelinePair(DOGS, DOGS, 3600.0)])


def test_all_events_at_their_places_have_a_score_of_one():
    is_installed()
    scores = detection_scores([TimelinePair(DOGS, DOGS, 3600.0)])
    assert scores == {"psds1": pytest.approx(1), "psds2": pytest.approx(1)}


def test_false_alarms_and_misses_cost_their_share():
    is_installed()
    # Half of the dogs at once; the others after 25 false alarms an hour.
    late = [dog._replace(score=0.3) for dog in DOGS[10:]]
    noise = [Event("dog", 1000.0 + n, 1000.5 + n, 0.6) for n in range(50)]
    pair = TimelinePair(DOGS, DOGS[:10] + noise + late, 7200.0)
    expected = 0.5 * 0.25 + 1.0 * 0.75
    scores = detection_scores([pair])
    assert scores["psds1"] == pytest.approx(expected, abs=1e-6)


def test_overlapping_events_and_odd_labels_are_taken():
    is_installed()
    reference = [
        Event("a\\b", 1.0, 3.0, 1.0),
        Event("a\\b", 2.0, 4.0, 1.0),
        Event("a\\b", 4.0, 5.0, 1.0),
        Event("onset", 2.0, 3.0, 1.0),
    ]
    pairs = [
        TimelinePair(reference, reference, 60.0),
        TimelinePair([], [], 60.0),
    ]
    assert detection_scores(pairs)["psds1"] == pytest.approx(1)


def test_classes_without_a_reference_event_are_left_out():
    is_installed()
    cats = [dog._replace(label="cat") for dog in DOGS]
    scores = detection_scores([TimelinePair(DOGS, DOGS + cats, 3600.0)])
    assert scores == {"psds1": pytest.approx(1), "psds2": pytest.approx(1)}


def test_what_was_not_found_is_found_at_no_threshold():
    is_installed()
    # All of such a recording, as one event, would have enough of dogs in it.
    pair = TimelinePair(DOGS, DOGS[:5], 200.0)
    scores = detection_scores([pair, TimelinePair(DOGS, [], 200.0)])
    assert scores["psds2"] == pytest.approx(5 / 40)


def test_without_reference_events_there_is_no_score():
    is_installed()
    with pytest.raises(ValueError, match="needs reference events"):
        detection_scores([TimelinePair([], DOGS, 3600.0)])
