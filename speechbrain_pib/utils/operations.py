"""How much a network computes.

Authors
 * The speechbrain_pib developers 2026
"""

from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def count_gmacs(function):
    """Count the multiplications of a call, by running it.

    Arguments
    ---------
    function : callable
        Takes nothing.

    Returns
    -------
    gmacs : float
        Multiply-accumulate operations of matrix products, convolutions and
        attention, in 1e9. Fourier transforms are not among them.

    Example
    -------
    >>> import torch
    >>> a = torch.zeros(1000, 1000)
    >>> count_gmacs(lambda: a @ a)
    1.0
    """
    # The counter does not know the fused attention of a CPU.
    with (
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        function()
    return counter.get_total_flops() / 2e9
