"""Tests of manifests, class lists, coverage and fingerprints.

Authors
 * The speechbrain_pib developers 2026
"""

import hashlib
import json
import os
import re

import pytest
from speechbrain.dataio.dataset import DynamicItemDataset

from speechbrain_pib.dataio.manifest import (
    read_class_list,
    report_coverage,
    write_manifest,
)
from speechbrain_pib.dataio.preparation import is_prepared, mark_prepared
from speechbrain_pib.epic.annotations import read_class_names
from tests.helpers import load_recipe_module, read_rows

read_videos = load_recipe_module("AudioSet", "audioset_lists").read_videos


def test_manifest_is_what_speechbrain_reads(tmp_path):
    path = tmp_path / "new" / "train.csv"
    rows = [
        {"duration": 0.1, "ID": "-a_b", "label": 'say "hi", then go'},
        {"label": "bébé", "ID": "b", "duration": 10.0},
    ]
    write_manifest(path, rows)
    data = DynamicItemDataset.from_csv(str(path)).data
    assert list(data) == ["-a_b", "b"]
    assert data["-a_b"] == {"duration": 0.1, "label": 'say "hi", then go'}
    assert data["b"] == {"duration": 10.0, "label": "bébé"}
    assert list(read_rows(path)[0]) == ["ID", "duration", "label"]
    assert os.listdir(path.parent) == ["train.csv"]


@pytest.mark.parametrize(
    "rows, message",
    [
        ([{"ID": "a"}, {"ID": "a"}], "ID a appears twice"),
        ([{"ID": "a", "x": 1}, {"ID": "b"}], "columns"),
        ([{"ID": "a", "wav": "/data/$old/a.wav"}], "variable"),
        ([{"ID": "a", "label": "two\nlines"}], "line break"),
        ([], "at least one"),
    ],
)
def test_bad_manifest_is_not_written(tmp_path, rows, message):
    path = tmp_path / "train.csv"
    with pytest.raises(ValueError, match=message):
        write_manifest(path, rows)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "no class names"),
        ("cat\n\ndog\n", "line 2: empty"),
        ("cat\ndog\ncat\n", "line 3: 'cat' appears twice"),
        ("a => b\n", "line 1"),
        ("cat\ncat|dog\n", "line 2: '|' in"),
    ],
)
def test_bad_class_list_names_the_line(tmp_path, text, message):
    path = tmp_path / "classes.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"classes.txt.*{message}"):
        read_class_list(path)


@pytest.mark.parametrize(
    "name", ["two\nlines", "two\rlines", "two\u2028lines", " cat", "cat\n", ""]
)
def test_classes_that_would_shift_the_indices_are_refused(tmp_path, name):
    rows = {"test": [{"ID": "a", "label": "dog"}]}
    shown = re.escape(repr(name)) if name else "empty"
    with pytest.raises(ValueError, match=f"classes.txt, line 2: .*{shown}"):
        report_coverage(rows, [], ["dog", name, "rain"], tmp_path)
    assert not (tmp_path / "classes.txt").exists()


def test_coverage_counts_and_hashes(tmp_path):
    found = {
        "train": [{"ID": i, "label": "dog"} for i in ("c", "a", "b")],
        "test": [{"ID": "d", "label": "cat"}],
    }
    missing = [
        {"ID": "e", "label": "cat", "split": "train", "reason": "no file, no"},
        {"ID": "f", "label": "dog", "split": "train", "reason": "cut"},
    ]
    coverage = report_coverage(found, missing, ["cat", "dog"], str(tmp_path))
    assert coverage == json.loads((tmp_path / "coverage.json").read_text())
    assert coverage["train"] == {
        "expected": 5,
        "found": 3,
        "classes_without_clips": ["cat"],
        "id_sha256": hashlib.sha256(b"a\nb\nc").hexdigest(),
    }
    rows = read_rows(tmp_path / "coverage.csv")
    assert [list(row.values()) for row in rows] == [
        ["train", "cat", "1", "0"],
        ["train", "dog", "4", "3"],
        ["test", "cat", "1", "1"],
        ["test", "dog", "0", "0"],
    ]
    expected = [
        {"ID": "e", "label": "cat", "split": "train", "reason": "no file, no"},
        {"ID": "f", "label": "dog", "split": "train", "reason": "cut"},
    ]
    assert read_rows(tmp_path / "missing.csv") == expected


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_text_in_another_encoding_is_named(tmp_path, encoding):
    path = tmp_path / "classes.csv"
    text = "id,key\n0,sauté\n"
    path.write_text(text, encoding=encoding)
    for read in (read_class_list, read_class_names, read_videos):
        with pytest.raises(ValueError, match="classes.csv is not UTF-8"):
            read(path)
    path.write_text(text, encoding="utf-8-sig")
    assert read_class_list(path)[0] == "id,key"
    assert read_class_names(path) == ["sauté"]


def test_a_clip_counts_for_each_of_its_labels(tmp_path):
    rows = [{"ID": "a", "label": "cat|dog"}, {"ID": "b", "label": "dog"}]
    lost = [{"ID": "c", "label": "cat|owl", "split": "test", "reason": "x"}]
    classes = ["cat", "dog", "owl"]
    coverage = report_coverage({"test": iter(rows)}, lost, classes, tmp_path)
    assert coverage["test"]["expected"] == 3
    assert coverage["test"]["found"] == 2
    assert coverage["test"]["classes_without_clips"] == ["owl"]
    rows = read_rows(tmp_path / "coverage.csv")
    assert [list(row.values()) for row in rows] == [
        ["test", "cat", "2", "1"],
        ["test", "dog", "2", "2"],
        ["test", "owl", "1", "0"],
    ]


def test_preparation_is_redone_when_anything_changes(tmp_path):
    annotation = tmp_path / "annotation.csv"
    annotation.write_text("a,b\n")
    save_folder = tmp_path / "save"
    write_manifest(save_folder / "train.csv", [{"ID": "a"}])
    arguments = save_folder, {"folds": (1, 2)}, [annotation]
    assert not is_prepared(*arguments)
    mark_prepared(*arguments)
    assert is_prepared(*arguments)
    assert not is_prepared(save_folder, {"folds": (1, 3)}, [annotation])

    os.utime(annotation, ns=(0, 0))
    assert not is_prepared(*arguments)
    mark_prepared(*arguments)
    assert is_prepared(*arguments)

    write_manifest(save_folder / "train.csv", [{"ID": "other"}])
    assert not is_prepared(*arguments)
    mark_prepared(*arguments)
    (save_folder / "train.csv").unlink()
    assert not is_prepared(*arguments)


def test_damaged_fingerprint_means_not_prepared(tmp_path):
    (tmp_path / "prepared.json").write_text('{"options": {')
    assert not is_prepared(tmp_path, {})
