"""Tests of the synthetic data set of the AudioSet recipe.

Authors
 * The speechbrain_pib developers 2026
"""

import re

import numpy as np
import pytest
import soundfile

from speechbrain_pib.dataio.bursts import DECOY_BAND, NEEDLE_BAND, RATES
from tests.helpers import (
    find_bursts,
    load_recipe_module,
    power_of_band,
    read_rows,
    strongest_rate,
)

BURST, RATE = 6400, 16000


miniature = load_recipe_module("AudioSet", "miniature")
audioset = load_recipe_module("AudioSet", "audioset_prepare")


@pytest.fixture(scope="module")
def clips():
    """Waveforms and present classes of 200 clips."""
    rng = np.random.default_rng(5)
    return [miniature.make_needle_clip(rng) for _ in range(200)]


def swelling(waveform, start, band):
    """The rate at which a burst of a band swells."""
    power = power_of_band(waveform, band, RATE)[start : start + BURST]
    return strongest_rate(power, np.arange(BURST) / RATE, RATES)


def test_classes_are_the_rate_of_the_needle_and_its_parent(clips):
    correct, counts = 0, np.zeros(len(miniature.CLASSES))
    for waveform, (target, parent) in clips:
        (start,) = find_bursts(waveform, NEEDLE_BAND, RATE, BURST, 1)
        counts[[target, parent]] += 1
        correct += swelling(waveform, start, NEEDLE_BAND) == RATES[target]
        assert ("slow" in miniature.CLASSES[parent]) == (RATES[target] < 80)
    assert correct / len(clips) > 0.97
    assert counts.min() > 30


def test_decoys_swell_at_other_rates_than_the_needle(clips):
    told = [
        swelling(waveform, decoy, DECOY_BAND) == RATES[present[0]]
        for waveform, present in clips
        for decoy in find_bursts(
            waveform, DECOY_BAND, RATE, BURST, 2, level=-24
        )
    ]
    assert len(told) > 150
    assert np.mean(told) < 0.02


def test_clips_are_as_long_as_each_other_and_nothing_clips(clips):
    assert {len(waveform) for waveform, _ in clips} == {32000}
    assert max(np.abs(waveform).max() for waveform, _ in clips) < 1


def test_layout_is_that_of_audioset(tmp_path):
    folder = tmp_path / "mini"
    miniature.write_miniature(str(folder), n_train=40, n_test=10)
    head = (folder / "eval_segments.csv").read_text().splitlines()[:4]
    assert head[1] == "# num_ytids=10, num_segs=10"
    assert re.fullmatch(
        r'[\w-]{11}, \d+\.000, \d+\.\d{3}, "/t/mini\d{2}(,/t/mini\d{2})*"',
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
    assert "burst that swells at " in rows[0]["label"]


def test_the_seed_tells_everything(tmp_path):
    def write(name, seed):
        folder = tmp_path / name
        miniature.write_miniature(str(folder), seed=seed, n_train=4, n_test=2)
        return {
            path.name: path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }

    one, same, other = write("a", 1), write("b", 1), write("c", 2)
    assert one == same
    assert one.keys() == other.keys() and one != other
