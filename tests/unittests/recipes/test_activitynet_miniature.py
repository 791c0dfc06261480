"""Tests of the synthetic data set of the ActivityNet recipe.

Authors
 * The speechbrain_pib developers 2026
"""

import json

import librosa
import numpy as np
import pytest

from speechbrain_pib.dataio.video.files import probe_video
from speechbrain_pib.dataio.video.frames import read_frames
from speechbrain_pib.dataio.video.sound import read_sound
from tests.helpers import load_recipe_module

pytest.importorskip("av", reason="writing videos needs PyAV")


miniature = load_recipe_module("ActivityNet", "miniature")
RATE = miniature.SAMPLE_RATE


@pytest.fixture(scope="module")
def videos():
    """Frames, sound, start and class of two videos of each class."""
    rng = np.random.default_rng(3)
    targets = [0, 1, 2, 3, 4, 5] * 2
    return [(*miniature.make_video(t, rng), t) for t in targets]


def pitches(wav):
    """The loudest frequency of each 20 ms."""
    spectrum = np.abs(librosa.stft(wav, n_fft=1024, hop_length=320))
    return spectrum.argmax(axis=0) * RATE / 1024


def level(wav):
    """Mean square in decibels."""
    return 10 * np.log10(np.mean(wav**2) + 1e-12)


def sweeps(wav):
    """How often the pitch goes up and down by a small step."""
    steps = np.diff(pitches(wav)[2:-2])
    return np.sum((20 < steps) & (steps < 200)), np.sum(
        (-200 < steps) & (steps < -20)
    )


def test_the_siren_rises_or_falls_in_its_moment(videos):
    for _, wav, start, target in videos:
        first = round(start * RATE)
        up, down = sweeps(wav[first : first + 22400])
        assert (up > 2 * down) == (target % 2 == 0)
        assert max(up, down) > 20


def test_the_siren_is_not_louder_than_what_distracts():
    rng = np.random.default_rng(0)
    sirens = [level(miniature.make_siren("rising", rng)) for _ in range(50)]
    others = [level(miniature.make_distractor_sound(rng)) for _ in range(150)]
    loud = [value for value in others if value > -60]
    assert 30 < len(others) - len(loud) < 70
    assert abs(np.mean(loud) - np.mean(sirens)) < 1


def test_shapes_are_of_about_the_same_area():
    rng = np.random.default_rng(1)
    areas = {}
    for shape in miniature.SHAPES:
        background = np.zeros((64, 64, 3))
        scenes = [
            miniature.draw_scene(shape, background, rng) for _ in range(20)
        ]
        assert all(len({f.tobytes() for f in scene}) == 7 for scene in scenes)
        areas[shape] = np.mean(np.stack(scenes).max(axis=-1) > 100)
    assert max(areas.values()) < 1.3 * min(areas.values())


def test_files_hold_what_was_made(tmp_path):
    folder = tmp_path / "miniature"
    miniature.write_miniature(str(folder), n_train=6, n_test=6)
    path = folder / "activity_net.v1-3.min.json"
    database = json.loads(path.read_text())["database"]
    assert [e["subset"] for e in database.values()].count("validation") == 6
    for key, entry in database.items():
        video = folder / f"videos/v_{key}.mp4"
        info = probe_video(video)
        assert info.duration == pytest.approx(entry["duration"], abs=0.15)
        assert info.has_audio
        ((start, stop),) = [a["segment"] for a in entry["annotations"]]
        wav, _ = read_sound(video, start, stop, RATE)
        up, down = sweeps(wav.numpy())
        rising = entry["annotations"][0]["label"].endswith("rising")
        assert (up > 2 * down) == rising
    frames = read_frames(video, [0.0, 1.4]).float()
    assert (frames[0] - frames[1]).abs().max() > 50


def test_splits_need_a_video_of_each_class(tmp_path):
    with pytest.raises(ValueError, match="needs 6 videos"):
        miniature.write_miniature(str(tmp_path / "a"), n_train=5)
