"""The accuracy of one trained model over its mean cost.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np

from speechbrain_pib.evaluation.budgets import leave
from speechbrain_pib.evaluation.comparisons import compare_outputs
from speechbrain_pib.evaluation.reports import (
    format_interval,
    markdown_table,
    to_title,
)

TENTHS = [tenth / 10 for tenth in range(1, 11)]
MOST_DRAWS = 16  # of who leaves at random, to average over
CLIPS_DRAWN = 8000  # by all draws together: a large test needs fewer


def curve_shares(budgets):
    """List the shares of the full cost that a curve has points at.

    Arguments
    ---------
    budgets : speechbrain_pib.evaluation.budgets.BudgetTable
        What can be afforded.

    Returns
    -------
    shares : list of float
        A single pass, and each tenth above.

    Example
    -------
    >>> from speechbrain_pib.evaluation.budgets import BudgetTable
    >>> curve_shares(BudgetTable([3.0, 1.0], [0.75, 1.0], [0.0, 2.0]))
    [0.75, 0.8, 0.9, 1.0]
    """
    first = budgets.shares[0]
    return [first, *(share for share in TENTHS if share > first)]


def trace_curve(passes, budgets, metric, summarize, resample):
    """Measure what each budget reaches on a test set, beside controls.

    Arguments
    ---------
    passes : speechbrain_pib.evaluation.passes.PassScores
        Of the test set, gathered.
    budgets : speechbrain_pib.evaluation.budgets.BudgetTable
        Solved on a validation set.
    metric : str
        The metric to show.
    summarize : callable
        Of scores, targets [clips, classes] and ids to metrics by name.
    resample : callable
        Of the same, to metrics of resamples, such as ResampledClassification.

    Returns
    -------
    curve : dict
        Fit for JSON: "metric"; "gmacs" of each pass; "alone", the metric if
        all leave after the same pass; and "points", for each of
        `curve_shares` its "budget", "threshold", mean "gmacs" on the test
        set, "left" (how many views left after each pass), and the metric
        "until_sure", "random" (as many leave after each pass, drawn at random;
        mean of several draws) and "oracle" (those leave that gain least, by
        their labels); and the paired "difference" of the first two with its
        interval, "low" and "high".

    Example
    -------
    >>> import torch
    >>> from speechbrain_pib.evaluation.budgets import BudgetTable
    >>> from speechbrain_pib.evaluation.metrics import summarize_classification
    >>> from speechbrain_pib.evaluation.passes import PassScores
    >>> from speechbrain_pib.evaluation.resampled_metrics import (
    ...     ResampledClassification,
    ... )
    >>> passes = PassScores()
    >>> unsure, sure = [[0.6, 0.4], [0.1, 0.9]], [[0.1, 0.9], [0.1, 0.9]]
    >>> probabilities = torch.tensor([unsure, sure] * 8).unsqueeze(1)
    >>> targets = torch.tensor([[0.0, 1.0]] * 16)
    >>> passes.append([f"{n:02}" for n in range(16)], targets, probabilities)
    >>> curve = trace_curve(
    ...     passes.gather(),
    ...     BudgetTable([1.0, 1.0], [0.5, 0.75, 1.0], [0.0, 0.8, 2.0]),
    ...     "top1",
    ...     lambda *test: summarize_classification(*test[:2]),
    ...     lambda *test: ResampledClassification(*test[:2]),
    ... )
    >>> curve["alone"], curve["points"][3]["until_sure"]
    ([0.5, 1.0], 1.0)
    """
    clips, totals = passes.clips, np.cumsum(budgets.gmacs)
    truth = passes.truth()

    def score(left):
        return summarize(passes.after(left), clips.targets, clips.ids)[metric]

    def measure(share):
        threshold = budgets.threshold(share)
        left = leave(passes.confidences, threshold)
        counts = np.bincount(left.ravel(), minlength=len(totals))
        drawn = _draw(left)
        return {
            "budget": share,
            "threshold": threshold,
            "gmacs": float(totals[left].mean()),
            "left": counts.tolist(),
            "until_sure": score(left),
            "random": float(np.mean([score(other) for other in drawn])),
            "oracle": score(leave_by_gain(truth, counts)),
            **_compare(passes, left, drawn, metric, resample),
        }

    first = np.zeros(passes.confidences.shape[:2], dtype=int)
    return {
        "metric": metric,
        "gmacs": list(budgets.gmacs),
        "alone": [score(first + index) for index in range(len(totals))],
        "points": [measure(share) for share in curve_shares(budgets)],
    }


def leave_by_gain(truth, counts):
    """Let those leave after each pass that gain least by listening on.

    Arguments
    ---------
    truth : numpy.ndarray
        How right each pass is [clips, views, passes].
    counts : list of int
        How many leave after each pass.

    Returns
    -------
    left : numpy.ndarray
        Index of the pass after which each leaves [clips, views].

    Example
    -------
    >>> leave_by_gain(np.array([[[0.1, 0.9]], [[0.8, 0.9]]]), [1, 1]).tolist()
    [[1], [0]]
    """
    rows = truth.reshape(-1, truth.shape[-1])
    left = np.full(len(rows), len(counts) - 1)
    staying = np.arange(len(rows))
    for index, count in enumerate(counts[:-1]):
        heard = rows[staying]
        gain = heard[:, index + 1 :].max(axis=1) - heard[:, index]
        order = staying[np.argsort(gain, kind="stable")]
        left[order[:count]] = index
        staying = order[count:]
    return left.reshape(truth.shape[:2])


def _draw(left):
    """Draw who leaves, as many after each pass, several times."""
    if left.min() == left.max():
        return [left]
    draws = max(min(MOST_DRAWS, CLIPS_DRAWN // left.size), 2)
    rng = np.random.default_rng(0)
    return [
        rng.permutation(left.ravel()).reshape(left.shape) for _ in range(draws)
    ]


def _compare(passes, left, drawn, metric, resample):
    """Compute the paired difference from leaving at random; without an
    interval where there is none for the metric, or a single clip."""
    clips = passes.clips
    chosen, *others = (
        resample(passes.after(rows), clips.targets, clips.ids)
        for rows in (left, *drawn)
    )
    if metric not in chosen.names or len(clips.ids) < 2:
        return {"difference": None, "low": None, "high": None}
    outputs = {"until_sure": chosen, "random": _MeanMetrics(others)}
    comparison = compare_outputs(
        outputs, "until_sure", len(clips.ids), [metric]
    )
    return comparison["differences"]["random"][metric]


class _MeanMetrics:
    """The mean of the metrics of several outputs, of resamples.

    Arguments
    ---------
    outputs : list
        Such as ResampledClassification.
    """

    def __init__(self, outputs):
        self.outputs = outputs

    def __call__(self, counts):
        """Compute the means by name [resamples]."""
        metrics = [output(counts) for output in self.outputs]
        return {
            name: np.mean([values[name] for values in metrics], axis=0)
            for name in metrics[0]
        }


def describe_curve(curve, step="pass"):
    """Write a curve as a table in Markdown with a line above it.

    Arguments
    ---------
    curve : dict
        From `trace_curve`; its points may have "milliseconds", too.
    step : str
        What there is more and more of: a "pass" or a "look".

    Returns
    -------
    text : str

    Example
    -------
    >>> point = {
    ...     "budget": 0.7,
    ...     "gmacs": 0.012,
    ...     "left": [6, 4],
    ...     "until_sure": 0.9,
    ...     "random": 0.75,
    ...     "oracle": 1.0,
    ...     "difference": 0.15,
    ...     "low": 0.1,
    ...     "high": 0.2,
    ... }
    >>> print(
    ...     describe_curve(
    ...         {
    ...             "metric": "top1",
    ...             "gmacs": [0.0],
    ...             "alone": [],
    ...             "points": [point],
    ...         }
    ...     )
    ... )
    <BLANKLINE>
    Until sure: top-1 over the mean cost.
    <BLANKLINE>
    | budget | GMAC   | left after each pass | top-1  | random exit | minus random               | oracle |
    |--------|--------|----------------------|--------|-------------|----------------------------|--------|
    | 0.70   | 0.0120 | 6, 4                 | 0.9000 | 0.7500      | +0.1500 [+0.1000, +0.2000] | 1.0000 |
    <BLANKLINE>
    """
    title = to_title(curve["metric"])
    rows = {}
    for point in curve["points"]:
        row = {"GMAC": f"{point['gmacs']:.4f}"}
        if "milliseconds" in point:
            row["ms"] = f"{point['milliseconds']:.2f}"
        rows[f"{point['budget']:.2f}"] = row | {
            f"left after each {step}": ", ".join(map(str, point["left"])),
            title: f"{point['until_sure']:.4f}",
            "random exit": f"{point['random']:.4f}",
            "minus random": format_interval(
                point["difference"], point["low"], point["high"]
            ),
            "oracle": f"{point['oracle']:.4f}",
        }
    lines = [f"\nUntil sure: {title} over the mean cost."]
    lines += [
        f"All leave after {step} {index}: {value:.4f}."
        for index, value in enumerate(curve["alone"])
    ]
    return "\n".join([*lines, "", markdown_table(rows, "budget"), ""])
