"""Long recordings of scenes, compared with the scenes they are made of.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest
import soundfile

from speechbrain_pib.dataio.scene_mixing import SceneSettings
from speechbrain_pib.dataio.scenes import make_scenes
from speechbrain_pib.dataio.timelines import scene_streams
from speechbrain_pib.dataio.timelines.formats import read_events
from speechbrain_pib.dataio.timelines.scene_streams import join_scenes
from tests.helpers import power_of_band, write_esc50

RATE = 8000
TONES = {"cat": 1000, "dog": 2000}
SEAM = 0.05


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Scenes of 1 s of two folds: beeps of cats and dogs in noise, or none."""
    folder = tmp_path_factory.mktemp("scenes")
    rng = np.random.default_rng(0)
    time = np.arange(RATE) / RATE
    clips = {}
    for fold in (1, 2):
        for category in ("rain", "wind", *TONES):
            samples = 0.1 * rng.standard_normal(RATE)
            if category in TONES:
                beep = np.sin(2 * np.pi * TONES[category] * time)
                samples = np.where(time < 0.4, beep, 0)
            clips[fold, f"{fold}{category}", "A", category] = samples
    write_esc50(folder / "corpus", clips, RATE)
    settings = SceneSettings(
        scenes_per_fold=18,
        seconds=1.0,
        event_seconds=(0.2, 0.3),
        snr=(20.0, 20.0),
        distractors=0,
        sample_rate=RATE,
        background_class="background",
    )
    make_scenes(str(folder / "corpus"), str(folder / "scenes"), settings)
    return folder / "scenes"


def test_each_scene_is_heard_once(scenes, tmp_path):
    stream = join_scenes(scenes, tmp_path / "all.wav", 1)
    assert stream.duration == pytest.approx(18 * (1 - SEAM) + SEAM)
    info = soundfile.info(stream.path)
    assert info.duration == pytest.approx(stream.duration, abs=1e-9)
    assert (info.samplerate, info.subtype) == (RATE, "PCM_16")
    labels = [event.label for event in stream.events]
    assert sorted(labels) == ["cat"] * 6 + ["dog"] * 6
    assert labels != sorted(labels)


def test_events_are_where_the_table_says(scenes, tmp_path):
    stream = join_scenes(scenes, tmp_path / "day.wav", 2, seconds=60)
    events = read_events(tmp_path / "day.csv")
    assert [event[:3] for event in events] == [
        (label, pytest.approx(start, abs=1e-6), pytest.approx(stop, abs=1e-6))
        for label, start, stop, *_ in stream.events
    ]
    sound, _ = soundfile.read(stream.path)
    assert abs(len(sound) / RATE - 60) < 1
    for label, tone in TONES.items():
        power = power_of_band(sound, (tone - 50, tone + 50), RATE)
        inside = np.zeros(len(sound), bool)
        for event in events:
            if event.label == label:
                inside[round(event.start * RATE) : round(event.stop * RATE)] = 1
        # A band of 100 Hz of the noise is 16 dB below all of it.
        found = np.convolve(power, np.ones(400) / 400, mode="same") > 0.01
        assert np.mean(found == inside) > 0.97


def test_a_scene_goes_over_into_the_next_one(scenes, tmp_path, monkeypatch):
    def read_ones(path, rate, dtype):
        return np.full(RATE, 0.5, np.float32), rate

    monkeypatch.setattr(scene_streams, "read_samples", read_ones)
    stream = join_scenes(scenes, tmp_path / "all.wav", 1)
    np.testing.assert_allclose(soundfile.read(stream.path)[0], 0.5, atol=1e-4)


def test_events_are_as_sparse_as_asked(scenes, tmp_path):
    stream = join_scenes(
        scenes, tmp_path / "a.wav", 1, seconds=190, event_every=3.8
    )
    assert len(stream.events) == 50
    starts = np.array([event.start for event in stream.events])
    # One in each stretch of four scenes, at any of the four places.
    assert (starts // 3.8).tolist() == list(range(50))
    assert set((starts % 3.8) // 0.95) == {0, 1, 2, 3}


@pytest.mark.parametrize("scenes_of_a_period", [1.5, 1.8, 3.3])
def test_events_are_as_many_as_asked_at_any_period(
    scenes, tmp_path, scenes_of_a_period
):
    stream = join_scenes(
        scenes,
        tmp_path / "a.wav",
        1,
        seconds=0.95 * 600,
        event_every=0.95 * scenes_of_a_period,
    )
    expected = 600 / scenes_of_a_period
    assert len(stream.events) == pytest.approx(expected, abs=2)


def test_the_seed_tells_the_order(scenes, tmp_path):
    def join(name, seed):
        stream = join_scenes(scenes, tmp_path / name, 1, seed=seed)
        return (tmp_path / name).read_bytes(), stream.events

    assert join("a.wav", 1) == join("b.wav", 1)
    assert join("a.wav", 1)[1] != join("c.wav", 2)[1]


def test_what_was_there_stays_if_it_fails(scenes, tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    join_scenes(scenes, path, 1)
    before = path.read_bytes()

    def fail(*arguments):
        raise OSError("no disk")

    monkeypatch.setattr(scene_streams, "read_samples", fail)
    with pytest.raises(OSError, match="no disk"):
        join_scenes(scenes, path, 1)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "a.wav"]


@pytest.mark.parametrize(
    "fold, options, message",
    [
        (3, {}, r"has scenes of \[1, 2\], but not of 3"),
        (1, {"event_every": 0.5}, "cannot be so frequent"),
        (1, {"seconds": 1e6}, "a WAV file holds no"),
    ],
)
def test_what_cannot_be_is_said(scenes, tmp_path, fold, options, message):
    with pytest.raises(ValueError, match=message):
        join_scenes(scenes, tmp_path / "a.wav", fold, **options)
    assert not list(tmp_path.iterdir())


def test_a_folder_without_scenes_is_named(tmp_path):
    with pytest.raises(ValueError, match="holds no scenes; make some"):
        join_scenes(tmp_path, tmp_path / "a.wav", 1)
