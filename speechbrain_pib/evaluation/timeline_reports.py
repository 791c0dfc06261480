"""All that is measured of time lines, in numbers and in words.

Authors
 * The speechbrain_pib developers 2026
"""

import math

from speechbrain_pib.evaluation.psds import detection_scores
from speechbrain_pib.evaluation.reports import markdown_table
from speechbrain_pib.evaluation.timelines import evaluate_timelines

COSTS = ("gmacs", "gmacs_everywhere")


def measure_timelines(pairs, costs):
    """Measure how well events were found, and what that cost.

    Arguments
    ---------
    pairs : list of TimelinePair
        One for each recording.
    costs : list of dict
        Of each recording its "seconds", "gmacs" and "gmacs_everywhere", what
        was computed and what all replays of all windows would have been; None
        where nobody knows.

    Returns
    -------
    result : dict
        That of `evaluate_timelines`, the number of "recordings", those of
        `detection_scores` if they can be computed, and "gmacs_per_hour" and
        "gmacs_everywhere_per_hour" if they are known.
    remarks : list of str
        What is missing, and why.

    Example
    -------
    >>> from speechbrain_pib.dataio.timelines.events import Event
    >>> from speechbrain_pib.evaluation.timelines import TimelinePair
    >>> pairs = [TimelinePair([], [Event("dog", 1.0, 2.0, 1.0)], 1800.0)]
    >>> costs = [{"seconds": 1800.0, "gmacs": 2.0, "gmacs_everywhere": 5.0}]
    >>> result, remarks = measure_timelines(pairs, costs)
    >>> result["false_alarms_per_hour"]["micro"], result["gmacs_per_hour"]
    (2.0, 4.0)
    """
    result = {"recordings": len(pairs), **evaluate_timelines(pairs)}
    if costs and None not in costs and any(cost["gmacs"] for cost in costs):
        hours = sum(cost["seconds"] for cost in costs) / 3600
        for name in COSTS:
            total = sum(cost[name] for cost in costs)
            result[f"{name}_per_hour"] = total / hours
    try:
        return result | detection_scores(pairs), []
    except (ImportError, ValueError) as error:
        return result, [f"No PSDS: {error}"]


def describe_timelines(result):
    """Put what was measured into lines for people, a table among them.

    Arguments
    ---------
    result : dict
        As from `measure_timelines`.

    Returns
    -------
    lines : list of str

    Example
    -------
    >>> from speechbrain_pib.dataio.timelines.events import Event
    >>> from speechbrain_pib.evaluation.timelines import TimelinePair
    >>> dogs = [Event("dog", 1.0, 2.0, 1.0)]
    >>> result, _ = measure_timelines([TimelinePair(dogs, dogs, 3600.0)], [])
    >>> print(describe_timelines(result)[0])
    1 recordings, 1.00 h
    """
    alarms = result["false_alarms_per_hour"]
    cells = {}
    for name, key in (("all events", "micro"), ("mean of classes", "macro")):
        rates = result["events"][key], result["segments"][key]
        cells[f"**{name}**"] = _row(*rates, alarms.get(key))
    for label, rates in result["events"]["classes"].items():
        segments = result["segments"]["classes"][label]
        cells[label] = _row(rates, segments, alarms["classes"][label])
    errors = {
        name: _format(result["segments"][f"{name}_rate"])
        for name in ("error", "substitution", "deletion", "insertion")
    }
    lines = [
        f"{result['recordings']} recordings, {result['hours']:.2f} h",
        *markdown_table(cells, "class").splitlines(),
        "Segment-based error rate: {error} (substitutions {substitution}, "
        "deletions {deletion}, insertions {insertion})".format(**errors),
    ]
    if "psds1" in result:
        scores = [_format(result[name]) for name in ("psds1", "psds2")]
        lines.append("PSDS1 {}, PSDS2 {}".format(*scores))
    if "gmacs_per_hour" in result:
        lines.append(
            f"{result['gmacs_per_hour']:.1f} GMAC an hour; "
            f"{result['gmacs_everywhere_per_hour']:.1f} with all replays "
            "everywhere"
        )
    return lines


def _row(events, segments, alarms):
    """The cells of a row."""
    return {
        "events": str(events.get("reference", "")),
        "found": str(events.get("estimated", "")),
        "precision": _format(events["precision"]),
        "recall": _format(events["recall"]),
        "F1": _format(events["f1"]),
        "segment F1": _format(segments["f1"]),
        "false alarms/h": "" if alarms is None else _format(alarms, 2),
    }


def _format(value, digits=4):
    """A number, or a dash where it is not defined."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
