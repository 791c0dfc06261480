"""Tests of the pictures of replays: they are what the model heard.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_pib.dataio.timelines.blocks import open_sound
from speechbrain_pib.inference.reports.replays import Replay, draw_passes
from speechbrain_pib.lobes.features import MultiHopFbank

WINDOW = 1.5  # seconds, where the window begins


@pytest.fixture
def heard(exported, tmp_path):
    """What a model with two replays heard in a window of a recording, the
    window, and the opened recording."""
    rate = exported.model.fbank.sample_rate
    wav = 0.1 * torch.randn(3 * rate)
    soundfile.write(tmp_path / "a.wav", wav.numpy(), rate, "FLOAT")
    first = int(WINDOW * rate)
    with torch.no_grad():
        output = exported.model(wav[None, first : first + rate])
    segments = [
        [(WINDOW + start, WINDOW + stop) for start, stop in replay]
        for replay in output.segments[0][:-1]
    ]
    assert segments[-1]
    with open_sound(tmp_path / "a.wav", rate) as sound:
        yield output, Replay(WINDOW, WINDOW + 1, segments, {}), sound


def test_pictures_show_what_the_model_was_given(heard, exported):
    output, window, sound = heard
    pictures = draw_passes(window, sound, [exported.model.fbank] * 2, 1)
    shown = [output.log_mel[index][0].T.numpy() for index in (0, -1)]
    shown = np.stack(shown)  # [2, bands, T]
    lowest, highest = np.percentile(shown, [2, 99.8])
    expected = 255 * ((shown - lowest) / (highest - lowest)).clip(0, 1)
    for picture, levels in zip(pictures, expected):
        assert np.abs(picture.levels - levels).max() <= 1


def test_knots_are_the_models_time_map(heard, exported):
    output, window, sound = heard
    fbank = exported.model.fbank
    pictures = draw_passes(window, sound, [fbank] * 2, 1)
    frames = np.arange(fbank.n_frames) + 0.5
    for picture, index in zip(pictures, (0, -1)):
        seconds = np.interp(frames, *zip(*picture.knots))
        expected = WINDOW + output.centres[index][0].numpy() / fbank.sample_rate
        assert np.abs(seconds - expected).max() < 1e-5
        assert picture.knots[0][0] == 0
        assert picture.knots[-1][0] == pytest.approx(fbank.n_frames)


@pytest.mark.parametrize("segment", [(4.0, 4.395), (5.905, 6.0), (4.0, 6.0)])
def test_segments_at_the_ends_are_replayed_to_the_ends(tmp_path, segment):
    fbank = MultiHopFbank(hop_length=160, n_frames=200)
    soundfile.write(tmp_path / "a.wav", np.full(16000 * 8, 0.1), 16000)
    with open_sound(tmp_path / "a.wav", 16000) as sound:
        window = Replay(4.0, 6.0, [[segment]], {})
        _, replay = draw_passes(window, sound, [fbank] * 2, 3)
    frames, seconds = map(np.array, zip(*replay.knots))
    hops = np.diff(seconds) / np.diff(frames)
    if segment == (4.0, 6.0):
        # The last base frame ends half a hop before the window does.
        assert len(hops) == 1
        return
    first, second = hops if segment[0] == 4.0 else hops[::-1]
    assert second / first == pytest.approx(4)


def test_a_window_may_end_behind_the_recording(tmp_path):
    fbank = MultiHopFbank(hop_length=160, n_frames=200)
    noise = 0.1 * torch.randn(16000)
    soundfile.write(tmp_path / "a.wav", noise.numpy(), 16000)
    with open_sound(tmp_path / "a.wav", 16000) as sound:
        window = Replay(0.0, 1.0, [[(0.2, 0.4)]], {})
        first, replay = draw_passes(window, sound, [fbank] * 2, 1)
    assert first.levels.shape == replay.levels.shape == (64, 200)
    assert first.levels[:, 105:].max() == 0
