"""Tests of the synthetic data set of the VGG-Sound recipe.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
from collections import Counter

import numpy as np
import pytest
import soundfile
from scipy.signal import periodogram

from tests.helpers import load_recipe_module, read_rows

miniature = load_recipe_module("VGGSound", "miniature")
vggsound = load_recipe_module("VGGSound", "vggsound_prepare")
BURST, RATE = 6400, 16000


@pytest.fixture(scope="module")
def clips():
    """Targets, waveforms and needle starts of 120 clips."""
    targets = np.arange(120) % 6
    waveforms, starts = miniature.make_clips(targets, np.random.default_rng(5))
    return targets, waveforms, starts


def modulation_rate(segment):
    """Where the spectrum of the squared signal has its peak, in Hz."""
    rates, power = periodogram(
        segment.astype(np.float64) ** 2, RATE, nfft=65536, detrend="constant"
    )
    band = (rates > 12) & (rates < 70)
    return rates[band][power[band].argmax()]


def loud_blocks(waveform, size=160):
    """Which blocks of 10 ms are 9 dB above the median level."""
    level = (waveform.reshape(-1, size) ** 2).mean(axis=1)
    return level > 8 * np.median(level)


def test_needles_are_modulated_at_the_rate_of_their_class(clips):
    for target, waveform, start in zip(*clips):
        rate = modulation_rate(waveform[start : start + BURST])
        assert rate == pytest.approx(miniature.RATES[target], abs=2.0)


def test_a_distractor_of_the_same_level_stands_apart(clips):
    for _, waveform, start in zip(*clips):
        outside = waveform.copy()
        outside[max(start - 160, 0) : start + BURST + 160] = 0
        energy = np.cumsum(np.append(0.0, outside.astype(np.float64) ** 2))
        energy = energy[BURST:] - energy[:-BURST]
        place = energy.argmax()
        level = energy[place] / (waveform[start : start + BURST] ** 2).sum()
        assert 0.75 < level < 1.33
        assert abs(place - start) >= BURST + 0.05 * RATE
        assert 30 < loud_blocks(outside).sum() < 50


def test_places_are_random(clips):
    _, waveforms, starts = clips
    centres = (starts + BURST / 2) / waveforms.shape[1]
    assert centres.min() < 0.15 and centres.max() > 0.85
    assert centres.mean() == pytest.approx(0.5, abs=0.08)


def test_nothing_clips(clips):
    assert np.abs(clips[1]).max() < 1


def test_depth_is_full_unless_asked_otherwise():
    def depth(min_depth):
        rng = np.random.default_rng(1)
        waveforms, starts = miniature.make_clips(
            np.zeros(50, int), rng, min_depth
        )
        needles = [w[s : s + BURST] for w, s in zip(waveforms, starts)]
        power = np.square(needles).reshape(50, -1, 80).mean(axis=2)
        return np.sqrt(
            np.quantile(power, 0.05, axis=1) / np.quantile(power, 0.95, axis=1)
        )

    assert depth(1.0).max() < 0.2
    assert depth(0.2).max() > 0.5


def test_layout_is_that_of_vggsound(tmp_path):
    folder = tmp_path / "mini"
    miniature.write_miniature(str(folder), n_train=60, n_test=12)
    with open(folder / "vggsound.csv", newline="") as file:
        rows = list(csv.reader(file))
    splits = Counter((row[3], row[2]) for row in rows)
    assert sorted(splits.values()) == [2] * 6 + [10] * 6
    vggsound.prepare_vggsound(
        str(folder),
        [str(folder / "vggsound.csv")],
        str(folder / "classes.txt"),
        str(tmp_path / "save"),
        valid_fraction=0.2,
    )
    assert not read_rows(tmp_path / "save" / "missing.csv")
    row = read_rows(tmp_path / "save" / "test.csv")[0]
    info = soundfile.info(row["wav"])
    assert (info.samplerate, info.channels, info.subtype) == (
        16000,
        1,
        "PCM_16",
    )
    assert float(row["duration"]) == 2.5
    length = float(row["event_stop"]) - float(row["event_start"])
    assert length == pytest.approx(0.4)
    begin = round(float(row["event_start"]) * RATE)
    waveform, _ = soundfile.read(row["wav"])
    rate = modulation_rate(waveform[begin : begin + BURST])
    assert row["label"] == f"modulated burst {round(rate / 5) * 5} Hz"


def test_complete_folder_is_reused_and_others_replaced(tmp_path):
    folder = tmp_path / "mini"
    clip = folder / "audio" / "mini0000003_000000.wav"

    def write(seed):
        miniature.write_miniature(str(folder), seed=seed, n_train=6, n_test=6)
        return clip.stat().st_mtime_ns, clip.read_bytes()

    time, audio = write(1)
    assert write(1) == (time, audio)
    assert write(2)[1] != audio
    assert write(1)[1] == audio


def test_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(path, rows):
        raise KeyboardInterrupt

    monkeypatch.setattr(miniature, "write_rows", interrupt)
    with pytest.raises(KeyboardInterrupt):
        miniature.write_miniature(str(tmp_path / "mini"), n_train=6, n_test=6)
    assert not list(tmp_path.iterdir())


def test_foreign_folder_is_not_touched(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match="holds no miniature"):
        miniature.write_miniature(str(tmp_path))
    assert (tmp_path / "thesis.tex").read_text() == "mine"


@pytest.mark.parametrize(
    "options", [{"n_train": 5}, {"n_test": 0}, {"min_depth": 0.0}]
)
def test_senseless_parameters_are_an_error(tmp_path, options):
    with pytest.raises(ValueError):
        miniature.write_miniature(str(tmp_path / "mini"), **options)
