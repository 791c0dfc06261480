"""The results of a test: table, JSON, scores, pictures.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import os

from speechbrain_pib.dataio.manifest import atomic_writer
from speechbrain_pib.utils.plots import plot_confusion_matrix

METRICS = {
    "top1": "top-1",
    "top5": "top-5",
    "mAP": "mAP",
    "AUC": "AUC",
    "d_prime": "d-prime",
}


def results_table(results):
    """Results as a table in Markdown.

    Arguments
    ---------
    results : dict
        What was replayed, to a dictionary of metrics.

    Returns
    -------
    table : str

    Example
    -------
    >>> print(results_table({"single pass": {"top1": 0.5}}))
    | replayed    | top-1  | top-5  | mAP    | AUC    | d-prime |
    |-------------|--------|--------|--------|--------|---------|
    | single pass | 0.5000 |        |        |        |         |
    """
    width = max(len("replayed"), *(len(name) for name in results))
    lines = [
        [name.ljust(width), *(_cell(row, metric) for metric in METRICS)]
        for name, row in results.items()
    ]
    header = ["replayed".ljust(width)]
    header += [title.ljust(6) for title in METRICS.values()]
    rule = "|".join("-" * (len(cell) + 2) for cell in header)
    rows = [f"| {' | '.join(line)} |" for line in [header, *lines]]
    return "\n".join([rows[0], f"|{rule}|", *rows[1:]])


def _cell(row, metric):
    """A number with four digits, or blanks."""
    text = f"{row[metric]:.4f}" if metric in row else ""
    return text.ljust(max(6, len(METRICS[metric])))


def describe_scores(name, replays):
    """What was replayed to get the scores of this name.

    Arguments
    ---------
    name : str
        "fused", "pass_0", ..., or "fused_" and the name of a control.
    replays : int
        Number of replays of the model.

    Returns
    -------
    description : str

    Example
    -------
    >>> describe_scores("pass_0", 3)
    'nothing (after pass 0)'
    >>> describe_scores("fused_same_hop", 3)
    'same hop, all passes fused'
    """
    if replays == 0:
        return "nothing (a single pass)"
    if name == "pass_0":
        return "nothing (after pass 0)"
    if name.startswith("pass_"):
        number = int(name.removeprefix("pass_"))
        return f"the selection, {number} of {replays} times"
    if name == "fused":
        return "the selection, all passes fused"
    control = name.removeprefix("fused_").replace("_", " ")
    return f"{control}, all passes fused"


def _remarks(results):
    """What stands below the table: classes counted and overlap, in words."""
    counted = results["scores"]["fused"].get("classes_with_positives", 0)
    lines = [f"mAP, AUC and d-prime over {counted:.0f} classes with clips."]
    for name, row in results.get("overlap", {}).items():
        lines.append(
            f"Selection of pass {name.removeprefix('pass_')}: "
            f"{row['share_selected']:.1%} of the clip, intersection over "
            f"union with the true event {row['intersection_over_union']:.3f}."
        )
    return "\n".join(lines) + "\n"


def write_results(folder, results, scores, class_names):
    """Writes results.json, results.md, scores.npz and a confusion matrix.

    Arguments
    ---------
    folder : str
        Where they go.
    results : dict
        All numbers of the test; "scores" holds the metrics of each output.
    scores : speechbrain_pib.utils.metrics.ClipScores
        Gathered scores.
    class_names : list
        Class names in the order of the indices.

    Example
    -------
    >>> import torch
    >>> from speechbrain_pib.utils.metrics import ClipScores
    >>> scores = ClipScores()
    >>> scores.append(["a", "b"], torch.eye(2), {"fused": torch.eye(2)})
    >>> results = {"replays": 0, "scores": {"fused": {"top1": 1.0}}}
    >>> folder = str(getfixture("tmpdir"))
    >>> write_results(folder, results, scores.gather(), ["cat", "dog"])
    >>> sorted(os.listdir(folder))
    ['confusion_matrix.png', 'results.json', 'results.md', 'scores.npz']
    """
    scores.save(os.path.join(folder, "scores.npz"), class_names)
    with atomic_writer(os.path.join(folder, "results.json")) as file:
        json.dump(results, file, indent=2)
        file.write("\n")
    rows = {
        describe_scores(name, results["replays"]): row
        for name, row in results["scores"].items()
    }
    with atomic_writer(os.path.join(folder, "results.md")) as file:
        file.write(results_table(rows) + "\n\n")
        file.write(_remarks(results))
    plot_confusion_matrix(
        scores.targets.argmax(axis=1),
        scores.scores["fused"].argmax(axis=1),
        class_names,
        os.path.join(folder, "confusion_matrix.png"),
    )
