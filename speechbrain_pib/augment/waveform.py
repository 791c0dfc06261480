"""Waveform augmentations that speechbrain.augment.time_domain lacks.

`RandAmp` of SpeechBrain divides every signal by its peak, which turns silence
into NaN and forgets the recorded level; `RandomGain` keeps the level and
draws the gain in dB.

Authors
 * The speechbrain_pib developers 2026
"""

import torch


class RandomRoll(torch.nn.Module):
    """Roll each waveform by its own random number of samples; what leaves at
    one end comes back at the other. Does nothing in evaluation mode.

    Example
    -------
    >>> roll = RandomRoll()
    >>> rolled = roll(torch.arange(5.0).repeat(3, 1))
    >>> rolled.shape
    torch.Size([3, 5])
    >>> rolled.sum(dim=1)
    tensor([10., 10., 10.])
    """

    def forward(self, wavs):
        """Roll the waveforms.

        Arguments
        ---------
        wavs : torch.Tensor
            Waveforms [batch, samples].

        Returns
        -------
        wavs : torch.Tensor
            Rolled waveforms [batch, samples].
        """
        if not self.training:
            return wavs
        batch_size, num_samples = wavs.shape
        shifts = torch.randint(num_samples, (batch_size, 1), device=wavs.device)
        positions = torch.arange(num_samples, device=wavs.device)
        return wavs.gather(1, (positions - shifts) % num_samples)


class RandomGain(torch.nn.Module):
    """Multiply each waveform by its own random gain, drawn uniformly in dB.
    Does nothing in evaluation mode.

    Arguments
    ---------
    low : float
        Smallest gain in dB.
    high : float
        Greatest gain in dB.

    Example
    -------
    >>> gain = RandomGain(low=-6.0, high=-6.0)
    >>> gain(torch.ones(1, 3))
    tensor([[0.5012, 0.5012, 0.5012]])
    """

    def __init__(self, low=-6.0, high=6.0):
        super().__init__()
        if low > high:
            raise ValueError(
                f"The smallest gain ({low} dB) is above the greatest "
                f"({high} dB): exchange low and high."
            )
        self.low = low
        self.high = high

    def forward(self, wavs):
        """Scale the waveforms.

        Arguments
        ---------
        wavs : torch.Tensor
            Waveforms [batch, samples].

        Returns
        -------
        wavs : torch.Tensor
            Scaled waveforms [batch, samples].
        """
        if not self.training:
            return wavs
        gains = torch.empty(len(wavs), 1, device=wavs.device)
        gains.uniform_(self.low, self.high)
        return wavs * (10.0 ** (gains / 20.0)).to(wavs.dtype)
