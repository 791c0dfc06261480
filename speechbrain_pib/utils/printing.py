"""Printing to terminals that lack characters, and to programs that stop
reading.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import sys


def show(text):
    """Print a text on which the run that made it does not depend.

    Characters that the terminal does not have are escaped. If nobody reads
    on, as after `| head`, the rest of what is printed is lost.

    Arguments
    ---------
    text : str
        Such as a table of results.

    Example
    -------
    >>> show("| dog | 0.5 |")
    | dog | 0.5 |
    """
    encoding = sys.stdout.encoding or "utf-8"
    text = text.encode(encoding, "backslashreplace").decode(encoding)
    try:
        print(text, flush=True)
    except BrokenPipeError:
        discard(sys.stdout)


def discard(stream):
    """Lose what is still in the buffer of a stream, and all that follows.

    Python would try to write it at its exit, and complain.

    Arguments
    ---------
    stream : file object
        Whose reader is gone.

    Example
    -------
    >>> discard(sys.stdout)  # doctest: +SKIP
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
