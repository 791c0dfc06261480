"""What silence is: one rule for training, extraction and inference.

Authors
 * The speechbrain_pib developers 2026
"""

# The largest sample of silence: three steps of 16 bits.
SILENCE = 1e-4


def is_silent(wavs):
    """Tell where there is nothing to hear.

    Arguments
    ---------
    wavs : torch.Tensor
        Waveforms [..., samples], full scale being 1.

    Returns
    -------
    silent : torch.Tensor
        Boolean [...]; True where all samples are below 1e-4, -80 dB.

    Example
    -------
    >>> import torch
    >>> is_silent(torch.tensor([[0.0, 9e-5], [0.0, -0.5]]))
    tensor([ True, False])
    """
    return (wavs.abs() < SILENCE).all(dim=-1)
