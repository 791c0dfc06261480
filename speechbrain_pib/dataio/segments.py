"""Annotated segments of recordings: what is odd is mended, or left out.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
import math
import os

from speechbrain.utils.logger import get_logger

from speechbrain_pib.utils.files import atomic_writer

logger = get_logger(__name__)

MIN_SECONDS = 0.01  # of a segment


def mend_segment(start, stop, duration):
    """Return the part of an annotated segment that is in its recording.

    A segment that stops before it starts is the time between, one that stops
    when it starts gets 0.01 s, and what is before or after the recording is
    cut off.

    Arguments
    ---------
    start : float
        In seconds.
    stop : float
        In seconds.
    duration : float
        Of the recording, in seconds.

    Returns
    -------
    start : float
        In seconds.
    stop : float
        In seconds.
    reason : str
        What was odd; None if nothing was changed.

    Raises
    ------
    ValueError
        If no part of it is in the recording.

    Example
    -------
    >>> mend_segment(3.0, 9.0, 8.0)
    (3.0, 8.0, 'from 3.000 s to 9.000 s, the recording lasts 8.000 s')
    >>> mend_segment(3.0, 5.0, 8.0)
    (3.0, 5.0, None)
    """
    first, last = min(start, stop), max(start, stop)
    if first == last:
        last = first + MIN_SECONDS
    first, last = max(first, 0.0), min(last, duration)
    reason = (
        f"from {start:.3f} s to {stop:.3f} s, the recording lasts "
        f"{duration:.3f} s"
    )
    if math.isnan(start + stop) or first >= last:
        raise ValueError(reason)
    changed = (first, last) != (start, stop)
    return first, last, reason if changed else None


def find_gaps(segments, duration, shortest):
    """Find what is between the annotated segments of a recording.

    Arguments
    ---------
    segments : iterable of tuple of float
        (start, stop) in seconds, in any order; they may overlap.
    duration : float
        Of the recording, in seconds.
    shortest : float
        Shorter gaps are left out, in seconds.

    Returns
    -------
    gaps : list of tuple of float
        (start, stop) in seconds.

    Example
    -------
    >>> find_gaps([(6.0, 8.0), (2.0, 5.5)], 9.5, shortest=1.0)
    [(0.0, 2.0), (8.0, 9.5)]
    """
    gaps, known = [], 0.0
    for start, stop in [*sorted(segments), (duration, duration)]:
        if start - known >= shortest:
            gaps.append((known, start))
        known = max(known, stop)
    return gaps


def report_mended(mended, save_folder):
    """Write `mended.csv`, which lists the segments that were changed.

    Arguments
    ---------
    mended : list of dict
        ID, split and reason of each.
    save_folder : str
        Where it goes.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> row = {"ID": "a_0", "split": "test", "reason": "from 3 s to 2 s"}
    >>> report_mended([row], folder)
    >>> (folder / "mended.csv").read()
    'ID,split,reason\\na_0,test,from 3 s to 2 s\\n'
    """
    with atomic_writer(os.path.join(save_folder, "mended.csv")) as file:
        writer = csv.DictWriter(
            file, ("ID", "split", "reason"), lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(mended)
    if mended:
        logger.warning(
            "%d segments have odd times and were mended; see mended.csv in %s",
            len(mended),
            save_folder,
        )
