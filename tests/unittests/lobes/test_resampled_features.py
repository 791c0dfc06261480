"""Frames of resampled waveforms, against those of waveforms that have the rate.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest
import soxr
import torch

from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.fourier_basis import with_fourier_basis
from speechbrain_pib.lobes.resampled_features import ResampledFbank


def build(ours, its, **options):
    """A front end of 0.5 s of waveforms at our rate."""
    options = {"n_mels": 32, "n_fft": 1024, "win_hops": 4, **options}
    fbank = MultiHopFbank(its // 100, 50, sample_rate=its, **options)
    return ResampledFbank(fbank, ours)


@pytest.mark.parametrize("ours, its", [(16000, 32000), (44100, 16000)])
def test_frames_are_those_of_the_waveform_at_the_other_rate(ours, its, device):
    fbank = build(ours, its, f_max=7000).to(device)
    assert fbank.sample_rate == ours and fbank.n_samples == ours // 2
    wav = np.random.default_rng(0).normal(size=ours // 2) * 0.1
    given = torch.tensor(wav, dtype=torch.float32, device=device)[None]
    at_its = torch.tensor(soxr.resample(wav, ours, its), dtype=torch.float32)
    seconds = torch.tensor([0.05, 0.1234, 0.3, 0.31, 0.4])
    hops = torch.tensor([0.01, 0.003, 0.005, 0.01, 0.02])
    expected = fbank.fbank(
        at_its[None].to(device),
        (seconds * its).to(device),
        (hops * its).to(device),
    )
    frames = fbank(given, (seconds * ours).to(device), (hops * ours).to(device))
    assert (frames - expected).abs().max() < 0.1
    assert (frames - expected).abs().mean() < 0.01
    uniform = fbank(given, fbank.uniform_centres(), None)
    torch.testing.assert_close(uniform, fbank(given))


def test_a_fourier_basis_gives_the_same_frames():
    fbank = build(16000, 32000)
    wavs = torch.randn(2, fbank.n_samples)
    exported = with_fourier_basis(fbank)
    assert (exported(wavs) - fbank(wavs)).abs().max() < 1e-3
    # The one that it was made of is as it was.
    assert not hasattr(fbank.fbank, "basis")


def test_frames_that_cover_no_whole_number_of_samples_are_an_error():
    fbank = MultiHopFbank(160, 7, sample_rate=16000)
    with pytest.raises(ValueError, match="1120 samples at 16000 Hz are no"):
        ResampledFbank(fbank, 22050)
