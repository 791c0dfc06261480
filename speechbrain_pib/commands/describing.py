"""What the commands that classify files share: options, and what they print.

Authors
 * The speechbrain_pib developers 2026
"""

import itertools
import os
import sys

from speechbrain_pib.commands.parsing import add_device, add_json, positive_int
from speechbrain_pib.commands.terminal import (
    FAILURES,
    complain,
    explain,
    print_json,
)
from speechbrain_pib.utils.files import printable


def add_arguments(parser, files, other_models=""):
    """Add the arguments of a command that classifies files.

    Arguments
    ---------
    parser : argparse.ArgumentParser
        Of the command.
    files : str
        What the files are.
    other_models : str
        What else than an inference folder the command takes.

    Example
    -------
    >>> from argparse import ArgumentParser
    >>> parser = ArgumentParser()
    >>> add_arguments(parser, "any audio")
    >>> parser.parse_args(["inference", "dog.wav"]).files
    ['dog.wav']
    """
    parser.add_argument(
        "model",
        help="inference folder that a recipe wrote, or name of one on the "
        "Hugging Face hub (owner/name); load only what you trust, its "
        "hyperparams.yaml can execute code" + other_models,
    )
    parser.add_argument("files", nargs="+", metavar="file", help=files)
    parser.add_argument(
        "--top",
        type=positive_int,
        default=3,
        help="labels to print (default: %(default)s)",
    )
    add_device(parser)
    add_json(parser)


def add_budget(parser, everything, action):
    """Add the option of a mean cost.

    Arguments
    ---------
    parser : argparse.ArgumentParser
        Of the command.
    everything : str
        What costs the most.
    action : str
        What is not done with what is sure.

    Example
    -------
    >>> from argparse import ArgumentParser
    >>> parser = ArgumentParser()
    >>> add_budget(parser, "all passes", "replay windows")
    >>> parser.parse_args(["--budget", "0.5"]).budget
    '0.5'
    """
    parser.add_argument(
        "--budget",
        help=f"mean cost: a share of that of {everything}, such as 0.5, or "
        f"1.5GMAC; does not {action} that are sure (default: all of it)",
    )


def describe_files(arguments, describe):
    """Classify files and print what was found, one after the other.

    Arguments
    ---------
    arguments : argparse.Namespace
        Those of `add_arguments`.
    describe : callable
        Path to plain values, with "labels" among them.

    Returns
    -------
    status : int
        Exit status: 0, or 1 if a file could not be classified.

    Example
    -------
    >>> describe_files(arguments, describe)  # doctest: +SKIP
    0
    """
    from tqdm import tqdm

    status = 0
    # On a terminal that shows the results, they are the progress.
    with tqdm(
        arguments.files, unit="file", disable=sys.stdout.isatty() or None
    ) as progress:
        for path in progress:
            try:
                if os.path.isdir(path):
                    raise IsADirectoryError("it is a folder; give its files")
                description = describe(path)
            except FAILURES as error:
                progress.clear()
                complain(f"cannot classify {path}: {explain(error)}")
                status = 1
                continue
            if arguments.json:
                print_json({"file": path, **description})
            else:
                print(to_text(path, description), flush=True)
    return status


def best_labels(probabilities, label_encoder, top, tasks=None):
    """Find the best labels of each task.

    Arguments
    ---------
    probabilities : torch.Tensor
        Of the classes [classes].
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Class index to label.
    top : int
        Number of labels, of each task.
    tasks : list of int
        Number of classes of each task (default: one task of all classes).

    Returns
    -------
    labels : list of dict
        "label" and "score", best first.

    Example
    -------
    >>> import torch
    >>> from speechbrain.dataio.encoder import CategoricalEncoder
    >>> label_encoder = CategoricalEncoder()
    >>> label_encoder.update_from_iterable(["bark", "meow"])
    >>> label_encoder.expect_len(2)
    >>> best_labels(torch.tensor([0.25, 0.75]), label_encoder, 1)
    [{'label': 'meow', 'score': 0.75}]
    """
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


def to_text(path, description):
    """Lay out the description of a file for a terminal.

    Arguments
    ---------
    path : str
        The file.
    description : dict
        "labels", and "replays" or "looks".

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
    lines = [printable(path)]
    for entry in description["labels"]:
        lines.append(f"  {entry['score']:.4f}  {printable(entry['label'])}")
    looks = description.get("looks", [])
    for seconds, streams in itertools.groupby(looks, lambda x: x["seconds"]):
        weights = ", ".join(f"{x['stream']} {x['weight']:.2f}" for x in streams)
        lines.append(f"  looked at {seconds:.0f} s ({weights})")
    replays = description.get("replays", [])
    for number, segments in enumerate(replays, start=1):
        spans = ", ".join(f"{a:.2f}-{b:.2f} s" for a, b in segments)
        lines.append(f"  replay {number}: {spans or 'nothing stood out'}")
    return "\n".join(lines)
