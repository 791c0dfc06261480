"""Tests of manifests, class lists and coverage.

Authors
 * The speechbrain_pib developers 2026
"""

import hashlib
import json
import os
import re

import pytest
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.dataio.encoder import CategoricalEncoder

from speechbrain_pib.dataio.clip_datasets import load_label_encoder
from speechbrain_pib.dataio.manifest import (
    read_class_list,
    report_coverage,
    write_manifest,
)
from speechbrain_pib.dataio.manifest_dataset import ManifestTable
from speechbrain_pib.epic.annotations import read_class_names
from speechbrain_pib.utils.files import from_cell
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
        ([{"ID": "a", "wav": "/data/a\r.wav"}], "line break in .*a.r.wav"),
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


def test_labels_of_any_sign_come_back(tmp_path):
    labels = ["$5 $x^2$", "<b>", "=1+1", 'say "hi"', "it's, so", "-", "#"]
    rows = [
        {"ID": f"{n}", "wav": f"/data/$old/{n}.wav", "label": label}
        for n, label in enumerate(labels)
    ]
    write_manifest(tmp_path / "test.csv", rows)
    table = ManifestTable(tmp_path / "test.csv")
    assert [row["label"] for row in table] == labels
    assert table[0]["wav"] == "/data/$old/0.wav"
    report_coverage({"test": rows}, [], labels, tmp_path)
    assert read_class_list(tmp_path / "classes.txt") == labels
    encoder = load_label_encoder(tmp_path / "classes.txt")
    encoder.save(tmp_path / "label_encoder.ckpt")
    loaded = CategoricalEncoder()
    loaded.load(tmp_path / "label_encoder.ckpt")
    assert loaded.lab2ind == {label: n for n, label in enumerate(labels)}


def test_no_label_is_a_formula_in_a_report(tmp_path):
    formulas, words = ["=1+1", "+1", "-1", "@x"], ["dog = =", "'til"]
    labels = formulas + words
    lost = [
        {"ID": f"{n}", "label": label, "split": "test", "reason": "lost"}
        for n, label in enumerate(labels)
    ]
    report_coverage({"test": []}, lost, labels, tmp_path)
    shown = [f"'{label}" for label in formulas] + words
    assert (tmp_path / "missing.csv").read_text().splitlines()[1:] == [
        f"{n},{cell},test,lost" for n, cell in enumerate(shown)
    ]
    assert (tmp_path / "coverage.csv").read_text().splitlines()[1:] == [
        f"test,{cell},1,0" for cell in shown
    ]
    assert [from_cell(cell) for cell in shown] == labels


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


def test_silent_videos_are_counted_where_rows_tell(tmp_path):
    rows = [{"ID": "a", "label": "cat", "has_audio": "False"}]
    rows += [{"ID": i, "label": "cat", "has_audio": "True"} for i in "bc"]
    found = {"test": rows, "train": rows[1:]}
    coverage = report_coverage(found, [], ["cat"], tmp_path)
    assert coverage["test"]["without_sound"] == 1
    assert coverage["train"]["without_sound"] == 0
    assert coverage == json.loads((tmp_path / "coverage.json").read_text())
