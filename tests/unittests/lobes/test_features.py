"""MultiHopFbank against librosa."""

import librosa
import numpy as np
import pytest
import torch

from speechbrain_pib.lobes.features import MultiHopFbank

# (data set, hop of the first pass in samples)
HOPS = [("AudioSet", 400), ("VGGSound", 200), ("EPIC-KITCHENS-100", 80)]


def librosa_log_mel(frames):
    """Log-mel of frames [n, 2048] cut around their centres by hand."""
    window = np.zeros(2048)
    window[864:1184] = librosa.filters.get_window("hann", 320)
    magnitude = np.abs(np.fft.rfft(frames * window))
    mel = librosa.filters.mel(sr=16000, n_fft=2048, htk=True, norm=None)
    return np.log(magnitude @ mel.T + 1e-6)


@pytest.mark.parametrize("dataset, hop", HOPS)
@pytest.mark.parametrize("refinement", [1, 2, 3, 4])
def test_uniform_grids_equal_librosa(dataset, hop, refinement, device):
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
    assert torch.allclose(fbank._mel(spectrum.abs().square()), whole, atol=1e-4)


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


def small_fbank(**options):
    """A front end as the miniatures have it."""
    return MultiHopFbank(200, 40, n_fft=1024, n_mels=32, **options)


def librosa_grid(wav, hop, win_length):
    """Log-mel frames of librosa at multiples of a hop [frames, 32]."""
    spectrum = librosa.stft(
        wav,
        n_fft=1024,
        hop_length=hop,
        win_length=win_length,
        pad_mode="constant",
    )
    mel = librosa.filters.mel(
        sr=16000, n_fft=1024, n_mels=32, htk=True, norm=None
    )
    return np.log(mel @ np.abs(spectrum) + 1e-6).T


def random_wav(seed=0):
    """Noise of 8000 samples."""
    wav = 0.1 * np.random.default_rng(seed).normal(size=8000)
    return wav.astype(np.float32)


@pytest.mark.parametrize("win_hops", [4, 2])
@pytest.mark.parametrize("hop", [200, 100, 50, 25])
def test_windows_of_hops_equal_librosas_at_each_hop(hop, win_hops, device):
    fbank = small_fbank(win_length=800, win_hops=win_hops).to(device)
    wav = random_wav()
    centres = torch.arange(0, 8000, hop, device=device)
    heard = fbank(
        torch.tensor(wav, device=device)[None],
        centres,
        torch.full_like(centres, hop),
    )
    expected = librosa_grid(wav, hop, win_hops * hop)[: len(centres)]
    assert np.abs(heard[0].cpu().numpy() - expected).max() < 1e-4


def test_each_frame_of_a_pass_has_the_window_of_its_own_hop():
    fbank = small_fbank(win_length=800, win_hops=4)
    wavs = np.stack([random_wav(0), random_wav(1)])
    rng = np.random.default_rng(2)
    hops = rng.choice([25, 50, 100, 200], (2, 60))
    centres = hops * rng.integers(0, 8000 // hops)
    heard = fbank(*map(torch.tensor, (wavs, centres, hops))).numpy()
    grids = {
        hop: [librosa_grid(wav, hop, 4 * hop) for wav in wavs]
        for hop in (25, 50, 100, 200)
    }
    for clip in range(2):
        for frame, (centre, hop) in enumerate(zip(centres[clip], hops[clip])):
            expected = grids[hop][clip][centre // hop]
            assert np.abs(heard[clip, frame] - expected).max() < 1e-4


@pytest.mark.parametrize(
    "hop, win_length",
    [
        (200, 800),
        (300, 800),  # 1200 are more than the longest
        (1e9, 800),
        (66.6, 266),  # 266.4
        (12.3, 50),  # 49.2: 50 is nearer than 48
        (0.1, 2),  # the shortest
    ],
)
def test_windows_have_the_nearest_even_length_up_to_the_longest(
    hop, win_length
):
    wav, centres = random_wav(), torch.arange(0, 8000, 100)
    heard = small_fbank(win_length=800, win_hops=4)(
        torch.tensor(wav)[None], centres, torch.full(centres.shape, hop)
    )
    expected = librosa_grid(wav, 100, win_length)[: len(centres)]
    assert np.abs(heard[0].numpy() - expected).max() < 1e-4


def test_without_hops_frames_have_that_of_the_first_pass():
    fbank, wavs = small_fbank(win_length=800, win_hops=3), torch.randn(2, 8000)
    centres = fbank.uniform_centres()
    hops = torch.full((2, 40), 200.0)
    assert torch.equal(fbank(wavs), fbank(wavs, centres, hops))


def test_a_fixed_window_does_not_follow_the_hop():
    fbank, wavs = small_fbank(win_length=320), torch.randn(2, 8000)
    centres = fbank.uniform_centres()
    finer = fbank(wavs, centres, torch.full((2, 40), 25.0))
    assert torch.equal(fbank(wavs), finer)


def test_the_mean_of_each_band_over_the_frames_is_subtracted():
    wavs, centres = torch.randn(2, 8000), torch.rand(2, 30) * 8000
    heard = small_fbank()(wavs, centres).numpy()
    centred = small_fbank(subtract_mean=True)(wavs, centres).numpy()
    for clip in range(2):
        for band in range(32):
            mean = heard[clip, :, band].mean()
            difference = heard[clip, :, band] - mean - centred[clip, :, band]
            assert np.abs(difference).max() < 1e-4


def test_gradients_pass_windows_of_several_hops():
    fbank = small_fbank(win_length=800, win_hops=4, subtract_mean=True)
    wavs = torch.randn(2, 8000, requires_grad=True)
    hops = torch.tensor([200.0, 25.0]).expand(2, 2)
    centres = torch.tensor([2000.0, 6000.0])
    seen = torch.randn(2, 2, 32)
    (gradient,) = torch.autograd.grad(
        (fbank(wavs, centres, hops) * seen).sum(), wavs
    )
    # Each frame hears its own window, less the zero at its start.
    for centre, half in ((2000, 400), (6000, 50)):
        reach = gradient[:, centre - half + 1 : centre + half]
        assert (reach != 0).all() and reach.isfinite().all()
        gradient[:, centre - half + 1 : centre + half] = 0
    assert (gradient == 0).all()
    step = torch.zeros_like(wavs)
    step[:, 2100] = 1e-2
    with torch.no_grad():
        ahead, behind = (
            (fbank(wavs + sign * step, centres, hops) * seen).sum()
            for sign in (1, -1)
        )
    (gradient,) = torch.autograd.grad(
        (fbank(wavs, centres, hops) * seen).sum(), wavs
    )
    assert ((ahead - behind) / 2).item() == pytest.approx(
        (gradient * step).sum().item(), rel=0.05
    )


def test_windows_of_hops_stay_in_float32_under_autocast(device):
    fbank = small_fbank(win_length=800, win_hops=4).to(device)
    wavs = torch.randn(2, 8000, device=device)
    centres = torch.rand(2, 30, device=device) * 8000
    hops = torch.rand(2, 30, device=device) * 200
    with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):
        log_mel = fbank(wavs, centres, hops)
    assert log_mel.dtype == torch.float32
    assert torch.equal(log_mel, fbank(wavs, centres, hops))
