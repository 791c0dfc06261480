"""Classifies files from a shell: python -m speechbrain_pib classify for sound,
classify-video for videos.

Authors
 * The speechbrain_pib developers 2026
"""

import argparse
import itertools
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
        prog="python -m speechbrain_pib",
        description="Play It Back and Listen to Look",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "classify",
        help="tell what is heard in audio files",
        description="Prints the labels of audio files with their "
        "probabilities, and the segments that were replayed, in seconds.",
    )
    _add_options(command, "wav, flac, ogg or mp3 of any rate and duration")
    command.set_defaults(run=classify)
    command = commands.add_parser(
        "classify-video",
        help="tell what is seen and heard in video files",
        description="Prints the labels of video files with their "
        "probabilities, and the moments that were looked at, in seconds.",
    )
    _add_options(command, "video of any format and duration")
    command.set_defaults(run=classify_videos)
    return parser.parse_args(arguments)


def _add_options(command, files):
    """What both commands have."""
    command.add_argument(
        "folder",
        help="inference folder that a recipe wrote; load only what you trust, "
        "its hyperparams.yaml can execute code",
    )
    command.add_argument("files", nargs="+", metavar="file", help=files)
    command.add_argument(
        "--top", type=int, default=3, help="labels to print (default: 3)"
    )
    command.add_argument(
        "--device", help="such as cpu or cuda:0 (default: a GPU if there is)"
    )
    command.add_argument(
        "--json", action="store_true", help="print one JSON object per file"
    )


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
    return {
        "labels": _best(heard.probabilities, label_encoder, top, tasks),
        "replays": [
            [[round(start, 3), round(stop, 3)] for start, stop in replay]
            for replay in heard.segments
        ],
    }


def _best(probabilities, label_encoder, top, tasks=None):
    """The best labels of each task with their scores."""
    label_encoder.expect_len(len(probabilities))
    labels, first = [], 0
    for size in tasks or [len(probabilities)]:
        part = probabilities[first : first + size]
        scores, indices = part.topk(min(top, size))
        names = label_encoder.decode_torch(indices + first)
        labels += [
            {"label": name, "score": round(score, 4)}
            for name, score in zip(names, scores.tolist())
        ]
        first += size
    return labels


def describe_video(seen, label_encoder, top):
    """Turns what was seen in a video into plain numbers and strings.

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
    >>> scores = torch.tensor([0.25, 0.75])
    >>> looks = [Look(7.0, "image", 0.5)]
    >>> seen = Skimming("jump", 0.75, looks, scores, 9.0, 3, True)
    >>> describe_video(seen, label_encoder, 1)["looks"]
    [{'seconds': 7.0, 'stream': 'image', 'weight': 0.5}]
    """
    return {
        "labels": _best(seen.probabilities, label_encoder, top),
        "looks": [
            {**look._asdict(), "weight": round(look.weight, 3)}
            for look in seen.looks
        ],
        "has_audio": seen.has_audio,
    }


def to_text(path, description):
    """Lays out the description of a file for a terminal.

    Arguments
    ---------
    path : str
        The file.
    description : dict
        What `describe` or `describe_video` returned.

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
    looks = description.get("looks", [])
    for seconds, streams in itertools.groupby(looks, lambda x: x["seconds"]):
        weights = ", ".join(f"{x['stream']} {x['weight']:.2f}" for x in streams)
        lines.append(f"  looked at {seconds:.0f} s ({weights})")
    replays = description.get("replays", [])
    for number, segments in enumerate(replays, start=1):
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

    def describe_file(classifier, path):
        labels, tasks = (
            classifier.hparams.label_encoder,
            classifier.hparams.tasks,
        )
        heard = classifier.listen_file(path)
        return describe(heard, labels, arguments.top, tasks)

    return _describe_files(arguments, PlayItBackClassifier, describe_file)


def classify_videos(arguments):
    """Classifies video files and prints what was seen.

    Arguments
    ---------
    arguments : argparse.Namespace
        What `parse_arguments` returned.

    Returns
    -------
    status : int
        Exit status: 0, or 1 if a file could not be classified.
    """
    from speechbrain_pib.inference.skimming import SkimmingClassifier

    def describe_file(classifier, path):
        labels = classifier.hparams.label_encoder
        seen = classifier.classify_video(path)
        return describe_video(seen, labels, arguments.top)

    return _describe_files(arguments, SkimmingClassifier, describe_file)


def _describe_files(arguments, classifier_class, describe_file):
    """Prints the description of each file; the exit status."""
    try:
        classifier = classifier_class.from_hparams(
            arguments.folder, run_opts={"device": arguments.device}
        )
    except (ImportError, OSError, ValueError) as error:
        print(f"cannot load {arguments.folder}: {error}", file=sys.stderr)
        return 1
    status = 0
    for path in arguments.files:
        try:
            description = describe_file(classifier, path)
        except (ImportError, OSError, ValueError) as error:
            print(f"cannot classify {path}: {error}", file=sys.stderr)
            status = 1
            continue
        if arguments.json:
            print(json.dumps({"file": path, **description}), flush=True)
        else:
            print(to_text(path, description), flush=True)
    return status


if __name__ == "__main__":
    arguments = parse_arguments()
    sys.exit(arguments.run(arguments))
