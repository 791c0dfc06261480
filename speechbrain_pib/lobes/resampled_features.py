"""Log-mel frames of waveforms that have another sampling rate.

Authors
 * The speechbrain_pib developers 2026
"""

import torch
from torchaudio.transforms import Resample


class ResampledFbank(torch.nn.Module):
    """A front end behind a resampler: for a network that was trained at another
    rate than that of the waveforms, or that of the other passes.

    Arguments
    ---------
    fbank : MultiHopFbank
        The front end, at the rate of its network.
    sample_rate : int
        Sampling rate of the waveforms in Hz.

    Raises
    ------
    ValueError
        If the frames do not cover a whole number of samples at that rate.

    Example
    -------
    >>> from speechbrain_pib.lobes.pretrained_features import PretrainedFbank
    >>> fbank = PretrainedFbank("cnn14", n_frames=100)  # 1 s at 32 kHz
    >>> fbank = ResampledFbank(fbank, sample_rate=16000)
    >>> fbank.n_samples, fbank.hop_length
    (16000, 160.0)
    >>> fbank(torch.randn(2, 16000)).shape
    torch.Size([2, 100, 64])
    """

    def __init__(self, fbank, sample_rate):
        super().__init__()
        if fbank.n_samples * sample_rate % fbank.sample_rate:
            raise ValueError(
                f"{fbank.n_samples} samples at {fbank.sample_rate} Hz are no "
                f"whole number at {sample_rate} Hz: change n_frames or "
                "hop_length"
            )
        self.fbank = fbank
        self.sample_rate = sample_rate
        self.n_frames, self.n_mels = fbank.n_frames, fbank.n_mels
        self.n_samples = fbank.n_samples * sample_rate // fbank.sample_rate
        self.hop_length = self._at_ours(fbank.hop_length)
        self.resample = Resample(sample_rate, fbank.sample_rate)

    def _at_ours(self, samples):
        """Convert samples at the rate of the network."""
        return samples * self.sample_rate / self.fbank.sample_rate

    def _at_its(self, samples):
        """Convert samples at the rate of the waveforms, where there are any."""
        if samples is None:
            return None
        return samples * self.fbank.sample_rate / self.sample_rate

    def uniform_centres(self, refinement=1):
        """Compute the frame centres of a uniform grid.

        Arguments
        ---------
        refinement : int
            As for MultiHopFbank.

        Returns
        -------
        centres : torch.Tensor
            Positions in samples of the waveforms [n_frames * refinement].
        """
        return self._at_ours(self.fbank.uniform_centres(refinement))

    def forward(self, wavs, centres=None, hops=None):
        """Compute the log-mel frames at the given positions.

        Arguments
        ---------
        wavs : torch.Tensor
            Waveforms [batch, samples].
        centres : torch.Tensor
            As for MultiHopFbank, in samples of the waveforms.
        hops : torch.Tensor
            Likewise.

        Returns
        -------
        log_mel : torch.Tensor
            [batch, frames, n_mels].
        """
        with torch.autocast(wavs.device.type, enabled=False):
            wavs = self.resample(wavs.float())
        return self.fbank(wavs, self._at_its(centres), self._at_its(hops))
