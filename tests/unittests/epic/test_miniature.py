"""Tests of the miniature that both EPIC recipes train on.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
import re

import h5py
import numpy as np
import pytest

from speechbrain_pib.dataio.audio.crops import read_segment
from speechbrain_pib.dataio.bursts import DECOY_BAND, NEEDLE_BAND, RATES
from speechbrain_pib.epic.annotations import read_segments, read_video_durations
from speechbrain_pib.epic.miniature import (
    NOUN_BAND,
    draw_segments,
    make_video_sound,
    write_miniature,
)
from tests.helpers import (
    find_bursts,
    power_of_band,
    strongest_rate,
)

RATE, BURST = 24000, 9600
KITCHENS = "epic-kitchens-100-annotations/EPIC_100_"
SOUNDS = "epic-sounds-annotations/EPIC_Sounds_"


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    """A small one."""
    folder = tmp_path_factory.mktemp("epic") / "miniature"
    write_miniature(str(folder), n_train=40)
    return folder


def read_rows(path):
    """Rows of a CSV file."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def hear_burst(miniature, video, start, stop, band):
    """The loudest 0.4 s of a band in a segment."""
    wav = read_segment(
        f"{miniature}/EPIC_audio.hdf5::{video}", start, stop - start, RATE
    ).numpy()
    (first,) = find_bursts(wav, band, RATE, BURST, 1)
    return wav[first : first + BURST].astype(np.float64)


def swelling(burst, band):
    """The rate at which a burst of a band swells."""
    times = np.arange(len(burst)) / RATE
    return strongest_rate(power_of_band(burst, band, RATE), times, RATES)


def test_sounds_have_the_rate_of_their_class(miniature):
    rows = read_rows(f"{miniature}/{SOUNDS}validation.csv")
    correct = []
    for row in rows:
        times = (
            int(row[f"{side}_sample"]) / RATE for side in ("start", "stop")
        )
        burst = hear_burst(miniature, row["video_id"], *times, NEEDLE_BAND)
        rate = swelling(burst, NEEDLE_BAND)
        correct.append(rate == int(row["class"].split()[2]))
    assert len(correct) == 100 and np.mean(correct) > 0.95


@pytest.mark.parametrize(
    ("task", "band"), [("verb", NEEDLE_BAND), ("noun", NOUN_BAND)]
)
def test_actions_have_the_rates_of_their_verb_and_of_their_noun(
    miniature, task, band
):
    segments = read_segments(f"{miniature}/{KITCHENS}validation.csv")
    rows = read_rows(f"{miniature}/{KITCHENS}{task}_classes.csv")
    rates = [int(re.search(r"\d+", row["key"]).group()) for row in rows]
    correct = []
    for action in segments:
        burst = hear_burst(
            miniature, action["video"], action["start"], action["stop"], band
        )
        index = action["classes"][["verb", "noun"].index(task)]
        correct.append(swelling(burst, band) == rates[index])
    assert len(correct) == 100 and np.mean(correct) > 0.95


def test_decoys_are_where_they_are_said_to_be_and_overlap_with_nothing():
    rng = np.random.default_rng(3)
    segments, seconds = draw_segments(60, rng)
    sounds = sorted(
        [burst for segment in segments for burst in segment["bursts"]]
        + [time for segment in segments for time, _ in segment["decoys"]]
    )
    assert np.diff(sounds).min() > 0.4
    decoys = [decoy for segment in segments for decoy in segment["decoys"]]
    assert 30 < len(decoys) < 55
    for segment in segments:
        segment["swells"] = [(RATES[0], NEEDLE_BAND)]
    wav = make_video_sound(segments, seconds, rng) / 32767
    correct = []
    for time, rate in decoys:
        around = wav[round((time - 0.3) * RATE) : round((time + 0.3) * RATE)]
        (start,) = find_bursts(around, DECOY_BAND, RATE, BURST, 1, level=-24)
        assert start == pytest.approx(0.1 * RATE, abs=0.02 * RATE)
        burst = around[start : start + BURST]
        correct.append(swelling(burst, DECOY_BAND) == rate)
    assert np.mean(correct) > 0.95
    assert len({rate for _, rate in decoys}) == len(RATES)


def test_the_seed_tells_everything(miniature, tmp_path):
    for name, seed in (("same", 1234), ("other", 1)):
        write_miniature(str(tmp_path / name), n_train=40, seed=seed)
    path = f"{KITCHENS}train.csv"
    tables = {
        name: (folder / path).read_text()
        for name, folder in (
            ("first", miniature),
            ("same", tmp_path / "same"),
            ("other", tmp_path / "other"),
        )
    }
    assert tables["first"] == tables["same"] != tables["other"]
    with (
        h5py.File(miniature / "EPIC_audio.hdf5") as first,
        h5py.File(tmp_path / "same/EPIC_audio.hdf5") as same,
    ):
        for video in first:
            assert np.array_equal(first[video], same[video])


def test_actions_and_sounds_of_a_video_lie_apart_in_it(miniature):
    durations = read_video_durations(f"{miniature}/{KITCHENS}video_info.csv")
    with h5py.File(miniature / "EPIC_audio.hdf5") as file:
        stored = {video: len(file[video]) / RATE for video in file}
    assert stored == pytest.approx(durations)
    for split in ("train", "validation"):
        actions, sounds = (
            read_segments(f"{miniature}/{layout}{split}.csv")
            for layout in (KITCHENS, SOUNDS)
        )
        assert len(actions) == len(sounds)
        for action, sound in zip(actions, sounds):
            assert action["video"] == sound["video"]
        for video in {action["video"] for action in actions}:
            last = max(a["stop"] for a in actions if a["video"] == video)
            theirs = [s for s in sounds if s["video"] == video]
            assert min(sound["start"] for sound in theirs) > last
            assert max(s["stop"] for s in theirs) < durations[video]


def test_annotations_have_the_official_columns(miniature, shared):
    for folder, real in (
        ("epic-kitchens-100-annotations", "epic_kitchens_100"),
        ("epic-sounds-annotations", "epic_sounds"),
    ):
        official, made = (
            {
                path.name: path.read_text().splitlines()[0]
                for path in files.glob("*.csv")
            }
            for files in (
                shared / "data/annotations" / real,
                miniature / folder,
            )
        )
        assert made.keys() >= official.keys()
        for name in official:
            assert made[name] == official[name], name


def test_windows_hear_one_burst_whole_and_no_other():
    for seed in range(20):
        segments, seconds = draw_segments(40, np.random.default_rng(seed))
        for index, segment in enumerate(segments):
            middle = (segment["start"] + segment["stop"]) / 2
            others = (
                segments[max(index - 1, 0) : index]
                + segments[index + 1 : index + 2]
            )
            if len(segment["bursts"]) == 1:
                assert abs(segment["bursts"][0] - middle) < 0.8
                for other in others:
                    for burst in other["bursts"]:
                        assert abs(burst - middle) > 1.0
        assert segments[0]["start"] > 0 and seconds > segments[-1]["stop"]
