"""Front ends of pretrained networks, against what these were trained on."""

import librosa
import numpy as np
import pytest
import torch
from speechbrain.lobes.features import Fbank
from speechbrain.lobes.models.beats import BEATs
from speechbrain.processing.features import InputNormalization

from speechbrain_pib.lobes.pretrained_features import (
    FRONT_ENDS,
    PretrainedFbank,
)
from tests.helpers import sweep


def yamnet_filters():
    """Mel filters [64, 257] by the definition of TensorFlow's
    linear_to_mel_weight_matrix, triangle by triangle."""

    def mel(frequency):
        return 1127.0 * np.log(1.0 + frequency / 700.0)

    edges = np.linspace(mel(125.0), mel(7500.0), 66)
    filters = np.zeros((64, 257))
    for band in range(64):
        lower, centre, upper = edges[band : band + 3]
        for bin_ in range(1, 257):  # without that of 0 Hz
            place = mel(bin_ * 8000 / 256)
            slope = min(
                (place - lower) / (centre - lower),
                (upper - place) / (upper - centre),
            )
            filters[band, bin_] = max(slope, 0.0)
    return filters


def test_frames_of_yamnet_equal_its_own(device):
    """tf.signal.stft: frame i begins at sample 160 i, so its centre is 200
    later."""
    wav = sweep(16000, 1.0)
    fbank = PretrainedFbank("yamnet").to(device)
    starts = np.arange(0, len(wav) - 400 + 1, 160)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    cut = np.stack([wav[start : start + 400] for start in starts])
    magnitude = np.abs(np.fft.rfft(cut * window, 512))
    expected = np.log(magnitude @ yamnet_filters().T + 0.001)
    wavs = torch.tensor(wav, dtype=torch.float32, device=device).unsqueeze(0)
    frames = fbank(wavs, torch.tensor(starts + 200, device=device))
    assert np.abs(frames[0].cpu().numpy() - expected).max() < 1e-4


def test_filters_are_those_of_the_release(shared):
    """Which has them in 8 bits."""
    path = shared / "data/models/yamnet_audioset.npz"
    with np.load(path) as arrays:
        released = arrays["mel_filters"]
    filters = PretrainedFbank("yamnet").filters.T.numpy()
    assert np.abs(filters - released).max() < 1 / 255


def test_hop_and_number_of_frames_are_free():
    fbank = PretrainedFbank("yamnet", hop_length=80, n_frames=10)
    wavs = torch.randn(2, fbank.n_samples)
    assert fbank.n_samples == 800 and fbank(wavs).shape == (2, 10, 64)
    usual = PretrainedFbank("yamnet", n_frames=5)(wavs)
    assert torch.allclose(fbank(wavs)[:, ::2], usual, atol=1e-5)


def test_an_unknown_network_is_named():
    with pytest.raises(ValueError, match="for 'vggish'; there are .*yamnet"):
        PretrainedFbank("vggish")


def compare(network, expected, centres, wav, device):
    """Compare frames of a network with those of its original [frames, mels]:
    the largest difference, of decibels in natural logarithms."""
    fbank = PretrainedFbank(network).to(device)
    wavs = torch.tensor(wav, dtype=torch.float32, device=device).unsqueeze(0)
    frames = fbank(wavs, torch.tensor(centres, device=device))[0].cpu()
    assert frames.shape == expected.shape and expected.std() > 0.1
    difference = np.abs(frames.numpy() - np.asarray(expected)).max()
    return difference / FRONT_ENDS[network].get("unit", 1.0)


def test_frames_of_cnn14_equal_librosas(device):
    """PANNs compute what librosa does, in decibels without an upper end."""
    wav = sweep(32000, 1.0).astype(np.float32)
    mel = librosa.feature.melspectrogram(
        y=wav,
        sr=32000,
        n_fft=1024,
        hop_length=320,
        n_mels=64,
        fmin=50,
        fmax=14000,
        pad_mode="constant",
    )
    expected = librosa.power_to_db(mel, ref=1.0, amin=1e-10, top_db=None).T
    centres = 320 * np.arange(len(expected))
    assert compare("cnn14", expected, centres, wav, device) < 1e-4


def test_frames_of_ecapa_equal_speechbrains(device):
    """As speechbrain/spkrec-ecapa-voxceleb computes them."""
    wav = sweep(16000, 1.0)
    wav[4000:6000] = 0.0  # so that the range of 80 dB counts
    wavs = torch.tensor(wav, dtype=torch.float32).unsqueeze(0)
    normalise = InputNormalization(norm_type="sentence", std_norm=False)
    expected = normalise(Fbank(n_mels=80)(wavs), torch.ones(1))[0]
    centres = 160 * np.arange(len(expected))
    assert compare("ecapa", expected, centres, wav, device) < 1e-4


def test_frames_of_beats_equal_speechbrains(device):
    wav = sweep(16000, 1.0)
    wavs = torch.tensor(wav, dtype=torch.float32).unsqueeze(0)
    expected = BEATs.preprocess(None, wavs)[0]
    centres = 200 + 160 * np.arange(len(expected))
    # Seen on a GPU: 1.5e-4, in bands that the sweep is far from.
    limit = 1e-4 if device == "cpu" else 3e-4
    assert compare("beats", expected, centres, wav, device) < limit


def test_frames_of_ast_equal_those_of_transformers(device):
    transformers = pytest.importorskip("transformers")
    wav = sweep(16000, 1.0)
    extract = transformers.ASTFeatureExtractor(max_length=98)
    features = extract(wav.astype(np.float32), sampling_rate=16000)
    expected = features["input_values"][0]
    centres = 200 + 160 * np.arange(len(expected))
    assert compare("ast", expected, centres, wav, device) < 1e-4


@pytest.mark.parametrize("network", FRONT_ENDS)
def test_gradients_are_finite_in_silence(network):
    fbank = PretrainedFbank(network, n_frames=4)
    wavs = torch.zeros(1, fbank.n_samples, requires_grad=True)
    frames = fbank(wavs)
    frames.sum().backward()
    assert frames.isfinite().all() and wavs.grad.isfinite().all()
