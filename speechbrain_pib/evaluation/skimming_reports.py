"""The results of a test of skimming: table, JSON, scores, curve, pictures.

Authors
 * The speechbrain_pib developers 2026
"""

import os

from speechbrain.utils.logger import get_logger

from speechbrain_pib.dataio.video.containers import UnreadableVideoError
from speechbrain_pib.evaluation.reports import (
    describe_comparison,
    results_table,
    write_tables,
)
from speechbrain_pib.evaluation.skimming_plots import plot_curve, plot_video

logger = get_logger(__name__)

TABLED = ("top1", "mAP", "interpolated_mAP")


def skimming_table(results, descriptions):
    """Lay out the results as a table.

    Arguments
    ---------
    results : dict
        Of the test; see SkimmingBrain.
    descriptions : dict
        Name of an output to how the table calls it.

    Returns
    -------
    table : str
        In Markdown.

    Example
    -------
    >>> metrics = {"top1": 0.5, "mAP": 0.25, "interpolated_mAP": 0.3}
    >>> results = {"scores": {"average": metrics}}
    >>> print(skimming_table(results, {"average": "3 random looks"}))
    | looked at      | top-1  | mAP    | mAP (ActivityNet) |
    |----------------|--------|--------|-------------------|
    | 3 random looks | 0.5000 | 0.2500 | 0.3000            |
    """
    rows = {}
    for name, metrics in results["scores"].items():
        title = descriptions[name]
        rows[title] = {metric: metrics[metric] for metric in TABLED}
        if "gmacs" in results:
            rows[title]["GMACs"] = results["gmacs"][name]
    return results_table(rows, title="looked at")


def _remarks(results):
    """Put in words what stands below the table."""
    test = results["coverage"]["test"]
    line = f"{test['found']} of {test['expected']} test videos"
    if "without_sound" in test:
        line += f", {test['without_sound']} of them without sound"
    lines = ["mAP over the classes with videos.", f"{line}."]
    for name, shares in results.get("inside_segments", {}).items():
        text = ", ".join(f"{share:.3f}" for share in shares)
        lines.append(f"Share of {name} looks in annotated segments: {text}.")
    return "\n".join(lines) + "\n"


def write_skimming_results(
    folder, results, scores, class_names, descriptions, pictures, notes=""
):
    """Write results.json, results.md, scores.npz, per_class.csv, a confusion
    matrix (of videos with one label each), the curve and the pictures.

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
        As for `skimming_table`.
    pictures : dict
        Video to what `plot_video` takes.
    notes : str
        More text of results.md.

    Returns
    -------
    text : str
        The table and remarks of results.md.

    Example
    -------
    >>> write_skimming_results(
    ...     "results", results, scores, ["cat", "dog"], descriptions, {}
    ... )  # doctest: +SKIP
    """
    text = f"{skimming_table(results, descriptions)}\n\n{_remarks(results)}"
    text += describe_comparison(results, descriptions, TABLED) + notes
    write_tables(folder, results, text, scores, class_names, "average")
    if "curve" in results:
        dense = results["gmacs"]["dense"], results["scores"]["dense"]["top1"]
        path = os.path.join(folder, "curve.png")
        plot_curve(results["curve"], dense, path)
    os.makedirs(os.path.join(folder, "videos"), exist_ok=True)
    for video, picture in pictures.items():
        if video in scores.nonfinite:
            continue
        row = scores.ids.index(video)
        true = scores.targets[row].nonzero()[0]
        names = [class_names[index] for index in true]
        taken_for = class_names[scores.scores["average"][row].argmax()]
        # No ID may lead out of the folder.
        file_name = f"{video.replace('/', '_')}.png"
        try:
            plot_video(
                **picture,
                picture=os.path.join(folder, "videos", file_name),
                title=f"{', '.join(names)}; taken for {taken_for}",
            )
        except UnreadableVideoError as error:
            logger.warning("Not drawn: %s", error)
    return text
