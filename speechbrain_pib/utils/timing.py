"""How long calls take.

Authors
 * The speechbrain_pib developers 2026
"""

import time

import torch

REPEATS = 3


def time_call(function, *inputs):
    """Measure how long a call takes, when it is not the first.

    Arguments
    ---------
    function : callable
        What to call.
    *inputs : tuple
        Its arguments.

    Returns
    -------
    milliseconds : float
        Of the fastest of three calls after a first one.

    Example
    -------
    >>> time_call(time.sleep, 0.01) >= 10
    True
    """
    function(*inputs)
    return 1000 * min(_time(function, inputs) for _ in range(REPEATS))


def _time(function, inputs):
    """Seconds of one call, until the device has done its work."""
    start = time.perf_counter()
    function(*inputs)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start
