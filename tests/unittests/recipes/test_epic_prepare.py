"""Tests of the preparation of EPIC-KITCHENS-100 and EPIC-SOUNDS.

Authors
 * The speechbrain_pib developers 2026
"""

import json

import h5py
import numpy as np
import pytest
import torch

from speechbrain_pib.dataio.audio.crops import read_segment
from speechbrain_pib.dataio.clip_datasets import (
    clip_dataset,
    load_label_encoder,
)
from speechbrain_pib.epic.annotations import read_sound_classes, read_table
from speechbrain_pib.epic.miniature import write_miniature
from speechbrain_pib.epic.preparation import read_labelled
from tests.helpers import load_recipe_module, read_rows

kitchens = load_recipe_module("EPIC-KITCHENS-100", "epic_prepare")
sounds = load_recipe_module("EPIC-SOUNDS", "epic_sounds_prepare")


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    """A small miniature of both data sets."""
    folder = tmp_path_factory.mktemp("epic") / "data"
    write_miniature(str(folder), n_train=40)
    return folder


def prepare_kitchens(data, save, **options):
    """Prepares the actions of the miniature."""
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


def test_actions_become_manifests(miniature, tmp_path):
    lists = miniature / "epic-kitchens-100-annotations"
    hidden = str(lists / "EPIC_100_test_timestamps.csv")
    prepare_kitchens(miniature, tmp_path, submission_list=hidden)
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
    assert len(label_encoder) == 8
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


def test_published_hdf5_gives_the_same_sound_at_its_rate(miniature, tmp_path):
    path = tmp_path / "published.hdf5"
    with (
        h5py.File(miniature / "EPIC_audio.hdf5") as stored,
        h5py.File(path, "w") as published,
    ):
        for name in stored:
            published[name] = stored[name][:] / np.float32(2**15)
    with pytest.raises(ValueError, match="24000 Hz would fit"):
        prepare_kitchens(
            miniature, tmp_path / "a", audio=path, hdf5_sample_rate=16000
        )
    prepare_kitchens(
        miniature, tmp_path / "a", audio=path, hdf5_sample_rate=24000
    )
    prepare_kitchens(miniature, tmp_path / "b")
    row, same = (read_rows(tmp_path / x / "test.csv")[5] for x in "ab")
    start = float(row["start"])
    wavs = [
        read_segment(one.pop("wav"), start, 0.5, 16000) for one in (row, same)
    ]
    assert row == same
    torch.testing.assert_close(*wavs, rtol=0, atol=2e-4)


def test_real_labels_are_verb_and_noun(shared):
    folder = shared / "data/annotations/epic_kitchens_100"
    classes = kitchens.list_classes(
        folder / "EPIC_100_verb_classes.csv",
        folder / "EPIC_100_noun_classes.csv",
    )
    assert [len(task) for task in classes] == [97, 300]
    segments = read_labelled(folder / "EPIC_100_validation.csv", classes)
    assert segments[0]["label"] == "verb:take|noun:plate"
    assert not any("|" in name for task in classes for name in task)


def test_real_sounds_have_their_names(shared):
    path = shared / "data/annotations/epic_sounds/EPIC_Sounds_validation.csv"
    classes = read_sound_classes([path])
    segments = read_labelled(path, [classes])
    names = [row["class"] for row in read_table(path)]
    assert [segment["label"] for segment in segments] == names
    assert not any("|" in name for name in classes)


def test_sounds_become_manifests(miniature, tmp_path):
    lists = miniature / "epic-sounds-annotations"
    sounds.prepare_epic_sounds(
        str(miniature / "EPIC_audio.hdf5"),
        str(tmp_path),
        train_list=str(lists / "EPIC_Sounds_train.csv"),
        test_list=str(lists / "EPIC_Sounds_validation.csv"),
        submission_list=str(
            lists / "EPIC_Sounds_recognition_test_timestamps.csv"
        ),
        video_info=str(
            miniature / "epic-kitchens-100-annotations/EPIC_100_video_info.csv"
        ),
        valid_fraction=0.3,
    )
    coverage = json.loads((tmp_path / "coverage.json").read_text())
    counts = {split: part["found"] for split, part in coverage.items()}
    assert counts["train"] + counts["valid"] == 160
    assert (counts["test"], counts["submission"]) == (100, 40)
    classes = (tmp_path / "classes.txt").read_text().splitlines()
    assert classes[0] == "swells at 55 Hz"


@pytest.fixture
def make_brain():
    """Makes the Brain of EPIC-KITCHENS-100 for a folder of annotations."""
    train = load_recipe_module("EPIC-KITCHENS-100", "train")

    def make(folder):
        return train.EpicBrain(
            modules={"model": torch.nn.Identity()},
            hparams={
                "annotation_folder": str(folder),
                "tasks": [4, 4],
                "ema_decay": None,
            },
            label_encoder=None,
            coverage={},
        )

    return make


def test_a_brain_knows_the_rare_classes_before_the_training(
    make_brain, miniature
):
    brain = make_brain(miniature / "epic-kitchens-100-annotations")
    assert brain.groups == {
        "unseen_participants": ["P05"],
        "tail_verbs": [1],
        "tail_nouns": [2],
    }


def test_rare_classes_that_are_not_there_are_an_error(
    make_brain, miniature, tmp_path
):
    with pytest.raises(ValueError, match="there is no folder .*gone"):
        make_brain(tmp_path / "gone")
    lists = miniature / "epic-kitchens-100-annotations"
    for path in lists.glob("EPIC_100_*.csv"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "EPIC_100_tail_nouns.csv").write_text("noun\n5\n")
    with pytest.raises(ValueError, match="tail_nouns.csv: there are only 4"):
        make_brain(tmp_path)
