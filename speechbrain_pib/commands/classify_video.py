"""The command classify-video: what is seen and heard in video files.

Authors
 * The speechbrain_pib developers 2026
"""

from speechbrain_pib.commands import describing

HELP = "tell what is seen and heard in video files"
DESCRIPTION = """\
Prints the labels of video files with their probabilities, and the moments
that were looked at, in seconds."""
EXAMPLE = "results/ActivityNet/skim/1234/inference video.mp4 --json"


def add_arguments(parser):
    """Add the arguments of the command."""
    describing.add_arguments(parser, "video of any format and duration")
    describing.add_budget(parser, "all looks", "look on at videos")


def run(arguments):
    """Classify video files and print what was seen."""
    from speechbrain_pib.inference.skimming import SkimmingClassifier

    classifier = SkimmingClassifier.from_hparams(
        arguments.model,
        budget=arguments.budget,
        run_opts={"device": arguments.device},
    )
    labels = classifier.hparams.label_encoder

    def describe_file(path):
        return describe(classifier.classify_video(path), labels, arguments.top)

    return describing.describe_files(arguments, describe_file)


def describe(seen, label_encoder, top):
    """Turn what was seen in a video into plain numbers and strings.

    Arguments
    ---------
    seen : Skimming
        What was seen.
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Class index to label.
    top : int
        Number of labels.

    Returns
    -------
    description : dict
        "labels", best first, of dicts with "label" and "score"; "looks" of
        dicts with "seconds" and the weight of each stream; "has_audio".

    Example
    -------
    >>> import torch
    >>> from speechbrain.dataio.encoder import CategoricalEncoder
    >>> from speechbrain_pib.inference.skimming import Look, Skimming
    >>> label_encoder = CategoricalEncoder()
    >>> label_encoder.update_from_iterable(["run", "jump"])
    >>> label_encoder.expect_len(2)
    >>> scores = torch.tensor([0.25, 0.75])
    >>> looks = [Look(7.0, "image", 0.5)]
    >>> seen = Skimming("jump", 0.75, looks, scores, 9.0, 3, True)
    >>> describe(seen, label_encoder, 1)["looks"]
    [{'seconds': 7.0, 'stream': 'image', 'weight': 0.5}]
    """
    return {
        "labels": describing.best_labels(
            seen.probabilities, label_encoder, top
        ),
        "looks": [
            {**look._asdict(), "weight": round(look.weight, 3)}
            for look in seen.looks
        ],
        "has_audio": seen.has_audio,
    }
