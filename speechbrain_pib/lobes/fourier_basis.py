"""The log-mel front end in operators that every runtime has.

A Fourier transform becomes a product with a matrix of cosines and sines, so
that an exported model needs no operator for transforms and no complex numbers.

Authors
 * The speechbrain_pib developers 2026
"""

import copy

import torch

from speechbrain_pib.lobes.resampled_features import ResampledFbank


def with_fourier_basis(fbank):
    """Copies a front end, and has it multiply its frames by a Fourier basis.

    Gives the same values up to rounding, which is all that there is in most
    bands of a constant or a pure tone, with several times the arithmetic: for
    export, not for training.

    Arguments
    ---------
    fbank : MultiHopFbank or ResampledFbank
        The front end; it is left as it is.

    Returns
    -------
    fbank : MultiHopFbank or ResampledFbank
        With the same settings and weights.

    Example
    -------
    >>> from speechbrain_pib.lobes.features import MultiHopFbank
    >>> fbank = MultiHopFbank(hop_length=200, n_frames=400)
    >>> wavs = torch.randn(2, fbank.n_samples)
    >>> log_mel = with_fourier_basis(fbank)(wavs)
    >>> torch.allclose(log_mel, fbank(wavs), atol=1e-3)
    True
    """
    copied = copy.deepcopy(fbank)
    if isinstance(fbank, ResampledFbank):
        copied.fbank = with_fourier_basis(fbank.fbank)
        return copied
    kind = type(fbank)
    # Of whatever else the front end does nothing changes.
    copied.__class__ = type(kind.__name__, (_FourierBasis, kind), {})
    # In float64: angles of a thousand turns lose digits in float32.
    identity = torch.eye(fbank.win_length, dtype=torch.float64)
    basis = torch.view_as_real(torch.fft.rfft(identity, n=fbank.n_fft))
    basis = torch.cat(basis.unbind(dim=-1), dim=1).to(fbank.filters)
    # [win_length, 2 * bins], the real parts first.
    copied.register_buffer("basis", basis, persistent=False)
    return copied


class _FourierBasis:
    """What a MultiHopFbank computes in another way."""

    def _cut(self, wavs, starts):
        """Cut win_length samples from where they start [batch, frames]."""
        offsets = torch.arange(self.win_length, device=wavs.device)
        samples = (starts.unsqueeze(-1) + offsets).flatten(1)
        return wavs.gather(1, samples).unflatten(1, (-1, self.win_length))

    def _transform(self, frames):
        """Compute mel magnitudes [batch, frames, n_mels] of windowed frames."""
        return self._mel(self._power(frames))

    def _power(self, frames):
        """Compute power spectra [..., bins] of frames [..., win_length]."""
        real, imaginary = (frames @ self.basis).chunk(2, dim=-1)
        return real.square() + imaginary.square()
