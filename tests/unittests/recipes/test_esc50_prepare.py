"""Tests of the preparation and download of ESC-50.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
import json
import zipfile

import pytest
import torch
from speechbrain.dataio import audio_io
from speechbrain.dataio.dataset import DynamicItemDataset

from tests.helpers import load_recipe_module

esc50 = load_recipe_module("ESC50", "esc50_prepare")


@pytest.fixture
def corpus(tmp_path):
    """Three folds of three clips of the classes rain, dog and cat."""
    folder = tmp_path / "ESC-50-master"
    rows = [
        (f"{fold}-{target}-A-{target}.wav", fold, target, name)
        for fold in (1, 2, 3)
        for target, name in enumerate(("rain", "dog", "cat"))
    ]
    (folder / "audio").mkdir(parents=True)
    (folder / "meta").mkdir()
    for row in rows:
        path = str(folder / "audio" / row[0])
        audio_io.save(path, torch.zeros(1, 4410), 44100)
    write_meta(folder, rows)
    return folder


def write_meta(folder, rows):
    """Writes meta/esc50.csv."""
    path = folder / "meta" / "esc50.csv"
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("filename", "fold", "target", "category"))
        writer.writerows(rows)


def read(save_folder, split):
    """A manifest as SpeechBrain reads it."""
    return DynamicItemDataset.from_csv(str(save_folder / f"{split}.csv")).data


def test_test_fold_is_kept_from_training(corpus, tmp_path):
    esc50.prepare_esc50(str(corpus), str(tmp_path / "s"), test_fold=2)
    train, test = (read(tmp_path / "s", split) for split in ("train", "test"))
    assert {name[0] for name in train} == {"1", "3"} and len(train) == 6
    assert {name[0] for name in test} == {"2"} and len(test) == 3
    assert test["2-1-A-1"] == {
        "duration": 0.1,
        "wav": str(corpus / "audio" / "2-1-A-1.wav"),
        "label": "dog",
    }
    assert (tmp_path / "s" / "classes.txt").read_text() == "cat\ndog\nrain\n"


def test_train_folds_can_be_chosen(corpus, tmp_path):
    esc50.prepare_esc50(
        str(corpus), str(tmp_path / "s"), test_fold=2, train_folds=[3]
    )
    assert {name[0] for name in read(tmp_path / "s", "train")} == {"3"}


def test_a_fold_to_choose_on_is_neither_trained_nor_tested_on(corpus, tmp_path):
    esc50.prepare_esc50(
        str(corpus), str(tmp_path / "s"), test_fold=2, valid_fold=1
    )
    for split, fold in (("train", "3"), ("valid", "1"), ("test", "2")):
        assert {name[0] for name in read(tmp_path / "s", split)} == {fold}


def test_audio_in_another_format_is_taken(corpus, tmp_path):
    for name, extension in (("1-0-A-0", "ogg"), ("1-1-A-1", "flac")):
        (corpus / "audio" / f"{name}.wav").unlink()
        path = str(corpus / "audio" / f"{name}.{extension}")
        audio_io.save(path, torch.zeros(1, 4410), 44100)
    esc50.prepare_esc50(str(corpus), str(tmp_path / "s"), test_fold=1)
    test = read(tmp_path / "s", "test")
    assert test["1-0-A-0"]["wav"].endswith("1-0-A-0.ogg")
    assert test["1-1-A-1"]["wav"].endswith("1-1-A-1.flac")


def test_missing_and_broken_clips_are_left_out(corpus, tmp_path):
    (corpus / "audio" / "1-0-A-0.wav").unlink()
    (corpus / "audio" / "2-0-A-0.wav").write_text("not audio")
    esc50.prepare_esc50(str(corpus), str(tmp_path / "s"), test_fold=1)
    assert len(read(tmp_path / "s", "train")) == 5
    assert len(read(tmp_path / "s", "test")) == 2
    coverage = json.loads((tmp_path / "s" / "coverage.json").read_text())
    assert coverage["test"]["classes_without_clips"] == ["rain"]
    assert coverage["train"]["expected"] == 6
    missing = (tmp_path / "s" / "missing.csv").read_text()
    assert "1-0-A-0,rain,test,no audio file" in missing
    assert "not an audio file" in missing


def test_finished_preparation_is_skipped(corpus, tmp_path):
    def prepare(fold):
        esc50.prepare_esc50(str(corpus), str(tmp_path / "s"), test_fold=fold)
        return (tmp_path / "s" / "test.csv").stat().st_mtime_ns

    first = prepare(1)
    assert prepare(1) == first
    assert prepare(2) != first
    assert {name[0] for name in read(tmp_path / "s", "test")} == {"2"}


def test_a_clip_that_is_repaired_is_taken(corpus, tmp_path):
    path = corpus / "audio" / "1-0-A-0.wav"
    whole = path.read_bytes()
    for data, found in ((whole[:99], 2), (whole, 3)):
        path.write_bytes(data)
        esc50.prepare_esc50(str(corpus), str(tmp_path / "s"), test_fold=1)
        assert len(read(tmp_path / "s", "test")) == found


def test_of_several_copies_a_whole_one_is_taken(corpus, tmp_path):
    path = corpus / "audio" / "1-0-A-0.wav"
    audio_io.save(str(path.with_suffix(".flac")), torch.zeros(1, 4410), 44100)
    path.write_bytes(b"RIFF")
    esc50.prepare_esc50(str(corpus), str(tmp_path / "s"), test_fold=1)
    test = read(tmp_path / "s", "test")
    assert test["1-0-A-0"]["wav"].endswith("1-0-A-0.flac")


@pytest.mark.parametrize(
    "folds, message",
    [
        ({"test_fold": 5}, r"folds \[1, 2, 3\], but not \[5\]"),
        ({"test_fold": 1, "train_folds": [2, 7]}, r"but not \[7\]"),
        ({"test_fold": 1, "train_folds": [1, 2]}, "both trained and tested"),
        ({"test_fold": 1, "train_folds": []}, "no fold to train on"),
        ({"test_fold": 1, "valid_fold": 1}, "both validated and tested"),
        (
            {"test_fold": 1, "valid_fold": 2, "train_folds": [2]},
            "both trained and validated",
        ),
        ({"test_fold": 1, "valid_fold": 9}, r"but not \[9\]"),
    ],
)
def test_senseless_folds_are_an_error(corpus, tmp_path, folds, message):
    with pytest.raises(ValueError, match=message):
        esc50.prepare_esc50(str(corpus), str(tmp_path / "s"), **folds)


def test_bad_data_folder_says_what_is_wrong(corpus, tmp_path):
    save = str(tmp_path / "s")
    with pytest.raises(ValueError, match="esc50.csv.*--download"):
        esc50.prepare_esc50(str(tmp_path / "none"), save, test_fold=1)
    write_meta(corpus, [("a.wav", "one", 0, "dog")])
    with pytest.raises(ValueError, match="esc50.csv, line 2"):
        esc50.prepare_esc50(str(corpus), save, test_fold=1)
    write_meta(corpus, [(f"{n}.wav", n, 0, "dog") for n in (1, 2)])
    with pytest.raises(ValueError, match="of the 1 train.*no audio file"):
        esc50.prepare_esc50(str(corpus), save, test_fold=1)


def zip_folder(folder, path):
    """Packs a folder as GitHub does."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder.parent))


def test_download_unpacks_once(corpus, tmp_path, server):
    zip_folder(corpus, tmp_path / "master.zip")
    url = f"{server}/master.zip"
    target = tmp_path / "target"
    esc50.download_esc50(str(target), url)
    esc50.prepare_esc50(str(target), str(tmp_path / "s"), test_fold=1)
    assert len(read(tmp_path / "s", "train")) == 6
    assert [path.name for path in target.iterdir()] == ["ESC-50-master"]
    (tmp_path / "master.zip").unlink()
    esc50.download_esc50(str(target), url)
    esc50.download_esc50(str(target / "ESC-50-master"), url)


def test_failed_download_leaves_nothing(corpus, tmp_path, server):
    target = tmp_path / "target"
    (tmp_path / "page.zip").write_text("<html>sign in</html>")
    zip_folder(corpus, tmp_path / "half.zip")
    zip_folder(corpus / "audio", tmp_path / "other.zip")
    for name, message in {
        "gone.zip": "gone.zip.*404.*--data_folder",
        "page.zip": "page.zip.*not a zip file.*--data_folder",
        "half.zip": "half.zip.*IncompleteRead.*--data_folder",
        "other.zip": "not ESC-50",
    }.items():
        with pytest.raises(RuntimeError, match=message):
            esc50.download_esc50(str(target), f"{server}/{name}")
        assert not list(target.iterdir())


@pytest.mark.parametrize("name", ["../escaped.txt", "/escaped.txt"])
def test_archive_cannot_lead_out_of_its_folder(tmp_path, server, name):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("ESC-50-master/meta/esc50.csv", "filename\n")
        archive.writestr(name, "gotcha")
    target = tmp_path / "target"
    esc50.download_esc50(str(target), f"{server}/evil.zip")
    assert [path.name for path in target.iterdir()] == ["ESC-50-master"]
    assert not list(tmp_path.rglob("escaped.txt"))
    assert not (tmp_path / name).exists()


def test_real_esc10_clips_are_prepared(shared, tmp_path):
    esc50.prepare_esc50(str(shared / "data/esc10"), str(tmp_path), test_fold=4)
    train, test = (read(tmp_path, split) for split in ("train", "test"))
    assert len(train) == 240 and len(test) == 80
    assert (tmp_path / "missing.csv").read_text() == "ID,label,split,reason\n"
    for name in ("4-164661-B-12", "4-163264-A-10"):  # 3.6 s and 5.1 s long
        audio, sample_rate = audio_io.load(test[name]["wav"])
        assert test[name]["duration"] == audio.shape[1] / sample_rate
    assert len((tmp_path / "classes.txt").read_text().splitlines()) == 10
