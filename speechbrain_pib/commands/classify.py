"""The command classify: what is heard in audio files.

Authors
 * The speechbrain_pib developers 2026
"""

from speechbrain_pib.commands import describing

HELP = "tell what is heard in audio files"
DESCRIPTION = """\
Prints the labels of audio files with their probabilities, and the segments
that were replayed, in seconds."""
EXAMPLE = "results/VGGSound/pib/1234/inference dog.wav street.mp3 --top 5"


def add_arguments(parser):
    """Add the arguments of the command."""
    files = "wav, flac, ogg or mp3 of any rate and duration"
    describing.add_arguments(
        parser, files, "; or a file .onnx that the command export wrote"
    )
    describing.add_budget(parser, "all passes", "replay windows")


def run(arguments):
    """Classify files and print what was heard."""
    from speechbrain_pib.inference.onnx_classifier import load_classifier

    classifier = load_classifier(
        arguments.model, arguments.device, arguments.budget
    )
    labels, tasks = classifier.label_encoder, classifier.tasks

    def describe_file(path):
        heard = classifier.listen_file(path)
        return describe(heard, labels, arguments.top, tasks)

    return describing.describe_files(arguments, describe_file)


def describe(heard, label_encoder, top, tasks=None):
    """Turn what was heard in a file into plain numbers and strings.

    Arguments
    ---------
    heard : Listening
        What was heard.
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Class index to label.
    top : int
        Number of labels, of each task.
    tasks : list of int
        Number of classes of each task (default: one task of all classes).

    Returns
    -------
    description : dict
        "labels", best first, of dicts with "label" and "score"; "replays",
        the segments of each, as [start, stop] in seconds.

    Example
    -------
    >>> import torch
    >>> from speechbrain.dataio.encoder import CategoricalEncoder
    >>> from speechbrain_pib.inference.listening import Listening
    >>> label_encoder = CategoricalEncoder()
    >>> label_encoder.update_from_iterable(["bark", "meow"])
    >>> label_encoder.expect_len(2)
    >>> heard = Listening(torch.tensor([0.25, 0.75]), None, [[(0.5, 1.0)]])
    >>> describe(heard, label_encoder, 1)
    {'labels': [{'label': 'meow', 'score': 0.75}], 'replays': [[[0.5, 1.0]]]}
    """
    return {
        "labels": describing.best_labels(
            heard.probabilities, label_encoder, top, tasks
        ),
        "replays": [
            [[round(start, 3), round(stop, 3)] for start, stop in replay]
            for replay in heard.segments
        ],
    }
