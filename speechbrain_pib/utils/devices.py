"""Devices of this machine.

Authors
 * The speechbrain_pib developers 2026
"""

import torch


def check_device(name):
    """Raise if a device cannot be used here.

    Arguments
    ---------
    name : str
        Such as "cpu" or "cuda:0".

    Raises
    ------
    ValueError
        Says why not.

    Example
    -------
    >>> check_device("cpu")
    """
    try:
        torch.empty(0, device=name)
    except (AssertionError, RuntimeError) as error:
        # torch's lists of hints begin in the second line.
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"the device {name} cannot be used here ({reason}); cpu always can"
        ) from error
