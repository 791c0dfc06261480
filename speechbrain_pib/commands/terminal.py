"""What commands print, whatever the terminal and the names of files.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import sys

from speechbrain_pib.utils.files import printable

# What a file, a folder or the machine can be the reason of.
FAILURES = (ImportError, OSError, RuntimeError, ValueError)


def complain(message):
    """Say in one line what went wrong.

    Arguments
    ---------
    message : str
        What, and about which file.

    Example
    -------
    >>> complain("a.wav is empty")
    """
    print(printable(message), file=sys.stderr, flush=True)


def explain(error):
    """Put an error into words for somebody who does not know Python.

    Arguments
    ---------
    error : Exception
        One of FAILURES.

    Returns
    -------
    message : str

    Example
    -------
    >>> explain(PermissionError(13, "Permission denied", "a.hdf5"))
    'a.hdf5: Permission denied'
    """
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def print_json(value):
    """Print a value as one line of JSON, in ASCII.

    Arguments
    ---------
    value : dict
        Plain values.

    Example
    -------
    >>> print_json({"file": "caf\\u00e9"})
    {"file": "caf\\u00e9"}
    """
    print(json.dumps(value), flush=True)


def conclude(arguments, lines, result, failed):
    """Print what a command did, and which files it could not take.

    Arguments
    ---------
    arguments : argparse.Namespace
        Of the command, with "json".
    lines : list of str
        The result, for people.
    result : dict
        The result, for programs.
    failed : dict
        Name of each file that could not be taken to the reason.

    Returns
    -------
    status : int
        Exit status: 0, or 1 if a file failed.

    Example
    -------
    >>> from argparse import Namespace
    >>> conclude(Namespace(json=True), [], {"written": ["a"]}, {})
    {"written": ["a"], "failed": {}}
    0
    """
    for name, reason in sorted(failed.items()):
        complain(reason if name in reason else f"{name}: {reason}")
    if arguments.json:
        print_json({**result, "failed": failed})
    else:
        print(*map(printable, lines), sep="\n", flush=True)
    return int(bool(failed))
