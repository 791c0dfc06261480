"""Tests of the preparation and the miniatures of EPIC-KITCHENS-100 and
EPIC-SOUNDS.

Authors
 * The speechbrain_pib developers 2026
"""

import json

import h5py
import numpy as np
import pytest
import torch
from scipy.signal import periodogram

from speechbrain_pib.dataio.audio.crops import read_segment
from speechbrain_pib.dataio.clip_datasets import (
    clip_dataset,
    load_label_encoder,
)
from speechbrain_pib.epic import annotations as epic
from speechbrain_pib.epic.miniature import draw_segments
from tests.helpers import load_recipe_module, read_rows

kitchens = load_recipe_module("EPIC-KITCHENS-100", "epic_prepare")
kitchens_miniature = load_recipe_module("EPIC-KITCHENS-100", "miniature")
sounds = load_recipe_module("EPIC-SOUNDS", "epic_sounds_prepare")
sounds_miniature = load_recipe_module("EPIC-SOUNDS", "miniature")


@pytest.fixture(scope="module")
def kitchens_data(tmp_path_factory):
    """A small miniature of EPIC-KITCHENS-100."""
    folder = tmp_path_factory.mktemp("kitchens") / "data"
    kitchens_miniature.write_miniature(str(folder), n_train=40)
    return folder


@pytest.fixture(scope="module")
def sounds_data(tmp_path_factory):
    """A small miniature of EPIC-SOUNDS."""
    folder = tmp_path_factory.mktemp("sounds") / "data"
    sounds_miniature.write_miniature(str(folder), n_train=40)
    return folder


def prepare_kitchens(data, save, **options):
    """Prepares the miniature of EPIC-KITCHENS-100."""
    lists = data / "epic-kitchens-100-annotations"
    options = {"audio": data / "EPIC_audio.hdf5", **options}
    kitchens.prepare_epic(
        str(lists),
        str(options.pop("audio")),
        str(save),
        train_list=str(lists / "EPIC_100_train.csv"),
        test_list=str(lists / "EPIC_100_validation.csv"),
        valid_fraction=0.3,
        **options,
    )


def modulation_rate(burst, sample_rate):
    """Where the spectrum of the squared signal has its peak, in Hz."""
    rates, power = periodogram(
        burst.numpy().astype(np.float64) ** 2, sample_rate, nfft=65536
    )
    band = (rates > 12) & (rates < 70)
    return rates[band][power[band].argmax()]


def test_actions_become_manifests(kitchens_data, tmp_path):
    lists = kitchens_data / "epic-kitchens-100-annotations"
    hidden = str(lists / "EPIC_100_test_timestamps.csv")
    prepare_kitchens(kitchens_data, tmp_path, submission_list=hidden)
    rows = {
        split: read_rows(tmp_path / f"{split}.csv")
        for split in ("train", "valid", "test", "submission")
    }
    assert len(rows["train"]) + len(rows["valid"]) == 160
    assert {row["label"] for row in rows["submission"]} == {""}
    videos = {
        split: {row["ID"].rsplit("_", 1)[0] for row in rows[split]}
        for split in rows
    }
    assert not videos["train"] & videos["valid"]
    label_encoder = load_label_encoder(tmp_path / "classes.txt")
    assert len(label_encoder) == 11
    for split, ones in (("test", 2), ("submission", 0)):
        dataset = clip_dataset(
            tmp_path / f"{split}.csv",
            label_encoder,
            crop_seconds=2.0,
            sample_rate=16000,
            views=2,
        )
        item = dataset[0]
        assert item["wavs"].shape == (2, 32000)
        assert item["target"].sum() == ones


def test_published_hdf5_gives_the_same_sound_at_its_rate(
    kitchens_data, tmp_path
):
    path = tmp_path / "published.hdf5"
    with (
        h5py.File(kitchens_data / "EPIC_audio.hdf5") as stored,
        h5py.File(path, "w") as published,
    ):
        for name in stored:
            published[name] = stored[name][:] / np.float32(2**15)
    with pytest.raises(ValueError, match="24000 Hz would fit"):
        prepare_kitchens(
            kitchens_data, tmp_path / "a", audio=path, hdf5_sample_rate=16000
        )
    prepare_kitchens(
        kitchens_data, tmp_path / "a", audio=path, hdf5_sample_rate=24000
    )
    prepare_kitchens(kitchens_data, tmp_path / "b")
    row, same = (read_rows(tmp_path / x / "test.csv")[5] for x in "ab")
    start = float(row["start"])
    wavs = [
        read_segment(one.pop("wav"), start, 0.5, 16000) for one in (row, same)
    ]
    assert row == same
    torch.testing.assert_close(*wavs, rtol=0, atol=2e-4)


def test_classes_beyond_the_lists_are_an_error(tmp_path):
    path = tmp_path / "EPIC_100_train.csv"
    header = "narration_id,participant_id,video_id,start_timestamp"
    path.write_text(
        f"{header},stop_timestamp,verb_class,noun_class\n"
        "P01_11_0,P01,P01_11,00:00:00.00,00:00:01.89,0,2\n"
    )
    classes = (["verb:take"], ["noun:tap", "noun:pan"])
    with pytest.raises(ValueError, match="P01_11_0 has the classes .0, 2."):
        kitchens.read_labelled(str(path), classes)


def test_real_labels_are_verb_and_noun(shared):
    folder = shared / "data/annotations/epic_kitchens_100"
    classes = kitchens.list_classes(
        folder / "EPIC_100_verb_classes.csv",
        folder / "EPIC_100_noun_classes.csv",
    )
    assert [len(task) for task in classes] == [97, 300]
    segments = kitchens.read_labelled(
        folder / "EPIC_100_validation.csv", classes
    )
    assert segments[0]["label"] == "verb:take|noun:plate"
    assert not any("|" in name for task in classes for name in task)


def test_real_sounds_have_their_names(shared):
    path = shared / "data/annotations/epic_sounds/EPIC_Sounds_validation.csv"
    classes = epic.read_sound_classes([path])
    segments = sounds.read_labelled(path, classes)
    names = [row["class"] for row in epic.read_table(path)]
    assert [segment["label"] for segment in segments] == names
    assert not any("|" in name for name in classes)


def test_sounds_become_manifests(sounds_data, tmp_path):
    lists = sounds_data / "epic-sounds-annotations"
    sounds.prepare_epic_sounds(
        str(sounds_data / "EPIC_audio.hdf5"),
        str(tmp_path),
        train_list=str(lists / "EPIC_Sounds_train.csv"),
        test_list=str(lists / "EPIC_Sounds_validation.csv"),
        submission_list=str(
            lists / "EPIC_Sounds_recognition_test_timestamps.csv"
        ),
        video_info=str(lists / "EPIC_100_video_info.csv"),
        valid_fraction=0.3,
    )
    coverage = json.loads((tmp_path / "coverage.json").read_text())
    counts = {split: part["found"] for split, part in coverage.items()}
    assert counts["train"] + counts["valid"] == 160
    assert (counts["test"], counts["submission"]) == (80, 20)
    classes = (tmp_path / "classes.txt").read_text().splitlines()
    assert classes[:2] == ["swells at 20 Hz", "swells at 25 Hz"]


def test_bursts_of_the_miniature_have_the_rate_of_their_class(sounds_data):
    path = f"{sounds_data}/EPIC_audio.hdf5::P01_100"
    lists = sounds_data / "epic-sounds-annotations"
    rows = read_rows(lists / "EPIC_Sounds_validation.csv")
    for row in [row for row in rows if row["video_id"] == "P01_100"][:5]:
        start = int(row["start_sample"]) / 24000
        seconds = int(row["stop_sample"]) / 24000 - start
        wav = read_segment(path, start, seconds, 24000)
        energy = torch.nn.functional.avg_pool1d(wav[None] ** 2, 9600, 240)
        first = 240 * int(energy.argmax())
        rate = modulation_rate(wav[first : first + 9600], 24000)
        expected = int(row["class"].split()[2])
        assert rate == pytest.approx(expected, abs=3)


def test_annotations_of_the_miniature_have_the_official_columns(
    kitchens_data, sounds_data, shared
):
    for data, folder, real in (
        (kitchens_data, "epic-kitchens-100-annotations", "epic_kitchens_100"),
        (sounds_data, "epic-sounds-annotations", "epic_sounds"),
    ):
        official = {
            path.name: path.read_text().splitlines()[0]
            for path in (shared / "data/annotations" / real).glob("*.csv")
        }
        made = {
            path.name: path.read_text().splitlines()[0]
            for path in (data / folder).glob("*.csv")
        }
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
