"""An event of a time line.

Authors
 * The speechbrain_pib developers 2026
"""

from typing import NamedTuple


class Event(NamedTuple):
    """A sound with its place in a recording.

    Arguments
    ---------
    label : str
        Name of its class.
    start : float
        Where it begins, in seconds from the beginning of the recording.
    stop : float
        Where it ends, in seconds; later than its beginning.
    score : float
        Its probability, in [0, 1].
    confirmed : int
        The last pass that heard it: 0 for the first listen, k for replay k.

    Example
    -------
    >>> event = Event("dog", 1.25, 2.5, 0.75, confirmed=1)
    >>> event.stop - event.start
    1.25
    """

    label: str
    start: float
    stop: float
    score: float
    confirmed: int = 0
