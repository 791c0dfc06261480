"""What the writers of all formats of time lines share: the recording that a
file is about, how times are written, and which labels fit on a line.

Authors
 * The speechbrain_pib developers 2026
"""

import unicodedata
from datetime import datetime
from typing import NamedTuple

# Control characters, separators of lines and paragraphs, halves of characters.
UNFIT = ("Cc", "Zl", "Zp", "Cs")


class Recording(NamedTuple):
    """What is known about the recording of a time line.

    Arguments
    ---------
    name : str
        Of its file.
    duration : float
        In seconds.
    begin : datetime.datetime
        When it was begun, where that is known.
    """

    name: str
    duration: float
    begin: datetime | None = None


def to_seconds(time):
    """Write a time in seconds, exact to a microsecond.

    Arguments
    ---------
    time : float
        In seconds.

    Returns
    -------
    text : str

    Example
    -------
    >>> to_seconds(86399.0625)
    '86399.062500'
    """
    return f"{time:.6f}"


def require_line(label, kind, refused="", allowed=""):
    """Check that a label can stand in a line of a file as it is.

    Arguments
    ---------
    label : str
        Name of a class.
    kind : str
        What the file is, for messages.
    refused : str
        Characters that have another meaning there.
    allowed : str
        Control characters that have none.

    Returns
    -------
    label : str

    Raises
    ------
    ValueError
        If it cannot: it is empty, has space at an end, or one of those
        characters, a tab, a line break or another control character.
        JSON Lines hold all labels.

    Example
    -------
    >>> require_line("<b>", "SRT", refused="<>")
    Traceback (most recent call last):
        ...
    ValueError: SRT cannot hold the label '<b>': there is '<' in it; rename the
    class, or choose jsonl
    """
    unfit = (
        c
        for c in label
        if c in refused or unicodedata.category(c) in UNFIT and c not in allowed
    )
    if (sign := next(unfit, None)) is not None:
        reason = f"there is {sign!r} in it"
    elif label != label.strip():
        reason = "there is space at its end"
    elif not label:
        reason = "it is empty"
    else:
        return label
    raise ValueError(
        f"{kind} cannot hold the label {label!r}: {reason}; rename the class, "
        "or choose jsonl"
    )
