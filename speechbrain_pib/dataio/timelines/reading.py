"""What the readers of all formats of time lines share.

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib
import math

from speechbrain_pib.dataio.timelines.events import Event
from speechbrain_pib.utils.files import open_annotations


def read_lines(path):
    """Read the lines of a text file that others may have written.

    Arguments
    ---------
    path : str
        UTF-8, with or without a byte order mark.

    Returns
    -------
    lines : list of str
        Without their ends.

    Raises
    ------
    ValueError
        If it is in another encoding.

    Example
    -------
    >>> path = getfixture("tmpdir") / "labels.txt"
    >>> path.write_binary(b"1\\t2\\tdog\\r\\n")
    >>> read_lines(path)
    ['1\\t2\\tdog']
    """
    with open_annotations(path) as file:
        text = file.read()
    # Not splitlines(), which also ends lines at what a label may hold.
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def read_event(label, start, stop, score=1.0, confirmed=0):
    """Make an event of the fields of a file.

    Arguments
    ---------
    label : str
        Name of its class.
    start : str or float
        In seconds.
    stop : str or float
        In seconds.
    score : str or float
        Where the file has one.
    confirmed : str or int
        Where the file has one.

    Returns
    -------
    event : Event

    Raises
    ------
    ValueError
        If a field is no number, or there can be no such event.

    Example
    -------
    >>> read_event("dog", "3", "2.5")
    Traceback (most recent call last):
        ...
    ValueError: no event lasts from 3.0 s to 2.5 s
    """
    start, stop = float(start), float(stop)
    # By its text, as 1.5 passes are none.
    score, confirmed = float(score), int(str(confirmed))
    if not 0 <= start < stop < math.inf:
        raise ValueError(f"no event lasts from {start} s to {stop} s")
    if not 0 <= score <= 1:
        raise ValueError(f"a score lies between 0 and 1, got {score}")
    if confirmed < 0:
        raise ValueError(f"passes count from 0, got {confirmed}")
    return Event(label, start, stop, score, confirmed)


@contextlib.contextmanager
def place_of_error(path, line, wanted):
    """Say in which file and line there is something wrong.

    Arguments
    ---------
    path : str
        The file.
    line : int
        Counted from 1.
    wanted : str
        What should be there.

    Raises
    ------
    ValueError
        In place of one that was raised inside.

    Example
    -------
    >>> with place_of_error("labels.txt", 3, "start and stop"):
    ...     float("one")
    Traceback (most recent call last):
        ...
    ValueError: labels.txt, line 3: expected start and stop (could not convert
    string to float: 'one')
    """
    try:
        yield
    except ValueError as error:
        raise ValueError(
            f"{path}, line {line}: expected {wanted} ({error})"
        ) from error
