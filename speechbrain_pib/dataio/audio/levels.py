"""Levels of audio: what cannot be sound at full scale 1.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

# Floating point audio may go beyond full scale: decoders of lossy formats
# overshoot, and mixes that were not normalized have 6 to 12 dB more. 20 dB is
# another scale: a 16-bit clip that peaks at -70 dB has samples of 10.
MAX_PEAK = 10.0
# Half a step of 16 bits, -96 dB: what does not reach it is silence.
SILENT_PEAK = 2.0**-16
# Of the peak of the channels, -40 dB: less is left where one of them has the
# wrong sign. Below -60 dB, noise of single steps may cancel by chance.
CANCELLED = 0.01
AUDIBLE_PEAK = 0.001


def find_peak(samples):
    """Find the largest absolute value.

    Arguments
    ---------
    samples : torch.Tensor
        Samples of any shape, at least one.

    Returns
    -------
    peak : float
        NaN if there is a NaN among them.

    Example
    -------
    >>> find_peak(torch.tensor([0.25, -0.5]))
    0.5
    """
    # The extremes tell as much as a test of each sample, 15 times as fast.
    low, high = torch.aminmax(samples)
    return torch.maximum(-low, high).item()


def find_fault(mono, channels=None):
    """Find what is wrong with the level of a waveform.

    Arguments
    ---------
    mono : torch.Tensor
        [n], full scale being 1.
    channels : torch.Tensor
        [n, channels], of which it is the mean (default: it is no mixture).

    Returns
    -------
    fault : str
        What follows the name of the audio in a message; None if there is no
        fault. Silence is none.

    Example
    -------
    >>> find_fault(torch.tensor([0.5, -1.5]))
    >>> find_fault(torch.tensor([12000.0]))  # doctest: +ELLIPSIS
    'holds samples of up to 12000, where full scale is 1: ...'
    """
    if not mono.numel():
        return None
    peak = find_peak(mono)
    mixed = channels is not None and channels.shape[1] > 1
    loudest = find_peak(channels) if mixed else peak
    if not loudest < float("inf"):
        return "holds samples that are not finite, NaN or infinite"
    whole = mono if channels is None else channels
    # Whole numbers beyond full scale are integers, however quiet the passage.
    if peak > MAX_PEAK or (loudest > 1 and torch.equal(whole, whole.round())):
        return (
            f"holds samples of up to {loudest:.6g}, where full scale is 1: "
            "they are damaged, or integers that were not divided by 32768 or "
            "whatever their full scale is"
        )
    if loudest > AUDIBLE_PEAK and peak < CANCELLED * loudest:
        return (
            "has channels that cancel each other: their mean is silence "
            f"(a peak of {peak:.2g}, where theirs is {loudest:.2g}); give one "
            "of them the other sign, or keep one alone"
        )
    return None
