"""Polyphonic sound detection scores of events, by sed_scores_eval.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np

# Of DCASE's challenges: the first asks for exact times, the second for no
# confusion of classes.
SCENARIOS = {
    "psds1": {
        "dtc_threshold": 0.7,
        "gtc_threshold": 0.7,
        "alpha_ct": 0.0,
        "alpha_st": 1.0,
    },
    "psds2": {
        "dtc_threshold": 0.1,
        "gtc_threshold": 0.1,
        "cttc_threshold": 0.3,
        "alpha_ct": 0.5,
        "alpha_st": 1.0,
    },
}


def detection_scores(pairs):
    """Measure how well events were found over all thresholds of their scores.

    Events that were dropped before have no score: the lower the threshold they
    were found with, the more of the curve there is. Classes of which there is
    no reference event are left out, as nothing of them can be found.

    Arguments
    ---------
    pairs : list of TimelinePair
        One for each recording. The scores are those of the estimated events.

    Returns
    -------
    scores : dict
        "psds1" and "psds2", in [0, 1], of the scenarios of DCASE: the area
        under true positive rates over up to 100 false positives an hour.

    Raises
    ------
    ImportError
        If sed_scores_eval is not there; the message says how to install it.
    ValueError
        If there are no reference events.

    Example
    -------
    >>> detection_scores(pairs)  # doctest: +SKIP
    {'psds1': 0.61, 'psds2': 0.83}
    """
    try:
        from sed_scores_eval import intersection_based
    except ImportError as error:
        raise ImportError(
            "PSDS needs sed_scores_eval: pip install "
            f"'speechbrain-pib[timeline]' ({error})"
        ) from error
    labels = sorted({event.label for pair in pairs for event in pair.reference})
    if not labels:
        raise ValueError("PSDS needs reference events, and there are none")
    # A label may hold what it does not take, such as a backslash.
    names = {label: f"class {n}" for n, label in enumerate(labels)}
    scores, truth, durations = {}, {}, {}
    for number, pair in enumerate(pairs):
        key = str(number)
        stops = [e.stop for side in pair[:2] for e in side]
        durations[key] = max([pair.seconds, *stops])
        known = [event for event in pair.estimate if event.label in names]
        scores[key] = _score_table(known, names, durations[key])
        truth[key] = _merge(pair.reference, names)
    results = {}
    for scenario, options in SCENARIOS.items():
        if len(labels) == 1:
            # With which it fails, though nothing can be confused.
            options = {**options, "cttc_threshold": None, "alpha_ct": 0.0}
        value, *_ = intersection_based.psds(scores, truth, durations, **options)
        results[scenario] = float(value)
    return results


def _score_table(events, names, duration):
    """The highest score of each class over time, as a data frame."""
    from sed_scores_eval.base_modules.scores import create_score_dataframe

    times = np.unique(
        [0.0, duration, *(t for event in events for t in event[1:3])]
    )
    # Not 0, at which threshold all of a recording would be one event.
    scores = np.full((len(times) - 1, len(names)), -np.inf)
    columns = {label: column for column, label in enumerate(names)}
    for event in events:
        first, last = np.searchsorted(times, event[1:3])
        part = scores[first:last, columns[event.label]]
        np.maximum(part, event.score, out=part)
    return create_score_dataframe(scores, times, list(names.values()))


def _merge(events, names):
    """Events as (start, stop, name); those of a class that overlap, or touch,
    are one, as sed_scores_eval wants it."""
    merged = []
    for event in sorted(events, key=lambda event: (event.label, event.start)):
        name = names[event.label]
        if merged and merged[-1][2] == name and event.start <= merged[-1][1]:
            start, stop, _ = merged.pop()
            merged.append((start, max(stop, event.stop), name))
        else:
            merged.append((event.start, event.stop, name))
    return merged
