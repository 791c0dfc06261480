"""Command lines: how arguments are read, and what is said of wrong ones.

Authors
 * The speechbrain_pib developers 2026
"""

import argparse
import math
import os
import re

from speechbrain_pib.utils.files import printable

OPTION = re.compile(r"-h|--[a-z_]+(=.*)?", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong with a command line.

    Arguments
    ---------
    **options : dict
        As for argparse.ArgumentParser.

    Example
    -------
    >>> Parser(prog="tool").parse_args(["--loud"])
    Traceback (most recent call last):
        ...
    SystemExit: 2
    """

    def __init__(self, **options):
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter, **options
        )

    def error(self, message):
        """End the process with status 2."""
        line = printable(f"{self.prog}: {message}; see {self.prog} --help")
        self.exit(2, f"{line}\n")


def protect_dashes(arguments):
    """Keep names of files that begin with a dash from being read as options.

    Arguments
    ---------
    arguments : list of str
        A command line.

    Returns
    -------
    arguments : list of str
        With "./" before each name of a file or folder that is there, unless
        it looks like an option of ours.

    Example
    -------
    >>> protect_dashes(["--top=3", "-no_such_file.wav"])
    ['--top=3', '-no_such_file.wav']
    """
    return [
        os.path.join(os.curdir, argument)
        if argument.startswith("-")
        and not OPTION.fullmatch(argument)
        and os.path.lexists(argument)
        else argument
        for argument in arguments
    ]


def positive_int(text):
    """Read a whole number from 1 on, as a type for argparse.

    Arguments
    ---------
    text : str
        What was typed.

    Returns
    -------
    number : int

    Example
    -------
    >>> positive_int("8")
    8
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1, 2, 3, ...")
    return int(text)


def positive_float(text):
    """Read a number above 0, as a type for argparse.

    Arguments
    ---------
    text : str
        What was typed.

    Returns
    -------
    number : float

    Example
    -------
    >>> positive_float("0.5")
    0.5
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return number


def existing_folder(path):
    """Check that a folder is there, as a type for argparse.

    Arguments
    ---------
    path : str
        What was typed.

    Returns
    -------
    path : str

    Example
    -------
    >>> existing_folder(".")
    '.'
    """
    if not os.path.exists(path):
        raise argparse.ArgumentTypeError(f"there is no folder {path}")
    return output_folder(path)


def output_folder(path):
    """Check that a folder can have this name, as a type for argparse.

    Arguments
    ---------
    path : str
        What was typed.

    Returns
    -------
    path : str

    Example
    -------
    >>> output_folder("results/new")
    'results/new'
    """
    if os.path.exists(path) and not os.path.isdir(path):
        raise argparse.ArgumentTypeError(f"{path} is a file, not a folder")
    return path


def output_file(*endings):
    """Make a type for argparse: the name of a file to write.

    Arguments
    ---------
    *endings : str
        Of which the name must have one.

    Returns
    -------
    check : callable
        Returns what was typed, if it can be such a name.

    Example
    -------
    >>> output_file(".hdf5", ".h5")("audio.hdf5")
    'audio.hdf5'
    """

    def check(path):
        if os.path.isdir(path):
            raise argparse.ArgumentTypeError(f"{path} is a folder, not a file")
        if not path.endswith(endings):
            raise argparse.ArgumentTypeError(
                f"{path} does not end in {' or '.join(endings)}"
            )
        return path

    return check


def output_wav(path):
    """Check that a WAV file can have this name, as a type for argparse.

    Arguments
    ---------
    path : str
        What was typed.

    Returns
    -------
    path : str

    Example
    -------
    >>> output_wav("day.wav")
    'day.wav'
    """
    if os.path.isdir(path):
        raise argparse.ArgumentTypeError(f"{path} is a folder, not a file")
    if not path.lower().endswith(".wav"):
        raise argparse.ArgumentTypeError(f"{path} does not end in .wav")
    return path


def add_json(parser):
    """Add the option --json.

    Arguments
    ---------
    parser : argparse.ArgumentParser
        Of a command.

    Example
    -------
    >>> add_json(Parser())
    """
    parser.add_argument(
        "--json", action="store_true", help="print JSON, for other programs"
    )


def add_processes(parser, default):
    """Add the option --processes.

    Arguments
    ---------
    parser : argparse.ArgumentParser
        Of a command.
    default : int
        Number of processes.

    Example
    -------
    >>> add_processes(Parser(), 2)
    """
    parser.add_argument(
        "--processes",
        type=positive_int,
        default=default,
        help="files decoded at the same time (default: %(default)s)",
    )


def add_device(parser):
    """Add the option --device.

    Arguments
    ---------
    parser : argparse.ArgumentParser
        Of a command.

    Example
    -------
    >>> add_device(Parser())
    """
    parser.add_argument(
        "--device", help="such as cpu or cuda:0 (default: a GPU if there is)"
    )
