"""Which training clips are held out for validation.

Authors
 * The speechbrain_pib developers 2026
"""

import hashlib


def is_held_out(video, fraction):
    """Whether the clips of a training video are for validation.

    Arguments
    ---------
    video : str
        Its id, whose hash decides.
    fraction : float
        Share of the videos that are held out.

    Returns
    -------
    held_out : bool

    Example
    -------
    >>> is_held_out("P01_01", 0.0), is_held_out("P01_01", 1.0)
    (False, True)
    """
    digest = hashlib.sha256(video.encode()).hexdigest()
    return int(digest[:8], 16) / 2**32 < fraction
