"""Pictures of the accuracy of one trained model over its mean cost.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
from matplotlib.figure import Figure

from speechbrain_pib.evaluation.plots import (
    EVENT_COLOR,
    SEGMENT_COLOR,
    save_figure,
)
from speechbrain_pib.evaluation.reports import to_title


def plot_curve(curve, path, step="pass"):
    """Draw a metric over the mean cost, beside leaving at random and by the
    labels, with the interval of the difference from the former.

    Arguments
    ---------
    curve : dict
        As from `trace_curve`.
    path : str or Path
        Picture to write; its suffix chooses the format.
    step : str
        What there is more and more of: a "pass" or a "look".

    Example
    -------
    >>> point = {"gmacs": 1.0, "low": None, "high": None}
    >>> point |= {"until_sure": 0.9, "random": 0.8, "oracle": 1.0}
    >>> curve = {"metric": "top1", "points": [point]}
    >>> curve |= {"gmacs": [1.0], "alone": [0.9]}
    >>> plot_curve(curve, getfixture("tmpdir") / "budget.png")
    """
    figure = Figure(figsize=(5.6, 3.6), dpi=200, layout="constrained")
    axes = figure.add_subplot()
    points = curve["points"]
    costs = [point["gmacs"] for point in points]

    def draw(name, label, **style):
        axes.plot(costs, [p[name] for p in points], label=label, **style)

    draw("oracle", "oracle (labels)", color="0.6", linestyle=":")
    draw("random", "random exit", color=EVENT_COLOR, linestyle="--", marker=".")
    draw("until_sure", "until sure", color=SEGMENT_COLOR, marker="o")
    ends = [p for p in points if p["low"] is not None]
    axes.fill_between(
        [p["gmacs"] for p in ends],
        [p["random"] + p["low"] for p in ends],
        [p["random"] + p["high"] for p in ends],
        color=SEGMENT_COLOR,
        alpha=0.15,
        linewidth=0,
        label="95 %, paired with random",
    )
    for index, (cost, value) in enumerate(
        zip(np.cumsum(curve["gmacs"]), curve["alone"])
    ):
        axes.plot(cost, value, "kx")
        axes.annotate(
            f"{step} {index}",
            (cost, value),
            textcoords="offset points",
            xytext=(4, -11),
            size=8,
        )
    axes.set_xlabel("mean GMAC")
    axes.set_ylabel(to_title(curve["metric"]))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False)
    save_figure(figure, path)
