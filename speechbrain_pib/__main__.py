"""Classifies audio files from a shell: python -m speechbrain_pib classify.

Authors
 * The speechbrain_pib developers 2026
"""

import argparse
import json
import sys


def parse_arguments(arguments=None):
    """Parses the command line.

    Arguments
    ---------
    arguments : list of str
        Without the name of the program (default: those of the process).

    Returns
    -------
    arguments : argparse.Namespace

    Example
    -------
    >>> parse_arguments(["classify", "inference", "dog.wav"]).files
    ['dog.wav']
    """
    parser = argparse.ArgumentParser(
        prog="python -m speechbrain_pib", description="Play It Back"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    classify = commands.add_parser(
        "classify",
        help="tell what is heard in audio files",
        description="Prints the labels of audio files with their "
        "probabilities, and the segments that were replayed, in seconds.",
    )
    classify.add_argument(
        "folder",
        help="inference folder that a recipe wrote; load only what you trust, "
        "its hyperparams.yaml can execute code",
    )
    classify.add_argument(
        "files",
        nargs="+",
        metavar="file",
        help="wav, flac, ogg or mp3 of any sampling rate and duration",
    )
    classify.add_argument(
        "--top", type=int, default=3, help="labels to print (default: 3)"
    )
    classify.add_argument(
        "--device", help="such as cpu or cuda:0 (default: a GPU if there is)"
    )
    classify.add_argument(
        "--json", action="store_true", help="print one JSON object per file"
    )
    return parser.parse_args(arguments)


def describe(heard, label_encoder, top, tasks=None):
    """Turns what was heard in a file into plain numbers and strings.

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
    >>> from speechbrain_pib.inference.classifiers import Listening
    >>> label_encoder = CategoricalEncoder()
    >>> label_encoder.update_from_iterable(["bark", "meow"])
    >>> heard = Listening(torch.tensor([0.25, 0.75]), None, [[(0.5, 1.0)]])
    >>> describe(heard, label_encoder, 1)
    {'labels': [{'label': 'meow', 'score': 0.75}], 'replays': [[[0.5, 1.0]]]}
    """
    label_encoder.expect_len(len(heard.probabilities))
    labels, first = [], 0
    for size in tasks or [len(heard.probabilities)]:
        part = heard.probabilities[first : first + size]
        scores, indices = part.topk(min(top, size))
        names = label_encoder.decode_torch(indices + first)
        labels += [
            {"label": name, "score": round(score, 4)}
            for name, score in zip(names, scores.tolist())
        ]
        first += size
    return {
        "labels": labels,
        "replays": [
            [[round(start, 3), round(stop, 3)] for start, stop in replay]
            for replay in heard.segments
        ],
    }


def to_text(path, description):
    """Lays out the description of a file for a terminal.

    Arguments
    ---------
    path : str
        The file.
    description : dict
        What `describe` returned.

    Returns
    -------
    text : str

    Example
    -------
    >>> labels = [{"label": "meow", "score": 0.75}]
    >>> replays = [[[0.5, 1.0], [2.0, 2.5]], []]
    >>> print(to_text("cat.wav", {"labels": labels, "replays": replays}))
    cat.wav
      0.7500  meow
      replay 1: 0.50-1.00 s, 2.00-2.50 s
      replay 2: nothing stood out
    """
    lines = [path]
    for entry in description["labels"]:
        lines.append(f"  {entry['score']:.4f}  {entry['label']}")
    for number, segments in enumerate(description["replays"], start=1):
        spans = ", ".join(f"{a:.2f}-{b:.2f} s" for a, b in segments)
        lines.append(f"  replay {number}: {spans or 'nothing stood out'}")
    return "\n".join(lines)


def classify(arguments):
    """Classifies the files and prints what was heard.

    Arguments
    ---------
    arguments : argparse.Namespace
        What `parse_arguments` returned.

    Returns
    -------
    status : int
        Exit status: 0, or 1 if a file could not be classified.
    """
    from speechbrain_pib.inference.classifiers import PlayItBackClassifier

    try:
        classifier = PlayItBackClassifier.from_hparams(
            arguments.folder, run_opts={"device": arguments.device}
        )
    except (OSError, ValueError) as error:
        print(f"cannot load {arguments.folder}: {error}", file=sys.stderr)
        return 1
    status = 0
    for path in arguments.files:
        try:
            heard = classifier.listen_file(path)
        except (OSError, ValueError) as error:
            print(f"cannot classify {path}: {error}", file=sys.stderr)
            status = 1
            continue
        description = describe(
            heard,
            classifier.hparams.label_encoder,
            arguments.top,
            classifier.hparams.tasks,
        )
        if arguments.json:
            print(json.dumps({"file": path, **description}), flush=True)
        else:
            print(to_text(path, description), flush=True)
    return status


if __name__ == "__main__":
    sys.exit(classify(parse_arguments()))
