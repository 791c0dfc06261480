"""The results of a test: table, JSON, scores, pictures.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
import json
import math
import os

from speechbrain_pib.evaluation.metrics import (
    area_under_curve,
    mean_average_precision,
)
from speechbrain_pib.evaluation.plots import plot_confusion_matrix, plot_replays
from speechbrain_pib.utils.files import atomic_writer, to_cell

METRICS = {
    "top1": "top-1",
    "top5": "top-5",
    "mAP": "mAP",
    "AUC": "AUC",
    "d_prime": "d-prime",
    "interpolated_mAP": "mAP (ActivityNet)",
}
UNTABLED = ("classes_with_positives",)
MOST_COLUMNS = 8  # of metrics; more of them are rows


def results_table(results, title="replayed"):
    """Write results as a table in Markdown, with a column for each metric, or
    a row for each if there are more than 8.

    Arguments
    ---------
    results : dict
        What was replayed, to a dictionary of metrics; all have the same.
    title : str
        What the keys of the results are.

    Returns
    -------
    table : str

    Example
    -------
    >>> print(results_table({"single pass": {"top1": 0.5, "mAP": 0.25}}))
    | replayed    | top-1  | mAP    |
    |-------------|--------|--------|
    | single pass | 0.5000 | 0.2500 |
    """
    cells = {
        name: {
            to_title(metric): f"{value:.4f}"
            for metric, value in row.items()
            if metric not in UNTABLED
        }
        for name, row in results.items()
    }
    return markdown_table(cells, title)


def to_title(metric):
    """Tell how tables call a metric.

    Arguments
    ---------
    metric : str
        Its name.

    Returns
    -------
    title : str

    Example
    -------
    >>> to_title("top1"), to_title("tail_verb_top1")
    ('top-1', 'tail verb top1')
    """
    return METRICS.get(metric, metric.replace("_", " "))


def markdown_table(cells, title):
    """Write a table in Markdown, with its columns as rows if there are more
    than 8.

    Arguments
    ---------
    cells : dict
        Name of each row, to title of each column, to text.
    title : str
        What the rows are.

    Returns
    -------
    table : str

    Example
    -------
    >>> print(markdown_table({"dog": {"heard": "yes"}}, "animal"))
    | animal | heard |
    |--------|-------|
    | dog    | yes   |
    """
    titles = list(next(iter(cells.values())))
    lines = [[title, *titles]]
    lines += ([name, *row.values()] for name, row in cells.items())
    if len(titles) > MOST_COLUMNS:
        lines = list(zip(*lines))
    widths = [max(len(cell) for cell in column) for column in zip(*lines)]
    rows = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths))
        + " |"
        for line in lines
    ]
    rule = "|".join("-" * (width + 2) for width in widths)
    return "\n".join([rows[0], f"|{rule}|", *rows[1:]])


def describe_comparison(results, descriptions, metrics=None):
    """Write the differences between outputs, with their intervals, as a table
    in Markdown with a line above it.

    Arguments
    ---------
    results : dict
        "comparison", where there is one, is what `compare_outputs` returned.
    descriptions : dict
        Name of an output to how the table calls it.
    metrics : list of str
        Those to show (default: all).

    Returns
    -------
    text : str
        To stand below other text; empty where nothing was compared.

    Example
    -------
    >>> comparison = {
    ...     "reference": "fused",
    ...     "confidence_level": 0.95,
    ...     "resamples": 2000,
    ...     "differences": {
    ...         "pass_0": {
    ...             "top1": {"difference": 0.5, "low": 0.36, "high": 0.64}
    ...         }
    ...     },
    ... }
    >>> outputs = {"fused": "two replays", "pass_0": "nothing"}
    >>> print(describe_comparison({"comparison": comparison}, outputs))
    <BLANKLINE>
    "two replays" minus each of these; paired 95% intervals over the clips
    (2000 resamples), which do not cover other seeds:
    <BLANKLINE>
    | minus   | top-1                      |
    |---------|----------------------------|
    | nothing | +0.5000 [+0.3600, +0.6400] |
    <BLANKLINE>
    """
    comparison = results.get("comparison")
    if comparison is None:
        return ""
    rows = {
        descriptions[name]: {
            to_title(metric): format_interval(**ends)
            for metric, ends in row.items()
            if metrics is None or metric in metrics
        }
        for name, row in comparison["differences"].items()
    }
    return (
        f'\n"{descriptions[comparison["reference"]]}" minus each of these; '
        f"paired {comparison['confidence_level']:.0%} intervals over the clips\n"
        f"({comparison['resamples']} resamples), which do not cover other "
        f"seeds:\n\n{markdown_table(rows, 'minus')}\n"
    )


def format_interval(difference, low, high):
    """Write a difference with its interval.

    Arguments
    ---------
    difference : float
        None where it is not defined.
    low : float
        Lower end; None where there is no interval.
    high : float
        Upper end, likewise.

    Returns
    -------
    text : str

    Example
    -------
    >>> format_interval(0.5, 0.36, 0.64)
    '+0.5000 [+0.3600, +0.6400]'
    """
    if difference is None:
        return "-"
    if low is None:
        return f"{difference:+.4f}"
    return f"{difference:+.4f} [{low:+.4f}, {high:+.4f}]"


def describe_outputs(replays, controls, selection="learned"):
    """Describe what was replayed to get each output of a test.

    Arguments
    ---------
    replays : int
        Number of replays of the model.
    controls : list of str
        What took the place of the selection.
    selection : str
        What was replayed: "learned", or the control that the model was trained
        and tested with.

    Returns
    -------
    descriptions : dict
        Name of the scores to words: "pass_0", "pass_1", ..., "fused", and
        "fused_" with the name of each control.

    Example
    -------
    >>> describe_outputs(1, ["same_hop"])
    {'pass_0': 'nothing (after pass 0)',
     'pass_1': 'the selection, 1 of 1 times',
     'fused': 'the selection, all passes fused',
     'fused_same_hop': 'same hop, all passes fused'}
    """
    if replays == 0:
        return {"fused": "nothing (a single pass)"}
    replayed = selection.replace("_", " ")
    if selection == "learned":
        replayed = "the selection"
    descriptions = {"pass_0": "nothing (after pass 0)"}
    for number in range(1, replays + 1):
        times = f"{number} of {replays} times"
        descriptions[f"pass_{number}"] = f"{replayed}, {times}"
    descriptions["fused"] = f"{replayed}, all passes fused"
    for control in controls:
        words = control.replace("_", " ")
        descriptions[f"fused_{control}"] = f"{words}, all passes fused"
    return descriptions


def _remarks(results):
    """Put classes counted and overlap in words, to stand below the table."""
    lines = []
    counted = results["scores"]["fused"].get("classes_with_positives")
    if counted is not None:
        lines.append(
            f"mAP, AUC and d-prime over {counted:.0f} classes with clips."
        )
    if results.get("unreadable"):
        lines.append(
            f"{len(results['unreadable'])} clips could not be read and are "
            "left out; see results.json."
        )
    if results.get("nonfinite"):
        lines.append(
            f"{len(results['nonfinite'])} clips have scores that are not finite "
            "and are left out; see results.json."
        )
    for number, row in enumerate(results.get("overlap", {}).values()):
        lines.append(
            f"Selection of pass {number}: "
            f"{row['share_selected']:.1%} of the clip, intersection over "
            f"union with the true event {row['intersection_over_union']:.3f}."
        )
    return "\n".join(lines) + "\n"


def write_results(
    folder, results, scores, class_names, descriptions, pictures, notes=""
):
    """Write results.json, results.md, scores.npz, per_class.csv, a confusion
    matrix (of clips with one label each) and the pictures of replays.

    Arguments
    ---------
    folder : str
        Where they go.
    results : dict
        All numbers of the test; "scores" holds the metrics of each output.
    scores : speechbrain_pib.evaluation.scores.ClipScores
        Gathered scores.
    class_names : list
        Class names in the order of the indices.
    descriptions : dict
        Name of an output to how the table calls it, see describe_outputs.
    pictures : dict
        Clip to what `plot_replays` takes.
    notes : str
        More text of results.md.

    Returns
    -------
    text : str
        The table and remarks of results.md.

    Example
    -------
    >>> import torch
    >>> from speechbrain_pib.evaluation.scores import ClipScores
    >>> scores = ClipScores()
    >>> scores.append(["a", "b"], torch.eye(2), {"fused": torch.eye(2)})
    >>> results = {"scores": {"fused": {"top1": 1.0}}}
    >>> folder = str(getfixture("tmpdir"))
    >>> names, descriptions = ["cat", "dog"], describe_outputs(0, [])
    >>> text = write_results(
    ...     folder, results, scores.gather(), names, descriptions, {}
    ... )
    >>> sorted(os.listdir(folder))
    ['confusion_matrix.png', 'per_class.csv', 'replays', 'results.json',
     'results.md', 'scores.npz']
    """
    rows = {descriptions[name]: row for name, row in results["scores"].items()}
    text = f"{results_table(rows)}\n\n{_remarks(results)}"
    text += describe_comparison(results, descriptions) + notes
    write_tables(folder, results, text, scores, class_names, "fused")
    os.makedirs(os.path.join(folder, "replays"), exist_ok=True)
    for clip, picture in pictures.items():
        if clip in scores.nonfinite:
            continue
        plot_replays(
            **picture,
            path=os.path.join(folder, "replays", f"{clip}.png"),
            title=f"{clip}: {_verdict(scores, clip, class_names)}",
        )
    return text


def write_tables(folder, results, text, scores, class_names, output):
    """Write results.json, results.md, scores.npz, per_class.csv and a
    confusion matrix (of clips with one label each).

    Arguments
    ---------
    folder : str
        Where they go.
    results : dict
        All numbers of the test.
    text : str
        What results.md holds.
    scores : speechbrain_pib.evaluation.scores.ClipScores
        Gathered scores.
    class_names : list
        Class names in the order of the indices.
    output : str
        Name of the scores that are told by class.

    Example
    -------
    >>> import torch
    >>> from speechbrain_pib.evaluation.scores import ClipScores
    >>> scores = ClipScores()
    >>> scores.append(["a", "b"], torch.eye(2), {"fused": torch.eye(2)})
    >>> folder = str(getfixture("tmpdir"))
    >>> names = ["cat", "dog"]
    >>> write_tables(folder, {}, "", scores.gather(), names, "fused")
    >>> sorted(os.listdir(folder))
    ['confusion_matrix.png', 'per_class.csv', 'results.json', 'results.md',
     'scores.npz']
    """
    scores.save(os.path.join(folder, "scores.npz"), class_names)
    with atomic_writer(os.path.join(folder, "results.json")) as file:
        json.dump(to_json_values(results), file, indent=2, allow_nan=False)
        file.write("\n")
    with atomic_writer(os.path.join(folder, "results.md")) as file:
        file.write(text)
    shown, targets = scores.scores[output], scores.targets
    path = os.path.join(folder, "per_class.csv")
    write_per_class(path, shown, targets, class_names)
    if (targets.sum(axis=1) == 1).all():
        plot_confusion_matrix(
            targets.argmax(axis=1),
            shown.argmax(axis=1),
            class_names,
            os.path.join(folder, "confusion_matrix.png"),
        )


def to_json_values(results):
    """Put null for numbers that are not finite, which JSON does not have.

    Arguments
    ---------
    results : dict or list or float
        Numbers, in dictionaries and lists.

    Returns
    -------
    values : dict or list or float
        The same, with None for such numbers.

    Example
    -------
    >>> to_json_values({"F1": [0.5, float("nan")]})
    {'F1': [0.5, None]}
    """
    if isinstance(results, dict):
        return {name: to_json_values(value) for name, value in results.items()}
    if isinstance(results, (list, tuple)):
        return [to_json_values(value) for value in results]
    if isinstance(results, float) and not math.isfinite(results):
        return None
    return results


def _verdict(scores, clip, class_names):
    """Put true and predicted labels of a clip in words, as many of each."""
    row = scores.ids.index(clip)
    true = scores.targets[row].nonzero()[0]
    heard = (-scores.scores["fused"][row]).argsort()[: len(true)]
    names = [", ".join(class_names[i] for i in part) for part in (true, heard)]
    return f"{names[0]}; heard as {names[1]}"


def write_per_class(path, scores, targets, class_names):
    """Write the metrics of each class as CSV.

    Arguments
    ---------
    path : str
        The file: class, clips (that have it), average_precision, auc; blank
        where a metric is not defined.
    scores : numpy.ndarray
        Score of each class, [clips, classes].
    targets : numpy.ndarray
        1 where the clip has the class and 0 elsewhere, [clips, classes].
    class_names : list
        Class names in the order of the columns.

    Example
    -------
    >>> import numpy as np
    >>> path = getfixture("tmpdir") / "per_class.csv"
    >>> write_per_class(path, np.eye(2), np.eye(2), ["cat", "dog"])
    >>> print(path.read(), end="")
    class,clips,average_precision,auc
    cat,1,1.000000,1.000000
    dog,1,1.000000,1.000000
    """
    with atomic_writer(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("class", "clips", "average_precision", "auc"))
        for index, name in enumerate(class_names):
            column = slice(index, index + 1)
            of_class, true = scores[:, column], targets[:, column]
            values = (
                mean_average_precision(of_class, true)[0],
                area_under_curve(of_class, true),
            )
            cells = (
                "" if value != value else f"{value:.6f}" for value in values
            )
            writer.writerow((to_cell(name), int(true.sum()), *cells))
