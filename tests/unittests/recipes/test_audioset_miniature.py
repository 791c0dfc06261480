"""Tests of the synthetic data set of the AudioSet recipe.

Authors
 * The speechbrain_pib developers 2026
"""

import re
from collections import Counter

import numpy as np
import pytest
import soundfile
from scipy.signal import periodogram

from tests.helpers import load_recipe_module, read_rows

BURST, RATE = 6400, 16000


miniature = load_recipe_module("AudioSet", "miniature")
audioset = load_recipe_module("AudioSet", "audioset_prepare")


@pytest.fixture(scope="module")
def clips():
    """Waveforms and present rates of 120 clips."""
    rng = np.random.default_rng(5)
    return [miniature.make_clip(rng) for _ in range(120)]


def loud_stretches(waveform, size=320):
    """Start and stop in samples of what is louder than the background."""
    blocks = waveform[: len(waveform) // size * size].reshape(-1, size)
    level = (blocks**2).mean(axis=1)
    # A swell may fall to the background for a moment.
    loud = level > 4 * np.quantile(level, 0.1)
    loud = np.convolve(loud, np.ones(3), "same") >= 2
    edges = np.flatnonzero(np.diff(np.pad(loud, 1).astype(int)))
    return size * edges.reshape(-1, 2)


def test_one_to_three_rates_that_do_not_alias_onto_each_other(clips):
    numbers = Counter(len(present) for _, present in clips)
    assert all(25 <= numbers[count] <= 55 for count in (1, 2, 3))
    rates = np.array(miniature.RATES)
    for _, present in clips:
        aliases = np.minimum(rates[present], 80 - rates[present])
        assert len(set(aliases)) == len(present)
    counts = Counter(index for _, present in clips for index in present)
    assert min(counts.values()) > 20


def test_present_rates_are_in_the_sound_and_others_are_not(clips):
    shares = {True: [], False: []}
    for waveform, present in clips:
        rates, power = periodogram(waveform**2, RATE, nfft=65536)
        for index, rate in enumerate(miniature.RATES):
            near = power[np.abs(rates - rate) < 1.5].sum()
            band = power[(rates > 15) & (rates < 65)].sum()
            shares[index in present].append(near / band)
    assert np.median(shares[True]) > 4 * np.median(shares[False])


def test_every_clip_has_three_bursts(clips):
    lengths = [np.diff(loud_stretches(waveform)).sum() for waveform, _ in clips]
    assert np.median(lengths) == pytest.approx(3 * BURST, rel=0.15)


def test_lengths_differ_and_nothing_clips(clips):
    seconds = [len(waveform) / RATE for waveform, _ in clips]
    assert 2.0 <= min(seconds) < 2.1 and 2.4 < max(seconds) <= 2.5
    assert max(np.abs(waveform).max() for waveform, _ in clips) < 1


def test_layout_is_that_of_audioset(tmp_path):
    folder = tmp_path / "mini"
    miniature.write_miniature(str(folder), n_train=40, n_test=10)
    head = (folder / "eval_segments.csv").read_text().splitlines()[:4]
    assert head[1] == "# num_ytids=10, num_segs=10"
    assert re.fullmatch(
        r'[\w-]{11}, \d+\.000, \d+\.\d{3}, "/t/mini\d{3}(,/t/mini\d{3})*"',
        head[3],
    )
    audioset.prepare_audioset(
        str(folder),
        str(tmp_path / "save"),
        class_labels=str(folder / "class_labels_indices.csv"),
        segments={
            "balanced": str(folder / "balanced_train_segments.csv"),
            "eval": str(folder / "eval_segments.csv"),
        },
        valid_fraction=0.2,
    )
    rows = read_rows(tmp_path / "save" / "test.csv")
    assert len(rows) == 10
    info = soundfile.info(rows[0]["wav"])
    assert (info.format, info.subtype, info.channels) == ("FLAC", "PCM_16", 1)
    assert float(rows[0]["duration"]) == info.duration
    assert "modulated burst, " in rows[0]["label"]
