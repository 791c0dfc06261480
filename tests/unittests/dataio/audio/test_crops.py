"""Tests of reading and cutting crops.

Authors
 * The speechbrain_pib developers 2026
"""

import librosa
import numpy as np
import pytest
import soundfile
import torch

from speechbrain_pib.dataio.audio.checks import UnreadableAudioError
from speechbrain_pib.dataio.audio.crops import (
    read_random_crop,
    read_segment,
    read_views,
    view_starts,
)


def write_ramp(path, size=32000, sample_rate=16000):
    """Writes a wav file whose sample n has the value n / 2^15."""
    ramp = np.arange(size, dtype=np.int16)
    soundfile.write(path, ramp, sample_rate, subtype="PCM_16")
    return str(path)


def counts(wavs):
    """The ramp's sample numbers."""
    return (wavs * 2**15).round().long()


def test_views_spread_from_the_start_to_the_end():
    assert view_starts(9.0, 5.0, 3) == [0.0, 2.0, 4.0]
    assert view_starts(9.0, 5.0, 2) == [0.0, 4.0]
    assert view_starts(9.0, 5.0, 1) == [2.0]
    assert view_starts(5.0, 5.0, 2) == [0.0, 0.0]
    assert view_starts(1.0, 5.0, 3) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("arguments", [(1, 1, 0), (0, 1, 1), (1, -1, 1)])
def test_senseless_views_are_an_error(arguments):
    with pytest.raises(ValueError):
        view_starts(*arguments)


@pytest.mark.parametrize("extension", ["wav", "flac"])
def test_segment_is_the_slice_of_the_file(tmp_path, extension):
    path = write_ramp(tmp_path / f"ramp.{extension}")
    segment = read_segment(path, 0.5, 0.25, 16000)
    assert counts(segment).tolist() == list(range(8000, 12000))
    assert segment.dtype == torch.float32


def test_segment_stops_where_the_file_ends(tmp_path):
    path = write_ramp(tmp_path / "ramp.wav")
    segment = read_segment(path, 1.9, 1.0, 16000)
    assert counts(segment).tolist() == list(range(30400, 32000))


def test_stereo_at_another_rate_agrees_with_librosa(tmp_path):
    path = str(tmp_path / "stereo.wav")
    rate, time = 44100, np.arange(2 * 44100) / 44100
    tones = [np.sin(2 * np.pi * f * time) for f in (440.0, 1234.0)]
    soundfile.write(path, 0.5 * np.stack(tones, 1), rate, subtype="FLOAT")
    segment = read_segment(path, 0.5, 1.0, 16000)
    whole, _ = librosa.load(path, sr=16000, mono=True, res_type="soxr_hq")
    assert segment.shape == (16000,)
    # The filters' edges see silence instead of what is around the segment.
    inside = slice(100, -100)
    difference = segment[inside] - torch.from_numpy(whole[8000:24000])[inside]
    assert difference.abs().max() < 2e-3


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_crops_of_any_rate_have_their_exact_size(tmp_path, rate):
    path = write_ramp(tmp_path / "ramp.wav", size=30001, sample_rate=rate)
    total = 30001 / rate
    for crop in (0.1, 0.123456, 0.5):
        wavs, lengths = read_views(path, total, crop, 3, 16000)
        assert wavs.shape == (3, round(crop * 16000))
        assert lengths[:-1].tolist() == [1.0, 1.0]
        assert lengths[-1] > 0.999


def test_views_hold_the_first_and_last_samples(tmp_path):
    path = write_ramp(tmp_path / "ramp.wav")
    wavs, lengths = read_views(path, 2.0, 0.5, 2, 16000)
    assert counts(wavs[0]).tolist() == list(range(8000))
    assert counts(wavs[1]).tolist() == list(range(24000, 32000))
    assert lengths.tolist() == [1.0, 1.0]


def test_short_file_is_padded_at_the_end(tmp_path):
    path = write_ramp(tmp_path / "ramp.wav", size=8000)
    wavs, lengths = read_views(path, 0.5, 2.0, 2, 16000)
    assert wavs.shape == (2, 32000)
    assert counts(wavs[1, :8000]).tolist() == list(range(8000))
    assert wavs[:, 8000:].abs().max() == 0
    assert lengths.tolist() == [0.25, 0.25]


def test_random_crops_follow_the_seed_and_cover_the_file(tmp_path):
    path = write_ramp(tmp_path / "ramp.wav")

    def starts():
        torch.manual_seed(3)
        crops = [read_random_crop(path, 2.0, 0.5, 16000) for _ in range(50)]
        assert all(wavs.shape == (1, 8000) for wavs, _ in crops)
        assert all(lengths.tolist() == [1.0] for _, lengths in crops)
        return [counts(wavs)[0, 0].item() for wavs, _ in crops]

    first = starts()
    assert first == starts()
    assert min(first) < 4000 and max(first) > 20000


def test_errors_name_the_file(tmp_path):
    path = write_ramp(tmp_path / "ramp.wav")
    with pytest.raises(UnreadableAudioError, match="ramp.wav has no samples"):
        read_segment(path, 2.5, 0.5, 16000)
    with pytest.raises(
        UnreadableAudioError, match="gone.wav: there is no such"
    ):
        read_segment(str(tmp_path / "gone.wav"), 0.0, 0.5, 16000)
    (tmp_path / "text.wav").write_text("no audio")
    with pytest.raises(UnreadableAudioError, match="text.wav is not an audio"):
        read_segment(str(tmp_path / "text.wav"), 0.0, 0.5, 16000)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_an_error(tmp_path, value):
    samples = np.zeros(16000, dtype=np.float32)
    samples[9000] = value
    path = str(tmp_path / "bad.wav")
    soundfile.write(path, samples, 16000, subtype="FLOAT")
    assert read_segment(path, 0.0, 0.5, 16000).shape == (8000,)
    with pytest.raises(UnreadableAudioError, match="bad.wav.*NaN"):
        read_segment(path, 0.5, 0.5, 16000)
