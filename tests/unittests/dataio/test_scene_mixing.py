"""Tests of mixing a scene, by tones that a spectrum tells apart.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest

from speechbrain_pib.dataio.scene_mixing import (
    SceneSettings,
    cut_event,
    mix_scene,
    pad_to_frames,
)

RATE = 16000
HUM, BARK, ENGINE = 500, 2000, 4000  # Hz


def tone(frequency, seconds, amplitude=1.0):
    """A sine."""
    time = np.arange(round(seconds * RATE)) / RATE
    return amplitude * np.sin(2 * np.pi * frequency * time)


def burst(frequency, start, stop, amplitude=1.0, seconds=5.0):
    """A sine in silence."""
    samples = np.zeros(round(seconds * RATE))
    first, last = round(start * RATE), round(stop * RATE)
    samples[first:last] = tone(frequency, stop - start, amplitude)
    return samples


def band(waveform, frequency, width=400):
    """What of a waveform is near a frequency."""
    spectrum = np.fft.rfft(waveform.astype(np.float64))
    frequencies = np.fft.rfftfreq(len(waveform), 1 / RATE)
    spectrum[np.abs(frequencies - frequency) > width] = 0
    return np.fft.irfft(spectrum, len(waveform))


def mix(seed=0, distractors=0, **options):
    """A scene of a hum and a bark, and the bounds of its event in samples."""
    settings = SceneSettings(distractors=distractors, **options)
    scene = mix_scene(
        burst(BARK, 2.0, 2.4, 0.3),
        tone(HUM, 5.0, 0.01),
        [burst(ENGINE, 1.0, 1.5, 0.1)] * distractors,
        settings,
        np.random.default_rng(seed),
    )
    return scene, round(scene.start * RATE), round(scene.stop * RATE)


@pytest.mark.parametrize("seed", range(5))
def test_the_event_is_where_the_label_says(seed):
    scene, start, stop = mix(seed, snr=(-20, 10))
    energy = band(scene.waveform, BARK) ** 2
    assert energy[start:stop].sum() > 0.999 * energy.sum()
    # And no longer label than the sound.
    middle = energy[start + 160 : stop - 160].reshape(-1, 160).mean(axis=1)
    assert middle.min() > 0.5 * middle.max()
    assert stop - start == pytest.approx(0.4 * RATE, abs=160)


@pytest.mark.parametrize("snr", [(-10, -10), (0, 10), (15, 15.5)])
def test_the_level_of_the_event_is_that_asked_for(snr):
    for seed in range(5):
        scene, start, stop = mix(seed, snr=snr)
        event = (band(scene.waveform, BARK) ** 2).sum() / (stop - start)
        background = (band(scene.waveform, HUM) ** 2).mean()
        measured = 10 * np.log10(event / background)
        assert snr[0] - 0.1 < measured < snr[1] + 0.1
        assert measured == pytest.approx(scene.snr, abs=0.1)


def test_distractors_lie_beside_the_event_and_are_as_loud():
    for seed in range(10):
        scene, start, stop = mix(
            seed, 2, event_seconds=(0.3, 0.8), snr=(6, 6), seconds=2.4
        )
        energy = band(scene.waveform, ENGINE) ** 2
        assert energy[start:stop].sum() < 0.005 * energy.sum()
        frames = energy.reshape(-1, 160).mean(axis=1)
        level = np.median(frames[frames > 0.1 * frames.max()])
        level /= (band(scene.waveform, HUM) ** 2).mean()
        assert 10 * np.log10(level) == pytest.approx(6, abs=0.5)


def test_places_reach_from_the_beginning_to_the_end():
    spans = [mix(seed, 1, seconds=2.0)[1:] for seed in range(100)]
    starts, stops = np.array(spans).T / RATE
    assert starts.min() < 0.05 and stops.max() > 1.95
    assert ((starts + stops) / 2).mean() == pytest.approx(1.0, abs=0.15)


def test_the_most_energetic_burst_is_cut_to_where_it_sounds():
    quiet, loud = burst(BARK, 0.5, 1.0, 0.1), burst(ENGINE, 3.0, 3.5, 0.2)
    recording = quiet + loud + tone(HUM, 5.0, 0.002)
    event = cut_event(recording, SceneSettings(), 0.9)
    assert len(event) == pytest.approx(0.5 * RATE, abs=160)
    assert (event**2).sum() == pytest.approx((loud**2).sum(), rel=0.05)
    assert len(cut_event(recording, SceneSettings(), 0.35)) == 0.35 * RATE


def test_a_cut_through_a_sound_is_no_click():
    event = cut_event(np.ones(80000), SceneSettings(), 0.5)
    assert len(event) == 0.5 * RATE
    assert np.abs(np.diff(event, prepend=0, append=0)).max() < 0.02
    assert (event[160:-160] == 1).all()


@pytest.mark.parametrize("place", [0, 1, 30000, 79998, 79999])
def test_a_click_is_an_event_of_the_shortest_duration(place):
    recording = np.zeros(80000)
    recording[place] = 0.5
    settings = SceneSettings(event_seconds=(0.2, 1.0))
    event = cut_event(recording, settings, 0.7)
    assert len(event) == 0.2 * RATE
    (heard,) = np.flatnonzero(event)
    if place == 30000:
        assert heard == pytest.approx(0.1 * RATE, abs=160)


def test_a_short_background_goes_on_without_gap_or_seam():
    quiet = tone(1000, 0.5, 1e-4)
    recording = np.concatenate([quiet, tone(95, 1.0), quiet])
    settings = SceneSettings(distractors=0, snr=(-60, -60))
    scene = mix_scene(
        burst(BARK, 2.0, 2.4),
        recording,
        [],
        settings,
        np.random.default_rng(0),
    )
    waveform = scene.waveform / np.abs(scene.waveform).max()
    steps = np.abs(np.diff(waveform))
    assert steps.max() < 1.5 * 2 * np.pi * 95 / RATE
    levels = np.sqrt((waveform.reshape(-1, 800) ** 2).mean(axis=1))
    assert levels.min() > 0.25 * np.median(levels)


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_durations_are_not_shortened_by_rounding(rate):
    settings = SceneSettings(sample_rate=rate)
    for frames in range(5, 200):
        assert settings.count_frames(frames / 100) == frames


def test_a_longer_background_is_heard_from_anywhere():
    sweep = np.concatenate([tone(f, 1.0) for f in (300, 600, 900, 1200)])
    settings = SceneSettings(seconds=1.0, distractors=0, snr=(-60, -60))
    heard = set()
    for seed in range(40):
        scene = mix_scene(
            burst(BARK, 2.0, 2.4),
            sweep,
            [],
            settings,
            np.random.default_rng(seed),
        )
        spectrum = np.abs(np.fft.rfft(scene.waveform))
        heard.add(round(spectrum.argmax() / 300) * 300)
    assert heard == {300, 600, 900, 1200}


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100])
def test_other_rates_have_the_same_durations(rate):
    settings = SceneSettings(sample_rate=rate, seconds=2.0, distractors=1)
    noise = np.random.default_rng(0).standard_normal((3, 2 * rate))
    event, background, distractor = (pad_to_frames(x, settings) for x in noise)
    for seed in range(20):
        scene = mix_scene(
            event,
            background,
            [distractor],
            settings,
            np.random.default_rng(seed),
        )
        assert len(scene.waveform) == 2 * rate
        assert 0.29 <= scene.stop - scene.start <= 1.0


def test_events_may_fill_the_scene():
    """Durations that are no whole numbers of samples, or of frames."""
    settings = SceneSettings(
        sample_rate=1000,
        seconds=0.119,
        event_seconds=(0.0595, 0.0595),
        distractors=1,
    )
    noise = np.random.default_rng(0).standard_normal((3, 200))
    scene = mix_scene(*noise[:2], noise[2:], settings, np.random.default_rng(0))
    assert len(scene.waveform) == 119


@pytest.mark.parametrize(
    "options, message",
    [
        ({"seconds": 1.9}, "2 events of up to 1.0 s do not fit"),
        ({"seconds": float("nan")}, "in scenes of nan s"),
        ({"seconds": 1e9}, "scenes up to 600.0 s"),
        ({"event_seconds": (1.0, 0.5)}, "events of 1.0 s to 0.5 s"),
        ({"event_seconds": (0.0, 0.5)}, "0.05 s or more"),
        ({"event_seconds": (0.1, float("nan"))}, "0.1 s to nan s"),
        ({"snr": (10, 0)}, "the lowest first; got 10 to 0 dB"),
        ({"snr": (0, float("inf"))}, "between -60 and 60 dB"),
        ({"distractors": -1}, "got 800 and -1"),
        ({"scenes_per_fold": 0}, "got 0 and 1"),
        ({"sample_rate": 16}, "between 1000 and 192000 Hz, got 16"),
    ],
)
def test_senseless_settings_are_an_error(options, message):
    with pytest.raises(ValueError, match=message):
        SceneSettings(**options)
