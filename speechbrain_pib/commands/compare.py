"""The command compare: how much better one run is than another.

Authors
 * The speechbrain_pib developers 2026
"""

from speechbrain_pib.commands.parsing import add_json
from speechbrain_pib.commands.terminal import conclude

HELP = "tell how much better one run is than another, with an interval"
DESCRIPTION = """\
Prints the metrics of two runs, and their differences with a paired 95%
interval over the clips of the test, which must be the same ones. The interval
does not cover the luck of a training: compare several seeds."""
EXAMPLE = (
    "results/VGGSound/pib/1234/scores.npz "
    "results/VGGSound/pib/1234_random/scores.npz"
)
# The scores by which runs are judged; a file has one of them.
JUDGED = ("fused", "average", "student")


def add_arguments(parser):
    """Add the arguments of the command."""
    parser.add_argument(
        "a", metavar="A/scores.npz", help="what the test of a run wrote"
    )
    parser.add_argument(
        "b", metavar="B/scores.npz", help="the same of another run, or A again"
    )
    parser.add_argument(
        "--scores",
        metavar="NAME",
        help="scores to compare, such as fused_random (default: those by which "
        "a run is judged, such as fused)",
    )
    parser.add_argument(
        "--minus",
        metavar="NAME",
        help="scores of B (default: those of the same name as of A)",
    )
    add_json(parser)


def run(arguments):
    """Compare two runs."""
    from speechbrain_pib.evaluation.comparisons import (
        compare_outputs,
        measure,
        require_same_test,
    )
    from speechbrain_pib.evaluation.scores import ClipScores

    a, b = (ClipScores.load(path) for path in (arguments.a, arguments.b))
    require_same_test((arguments.a, *a), (arguments.b, *b))
    name = arguments.scores or find_judged(a[0].scores)
    runs = {
        "A": {"file": arguments.a, "scores": name},
        "B": {"file": arguments.b, "scores": arguments.minus or name},
    }
    outputs = {}
    for (key, run), (clips, class_names) in zip(runs.items(), (a, b)):
        scores = choose_scores(clips.scores, **run)
        outputs[key] = resample(scores, clips.targets, class_names)
        run["metrics"] = measure(outputs[key], len(clips.ids))
    comparison = compare_outputs(
        outputs, "A", len(clips.ids), outputs["A"].names
    )
    result = {"clips": len(clips.ids), **runs, **comparison}
    return conclude(arguments, to_lines(result), result, {})


def find_judged(names):
    """Find the scores by which a run is judged.

    Arguments
    ---------
    names : list of str
        Of all scores of a file.

    Returns
    -------
    name : str
        The first of all where none is known.

    Example
    -------
    >>> find_judged(["pass_0", "fused", "fused_random"])
    'fused'
    """
    return next((name for name in JUDGED if name in names), next(iter(names)))


def choose_scores(table, file, scores):
    """Choose scores of a file.

    Arguments
    ---------
    table : dict
        Name to scores.
    file : str
        Where they are from.
    scores : str
        Name of those to choose.

    Returns
    -------
    scores : numpy.ndarray
        [clips, classes].

    Raises
    ------
    ValueError
        If there are no such scores; it names those that there are.

    Example
    -------
    >>> choose_scores({"fused": 1, "pass_0": 2}, "scores.npz", "average")
    Traceback (most recent call last):
        ...
    ValueError: scores.npz has no scores average, but fused, pass_0
    """
    if scores not in table:
        raise ValueError(
            f"{file} has no scores {scores}, but {', '.join(table)}"
        )
    return table[scores]


def resample(scores, targets, class_names):
    """Make the metrics that fit the classes, for resamples of the clips.

    Arguments
    ---------
    scores : numpy.ndarray
        [clips, classes].
    targets : numpy.ndarray
        1 where the clip has the class and 0 elsewhere, [clips, classes].
    class_names : list of str
        Those of actions tell verbs and nouns apart.

    Returns
    -------
    metrics : callable
        ResampledClassification, or ResampledAccuracies of actions.

    Example
    -------
    >>> import numpy as np
    >>> names = ["verb:take", "verb:put", "noun:tap"]
    >>> scores = np.array([[0.9, 0.1, 1.0], [0.6, 0.4, 1.0]])
    >>> targets = np.array([[1, 0, 1], [0, 1, 1]])
    >>> metrics = resample(scores, targets, names)
    >>> metrics(np.ones((2, 1)))["verb_top1"]
    array([0.5])
    """
    from speechbrain_pib.epic.metrics import count_verbs, find_right_clips
    from speechbrain_pib.evaluation.resampled_metrics import (
        ResampledAccuracies,
        ResampledClassification,
    )

    num_verbs = count_verbs(class_names)
    if num_verbs == 0:
        return ResampledClassification(scores, targets)
    nobody = [""] * len(targets)
    return ResampledAccuracies(
        find_right_clips(scores, targets, nobody, num_verbs=num_verbs)
    )


def to_lines(result):
    """Lay out a comparison for a terminal.

    Arguments
    ---------
    result : dict
        What `run` found.

    Returns
    -------
    lines : list of str

    Example
    -------
    >>> ends = {"difference": 0.5, "low": 0.36, "high": 0.64}
    >>> result = {
    ...     "clips": 50,
    ...     "resamples": 2000,
    ...     "A": {"file": "a.npz", "scores": "fused", "metrics": {"mAP": 1.0}},
    ...     "B": {"file": "b.npz", "scores": "fused", "metrics": {"mAP": 0.5}},
    ...     "differences": {"B": {"mAP": ends}},
    ... }
    >>> print(*to_lines(result), sep="\\n")
    A: fused of a.npz
    B: fused of b.npz
    50 clips, each in both; 95% intervals from 2000 resamples
    | metric | A      | B      | A minus B                  |
    |--------|--------|--------|----------------------------|
    | mAP    | 1.0000 | 0.5000 | +0.5000 [+0.3600, +0.6400] |
    """
    from speechbrain_pib.evaluation.reports import (
        format_interval,
        markdown_table,
        to_title,
    )

    lines = [f"{k}: {result[k]['scores']} of {result[k]['file']}" for k in "AB"]
    lines.append(
        f"{result['clips']} clips, each in both; 95% intervals from "
        f"{result['resamples']} resamples"
    )
    cells = {
        to_title(metric): {
            **{key: _format(result[key]["metrics"][metric]) for key in "AB"},
            "A minus B": format_interval(**ends),
        }
        for metric, ends in result["differences"]["B"].items()
    }
    return [*lines, *markdown_table(cells, "metric").splitlines()]


def _format(value):
    """A metric, or a dash where it is not defined."""
    return "-" if value is None else f"{value:.4f}"
