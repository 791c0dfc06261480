"""Tests of the miniature that both EPIC recipes train on.

Authors
 * The speechbrain_pib developers 2026
"""

import csv

import h5py
import numpy as np
import pytest
import torch
from scipy.signal import periodogram

from speechbrain_pib.dataio.audio.crops import read_segment
from speechbrain_pib.epic.annotations import read_segments, read_video_durations
from speechbrain_pib.epic.miniature import draw_segments, write_miniature

RATE = 24000
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


def loudest_burst(miniature, video, start, stop):
    """The loudest 0.4 s of a segment."""
    wav = read_segment(
        f"{miniature}/EPIC_audio.hdf5::{video}", start, stop - start, RATE
    )
    energy = torch.nn.functional.avg_pool1d(wav[None] ** 2, 9600, 240)
    first = 240 * int(energy.argmax())
    return wav[first : first + 9600].numpy().astype(np.float64)


def modulation_rate(burst):
    """Where the spectrum of the squared signal has its peak, in Hz."""
    rates, power = periodogram(burst**2, RATE, nfft=65536)
    band = (rates > 12) & (rates < 70)
    return rates[band][power[band].argmax()]


def test_sounds_have_the_rate_of_their_class(miniature):
    rows = read_rows(f"{miniature}/{SOUNDS}validation.csv")
    for row in [row for row in rows if row["video_id"] == "P01_100"][:5]:
        times = (
            int(row[f"{side}_sample"]) / RATE for side in ("start", "stop")
        )
        rate = modulation_rate(loudest_burst(miniature, "P01_100", *times))
        assert rate == pytest.approx(int(row["class"].split()[2]), abs=3)


def test_actions_have_the_rate_of_their_verb_and_the_band_of_their_noun(
    miniature,
):
    segments = read_segments(f"{miniature}/{KITCHENS}validation.csv")
    verbs, nouns = (
        [row["key"] for row in read_rows(f"{miniature}/{KITCHENS}{task}.csv")]
        for task in ("verb_classes", "noun_classes")
    )
    for action in [s for s in segments if s["video"] == "P02_100"][:5]:
        verb, noun = action["classes"]
        burst = loudest_burst(
            miniature, "P02_100", action["start"], action["stop"]
        )
        rate = int(verbs[verb].split("-")[1])
        assert modulation_rate(burst) == pytest.approx(rate, abs=3)
        low, high = map(int, nouns[noun].split(":")[1].split("-")[:2])
        frequencies, power = periodogram(burst, RATE)
        inside = (frequencies > low - 100) & (frequencies < high + 100)
        assert power[inside].sum() > 0.95 * power.sum()


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
