"""MultiHopFbank against librosa."""

import librosa
import numpy as np
import pytest
import torch

from speechbrain_pib.lobes.features import MultiHopFbank

# (benchmark, hop of the first pass in samples)
HOPS = [("AudioSet", 400), ("VGGSound", 200), ("EPIC-KITCHENS-100", 80)]


def librosa_log_mel(frames):
    """Log-mel of frames [n, 2048] cut around their centres by hand."""
    window = np.zeros(2048)
    window[864:1184] = librosa.filters.get_window("hann", 320)
    magnitude = np.abs(np.fft.rfft(frames * window))
    mel = librosa.filters.mel(sr=16000, n_fft=2048, htk=True, norm=None)
    return np.log(magnitude @ mel.T + 1e-6)


@pytest.mark.parametrize("benchmark, hop", HOPS)
@pytest.mark.parametrize("refinement", [1, 2, 3, 4])
def test_uniform_grids_equal_librosa(benchmark, hop, refinement, device):
    n_frames = 40
    fbank = MultiHopFbank(hop, n_frames).to(device)
    wav = np.random.default_rng(0).normal(size=fbank.n_samples) * 0.1
    wav = wav.astype(np.float32)
    centres = fbank.uniform_centres(refinement)
    assert len(centres) == n_frames * refinement
    computed = fbank(torch.tensor(wav, device=device)[None], centres)[0]
    if hop % refinement == 0:
        spectrum = librosa.stft(
            wav,
            n_fft=2048,
            hop_length=hop // refinement,
            win_length=320,
            window="hann",
            pad_mode="constant",
        )
        mel = librosa.filters.mel(sr=16000, n_fft=2048, htk=True, norm=None)
        expected = np.log(mel @ np.abs(spectrum) + 1e-6).T
        expected = expected[: n_frames * refinement]
    else:
        exact = np.arange(n_frames * refinement) * hop / refinement
        nearest = np.floor(exact + 0.5).astype(int)
        padded = np.pad(wav, 1024)
        expected = librosa_log_mel(
            np.stack([padded[c : c + 2048] for c in nearest])
        )
    assert np.abs(computed.cpu().numpy() - expected).max() < 1e-4


def test_fractional_hops_do_not_drift():
    centres = MultiHopFbank(200, 400).uniform_centres(3)
    assert len(centres) == 1200
    assert centres[-1].item() == pytest.approx(1199 * 200 / 3, abs=0.01)


def test_each_clip_has_its_own_centres():
    fbank = MultiHopFbank(200, 10)
    wavs = torch.randn(2, fbank.n_samples)
    centres = torch.tensor([[300.0, 900.0], [1500.0, 40.0]])
    both = fbank(wavs, centres)
    for index in range(2):
        alone = fbank(wavs[index : index + 1], centres[index])
        assert torch.allclose(both[index], alone[0], atol=1e-5)


def test_positions_outside_the_clip_hear_silence():
    fbank = MultiHopFbank(200, 10)
    far = torch.tensor([[-1e5, 1e6]])
    silence = torch.full((1, 2, 128), 1e-6).log()
    assert torch.allclose(fbank(torch.ones(1, 2000), far), silence)


@pytest.mark.parametrize(
    "n_fft, n_mels", [(2048, 128), (512, 13), (320, 128), (400, 3)]
)
def test_mel_blocks_leave_no_filter_out(n_fft, n_mels):
    """Also with fewer bands than blocks, and with bands without a bin."""
    fbank = MultiHopFbank(200, 10, n_fft=n_fft, n_mels=n_mels)
    spectrum = torch.randn(2, 10, n_fft // 2 + 1, dtype=torch.complex64)
    whole = spectrum.abs() @ fbank.filters
    assert torch.allclose(fbank._mel(spectrum), whole, atol=1e-4)


def test_gradients_reach_the_waveform_and_are_finite_in_silence():
    fbank = MultiHopFbank(200, 10, n_fft=400)
    wavs = torch.randn(1, 2000, requires_grad=True)
    frames = fbank._frames(wavs, fbank.uniform_centres()[None]) * fbank.window
    magnitude = torch.fft.rfft(frames, n=400).abs()
    plain = torch.log(magnitude @ fbank.filters + 1e-6)
    (expected,) = torch.autograd.grad(plain.sum(), wavs)
    (computed,) = torch.autograd.grad(fbank(wavs).sum(), wavs)
    assert torch.allclose(computed, expected, rtol=1e-3, atol=1e-2)
    silence = torch.zeros(1, 2000, requires_grad=True)
    fbank(silence).sum().backward()
    assert silence.grad.isfinite().all()


def test_autocast_leaves_the_front_end_in_float32(device):
    fbank = MultiHopFbank(200, 10).to(device)
    wavs = torch.randn(1, 2000, device=device)
    with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):
        log_mel = fbank(wavs)
    assert log_mel.dtype == torch.float32
    assert torch.equal(log_mel, fbank(wavs))


def test_window_longer_than_transform_is_refused():
    with pytest.raises(ValueError, match="win_length 4096"):
        MultiHopFbank(200, win_length=4096)
