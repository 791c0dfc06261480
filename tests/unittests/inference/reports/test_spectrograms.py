"""Tests of the spectrogram of a whole recording: values, scales, memory.

Authors
 * The speechbrain_pib developers 2026
"""

import librosa
import numpy as np
import pytest
import soundfile
import torch

from speechbrain_pib.dataio.timelines.blocks import Sound, open_sound
from speechbrain_pib.inference.reports import spectrograms

RATE = 16000


@pytest.fixture
def small_tiles(monkeypatch):
    """Tiles of 64 columns, so that a minute has three scales of them."""
    monkeypatch.setattr(spectrograms, "TILE_COLUMNS", 64)


def join(tiles, scale):
    """The tiles of a scale side by side, which must come in order."""
    tiles = [tile for tile in tiles if tile.scale == scale]
    assert [tile.index for tile in tiles] == list(range(len(tiles)))
    assert {tile.levels.shape[1] for tile in tiles[:-1]} <= {64}
    return np.concatenate([tile.levels for tile in tiles], axis=1)


def reference(wav, columns):
    """Levels of a recording's columns, by librosa, of all of it at once."""
    magnitudes = np.abs(
        librosa.stft(
            np.pad(wav, (0, 1600)),
            n_fft=2048,
            hop_length=400,
            win_length=800,
            pad_mode="constant",
        )
    )
    mel = librosa.filters.mel(
        sr=RATE, n_fft=2048, n_mels=80, htk=True, norm=None
    )
    # A sine at full scale has half the sum of the window in its bin.
    decibels = 20 * np.log10((mel @ magnitudes + 1e-6) / 200)
    return np.clip((decibels + 100) / 120 * 255, 0, 255)[:, :columns]


def test_tiles_are_librosas_spectrogram_of_the_whole(tmp_path, small_tiles):
    rng = np.random.default_rng(0)
    wav = (0.1 * rng.normal(size=RATE * 10 + 123)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", wav, RATE, "FLOAT")
    with open_sound(tmp_path / "a.wav", RATE) as sound:
        spectrogram = spectrograms.TiledSpectrogram(sound, RATE)
        found = join(list(spectrogram.tiles()), 0)
    assert found.shape == (80, 401)
    assert np.abs(found - reference(wav, 401)).max() < 1


def make_chirp(rate):
    """20 s of a tone that rises from 300 Hz to 4.3 kHz."""
    seconds = np.arange(rate * 20) / rate
    phase = 2 * np.pi * (300 + 100 * seconds) * seconds
    return (0.3 * np.sin(phase)).astype(np.float32)


@pytest.mark.parametrize("rate", [44100, 11025])
def test_other_rates_have_no_seams_and_do_not_drift(
    tmp_path, small_tiles, rate
):
    soundfile.write(tmp_path / "a.wav", make_chirp(rate), rate, "FLOAT")
    with open_sound(tmp_path / "a.wav", RATE) as sound:
        spectrogram = spectrograms.TiledSpectrogram(sound, RATE)
        found = join(list(spectrogram.tiles()), 0)
    expected = reference(make_chirp(RATE), found.shape[1])
    # Where there is sound, and not the errors of resampling.
    loud = expected > expected.max() - 60
    loud[:, [0, -1]] = False
    assert np.abs(found - expected)[loud].max() < 2


def test_coarser_scales_have_the_loudest_column(tmp_path, small_tiles):
    wav = np.zeros(RATE * 60)
    wav[RATE * 31 : RATE * 31 + 200] = 0.5
    soundfile.write(tmp_path / "a.wav", wav, RATE)
    with open_sound(tmp_path / "a.wav", RATE) as sound:
        spectrogram = spectrograms.TiledSpectrogram(sound, RATE)
        tiles = list(spectrogram.tiles())
    assert spectrogram.columns == [2401, 301, 38]
    finest = join(tiles, 0)
    for scale in (1, 2):
        factor = 8**scale
        expected = [
            finest[:, first : first + factor].max(axis=1)
            for first in range(0, finest.shape[1], factor)
        ]
        assert np.array_equal(join(tiles, scale), np.stack(expected, axis=1))
    assert spectrogram.limits() == [
        int(np.percentile(finest, share, method="inverted_cdf"))
        for share in (5, 99.9)
    ]


def test_a_day_is_read_and_shown_tile_by_tile():
    asked = []

    def cut(start, seconds):
        asked.append(seconds)
        return torch.zeros(round(seconds * 8000))

    day = Sound((), 86400.0, cut)
    spectrogram = spectrograms.TiledSpectrogram(day, 8000)
    tiles = spectrogram.tiles()
    first = [next(tiles) for _ in range(10)]
    assert len(asked) == 9 and max(asked) < 30
    assert [tile.scale for tile in first] == [0] * 8 + [1, 0]
    assert spectrogram.columns[-1] <= 1024


def test_the_shortest_recording_has_a_tile(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0.5]), RATE)
    with open_sound(tmp_path / "a.wav", RATE) as sound:
        (tile,) = spectrograms.TiledSpectrogram(sound, RATE).tiles()
    assert tile.levels.shape == (80, 1)


def test_a_tone_lies_in_its_band(tmp_path):
    tone = 0.5 * np.sin(np.arange(RATE) * 2 * np.pi * 1000 / RATE)
    soundfile.write(tmp_path / "a.wav", tone, RATE)
    with open_sound(tmp_path / "a.wav", RATE) as sound:
        (tile,) = spectrograms.TiledSpectrogram(sound, RATE).tiles()
    centres = librosa.mel_frequencies(82, fmin=0, fmax=RATE / 2, htk=True)
    expected = np.abs(centres[1:-1] - 1000).argmin()
    assert (tile.levels[:, 5:35].argmax(axis=0) == expected).all()
