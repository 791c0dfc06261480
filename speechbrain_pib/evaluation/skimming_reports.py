"""The results of a test of skimming: table, JSON, scores, curve, pictures.

Authors
 * The speechbrain_pib developers 2026
"""

import os

from speechbrain.utils.logger import get_logger

from speechbrain_pib.dataio.video.decoding import UnreadableVideoError
from speechbrain_pib.evaluation.reports import results_table, write_tables
from speechbrain_pib.evaluation.skimming_plots import plot_curve, plot_video

logger = get_logger(__name__)

TABLED = ("top1", "mAP", "interpolated_mAP")
DESCRIPTIONS = {
    "average": "skimming, {count} {looks} and the preview's mean",
    "last": "skimming, {count} {looks}, the last step's prediction",
    "soft": "skimming, {count} mixtures and the preview's mean",
    "uniform": "{count} uniform moments",
    "random": "{count} random moments",
    "dense": "all moments",
}


def describe_output(name, sampling, count, looks="moments"):
    """What was looked at to get the scores of this name.

    Arguments
    ---------
    name : str
        Of an output of SkimmingBrain.
    sampling : str
        "learned", or the control that was trained.
    count : int
        Number of looks.
    looks : str
        What they are: "moments", or "mixtures" of what was previewed.

    Returns
    -------
    description : str

    Example
    -------
    >>> describe_output("uniform", "learned", 3)
    '3 uniform moments'
    >>> describe_output("audio_only", "learned", 3)
    'skimming, 3 moments, audio only'
    >>> describe_output("average", "dense", 3)
    'all moments, trained so'
    """
    if sampling != "learned":
        return f"{DESCRIPTIONS[sampling].format(count=count)}, trained so"
    if name.endswith("_only"):
        stream = name.removesuffix("_only")
        return f"skimming, {count} {looks}, {stream} only"
    return DESCRIPTIONS[name].format(count=count, looks=looks)


def skimming_table(results):
    """The table of the results.

    Arguments
    ---------
    results : dict
        Of the test; see SkimmingBrain.

    Returns
    -------
    table : str
        In Markdown.

    Example
    -------
    >>> metrics = {"top1": 0.5, "mAP": 0.25, "interpolated_mAP": 0.3}
    >>> results = {"sampling": "dense", "moments": 3}
    >>> results["scores"] = {"average": metrics}
    >>> print(skimming_table(results))
    | looked at               | top-1  | mAP    | mAP (ActivityNet) |
    |-------------------------|--------|--------|-------------------|
    | all moments, trained so | 0.5000 | 0.2500 | 0.3000            |
    """
    rows, sampling = {}, results["sampling"]
    looks = "mixtures" if results.get("selection") == "soft" else "moments"
    for name, metrics in results["scores"].items():
        title = describe_output(name, sampling, results["moments"], looks)
        rows[title] = {metric: metrics[metric] for metric in TABLED}
        if "gmacs" in results:
            rows[title]["GMACs"] = results["gmacs"][name]
    return results_table(rows, title="looked at")


def _remarks(results):
    """What stands below the table."""
    lines = ["mAP over the classes with videos."]
    for split, part in results["coverage"].items():
        if split == "test":
            line = f"{part['found']} of {part['expected']} test videos"
            if "without_sound" in part:
                line += f", {part['without_sound']} of them without sound"
            lines.append(f"{line}.")
    for name, shares in results.get("inside_segments", {}).items():
        text = ", ".join(f"{share:.3f}" for share in shares)
        lines.append(f"Share of {name} moments in annotated segments: {text}.")
    return "\n".join(lines) + "\n"


def write_skimming_results(folder, results, scores, class_names, pictures):
    """Writes results.json, results.md, scores.npz, per_class.csv, a confusion
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
    pictures : dict
        Video to what `plot_video` takes.

    Returns
    -------
    text : str
        The table and remarks of results.md.

    Example
    -------
    >>> write_skimming_results(
    ...     "results", results, scores, ["cat", "dog"], {}
    ... )  # doctest: +SKIP
    """
    text = f"{skimming_table(results)}\n\n{_remarks(results)}"
    write_tables(folder, results, text, scores, class_names, "average")
    if "curve" in results:
        dense = results["gmacs"]["dense"], results["scores"]["dense"]["top1"]
        path = os.path.join(folder, "curve.png")
        plot_curve(results["curve"], dense, path)
    os.makedirs(os.path.join(folder, "videos"), exist_ok=True)
    for video, picture in pictures.items():
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
