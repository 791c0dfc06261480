"""Tests of the synthetic data set of the VGG-Sound recipe.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
from collections import Counter

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

miniature = load_recipe_module("VGGSound", "miniature")
vggsound = load_recipe_module("VGGSound", "vggsound_prepare")
BURST, RATE = 6400, 16000


@pytest.fixture(scope="module")
def clips():
    """Targets, waveforms and needle starts in samples of 200 clips."""
    rng = np.random.default_rng(5)
    made = [miniature.make_needle_clip(n % 4, rng) for n in range(200)]
    return [
        (index % 4, waveform, round(start * RATE))
        for index, (waveform, start) in enumerate(made)
    ]


def swelling(waveform, start, band):
    """The rate at which a burst of a band swells."""
    power = power_of_band(waveform, band, RATE)[start : start + BURST]
    return strongest_rate(power, np.arange(BURST) / RATE, RATES)


def test_needles_swell_at_the_rate_of_their_class(clips):
    correct = [
        swelling(waveform, start, NEEDLE_BAND) == RATES[target]
        for target, waveform, start in clips
    ]
    assert np.mean(correct) > 0.97


def test_needles_begin_where_they_are_said_to(clips):
    errors = [
        find_bursts(waveform, NEEDLE_BAND, RATE, BURST, 1)[0] - start
        for _, waveform, start in clips
    ]
    assert np.median(np.abs(errors)) < 80
    # A burst may begin in the trough of a swell.
    assert np.abs(errors).max() < 320


def test_decoys_mislead_at_the_rates_of_other_classes(clips):
    """Were they drawn of all rates, a quarter would tell the class."""
    numbers, told = Counter(), []
    for target, waveform, start in clips:
        decoys = find_bursts(waveform, DECOY_BAND, RATE, BURST, 2, level=-24)
        numbers[len(decoys)] += 1
        for decoy in decoys:
            assert abs(decoy - start) > BURST
            rate = swelling(waveform, decoy, DECOY_BAND)
            told.append(rate == RATES[target])
    assert all(45 < numbers[count] < 90 for count in range(3))
    assert np.mean(told) < 0.02


def test_decoys_are_louder_than_needles(clips):
    for _, waveform, start in clips:
        needle = np.mean(waveform[start : start + BURST] ** 2)
        for decoy in find_bursts(
            waveform, DECOY_BAND, RATE, BURST, 2, level=-24
        ):
            assert np.mean(waveform[decoy : decoy + BURST] ** 2) > 2 * needle


def test_places_are_random_and_do_not_depend_on_the_class(clips):
    centres = np.array([start + BURST / 2 for *_, start in clips]) / 32000
    assert centres.min() < 0.15 and centres.max() > 0.85
    assert centres.mean() == pytest.approx(0.5, abs=0.06)
    for target in range(4):
        assert centres[target::4].mean() == pytest.approx(0.5, abs=0.12)


def test_nothing_clips(clips):
    assert max(np.abs(waveform).max() for _, waveform, _ in clips) < 1


def test_layout_is_that_of_vggsound(tmp_path):
    folder = tmp_path / "mini"
    miniature.write_miniature(str(folder), n_train=60, n_test=12)
    with open(folder / "vggsound.csv", newline="") as file:
        rows = list(csv.reader(file))
    splits = Counter((row[3], row[2]) for row in rows)
    assert sorted(splits.values()) == [3] * 4 + [15] * 4
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
    assert float(row["duration"]) == 2.0
    length = float(row["event_stop"]) - float(row["event_start"])
    assert length == pytest.approx(0.4)
    begin = round(float(row["event_start"]) * RATE)
    waveform, _ = soundfile.read(row["wav"])
    rate = swelling(waveform, begin, NEEDLE_BAND)
    assert row["label"] == f"modulated burst {rate} Hz"


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


@pytest.mark.parametrize("options", [{"n_train": 3}, {"n_test": 0}])
def test_a_split_without_a_clip_of_each_class_is_an_error(tmp_path, options):
    with pytest.raises(ValueError, match="each split needs 4 clips"):
        miniature.write_miniature(str(tmp_path / "mini"), **options)


def test_a_folder_of_another_recipe_is_replaced_by_its_own(tmp_path):
    """Both hold a miniature.json of the same seed and sizes."""
    folder = tmp_path / "mini"
    audioset = load_recipe_module("AudioSet", "miniature")
    audioset.write_miniature(str(folder), seed=1, n_train=8, n_test=8)
    miniature.write_miniature(str(folder), seed=1, n_train=8, n_test=8)
    assert (folder / "vggsound.csv").exists()
    assert not (folder / "eval_segments.csv").exists()
