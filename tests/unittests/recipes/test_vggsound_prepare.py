"""Tests of the preparation of VGG-Sound.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
import torch
from speechbrain.dataio import audio_io
from speechbrain.dataio.dataset import DynamicItemDataset

from speechbrain_pib.dataio.manifest import read_class_list
from tests.helpers import ROOT, load_recipe_module, read_rows

CLASS_LIST = ROOT / "recipes/VGGSound/vggsound_classes.txt"
CLASSES = ["cat", "dog, barking"]


vggsound = load_recipe_module("VGGSound", "vggsound_prepare")


def video(index, split="t"):
    """An id in YouTube's form."""
    return f"-{split}_vid{index:05d}"


class Corpus:
    """A made-up VGG-Sound of 40 training and 4 test clips."""

    def __init__(self, folder):
        self.root, self.data = folder, folder / "data"
        self.save = folder / "save"
        self.classes = folder / "classes.txt"
        self.classes.write_text("\n".join(CLASSES) + "\n")
        self.rows = [
            (video(n, split), 7 * n, CLASSES[n % 2], name)
            for split, name, count in (("t", "train", 40), ("e", "test", 4))
            for n in range(count)
        ]
        self.annotation = self.write_csv("vggsound.csv", self.rows)
        for row in self.rows:
            self.write_clip(row)

    def write_csv(self, name, rows):
        path = self.root / name
        with open(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
        return str(path)

    def clip(self, row):
        return f"{row[0]}_{row[1]:06d}"

    def path(self, row, extension="wav"):
        return self.data / row[2] / f"{self.clip(row)}.{extension}"

    def write_clip(self, row, extension="wav", seconds=0.25):
        path = self.path(row, extension)
        path.parent.mkdir(parents=True, exist_ok=True)
        audio = torch.zeros(1, round(16000 * seconds))
        audio_io.save(str(path), audio, 16000)

    def prepare(self, annotations=None, **options):
        options = {"valid_fraction": 0.25, **options}
        vggsound.prepare_vggsound(
            str(self.data),
            annotations or [self.annotation],
            str(self.classes),
            str(self.save),
            **options,
        )

    def manifest(self, split):
        path = self.save / f"{split}.csv"
        return DynamicItemDataset.from_csv(str(path)).data


@pytest.fixture
def corpus(tmp_path):
    return Corpus(tmp_path)


def test_official_annotation_becomes_three_manifests(corpus):
    corpus.prepare()
    train, valid, test = (corpus.manifest(s) for s in vggsound.SPLITS)
    assert len(train) + len(valid) == 40 and len(valid) > 0
    assert set(test) == {corpus.clip(row) for row in corpus.rows[40:]}
    row = corpus.rows[41]
    assert test[corpus.clip(row)] == {
        "duration": 0.25,
        "wav": str(corpus.path(row)),
        "label": "dog, barking",
    }
    assert Path(corpus.save, "prepared.json").exists()


def test_two_column_lists_give_the_same_manifests(corpus):
    corpus.prepare()
    official = {s: corpus.manifest(s) for s in vggsound.SPLITS}
    lists = [
        corpus.write_csv(
            f"{split}.csv",
            [
                (corpus.clip(r) + ".mp4", r[2])
                for r in corpus.rows
                if split in r
            ],
        )
        for split in ("train", "test")
    ]
    corpus.prepare(lists)
    assert official == {s: corpus.manifest(s) for s in vggsound.SPLITS}


def test_clips_of_one_video_are_validated_together(corpus):
    videos = [video(n) for n in range(2000)]
    path = corpus.write_csv(
        "twice.csv",
        [(v, start, "cat", "train") for start in (0, 30) for v in videos],
    )
    clips = vggsound.read_annotations([path], CLASSES, 0.3)
    splits = [clip["split"] for clip in clips]
    assert splits[:2000] == splits[2000:]
    assert splits.count("valid") / 4000 == pytest.approx(0.3, abs=0.05)
    clips = vggsound.read_annotations([corpus.annotation], CLASSES, 0.999)
    assert sum(clip["split"] == "test" for clip in clips) == 4


def test_any_format_in_any_folder_is_found(corpus):
    for row, extension in zip(corpus.rows, ("flac", "ogg", "mp3")):
        corpus.path(row).unlink()
        corpus.write_clip(row, extension)
    flat = corpus.data / corpus.path(corpus.rows[3]).name
    corpus.path(corpus.rows[3]).rename(flat)
    corpus.prepare()
    merged = {**corpus.manifest("train"), **corpus.manifest("valid")}
    wavs = [Path(merged[corpus.clip(r)]["wav"]) for r in corpus.rows[:4]]
    assert [w.suffix for w in wavs] == [".flac", ".ogg", ".mp3", ".wav"]
    assert wavs[3] == flat


def test_links_to_folders_are_followed_but_not_in_circles(corpus):
    corpus.data.rename(corpus.root / "elsewhere")
    corpus.data.mkdir()
    (corpus.data / "audio").symlink_to(corpus.root / "elsewhere")
    (corpus.root / "elsewhere" / "loop").symlink_to(corpus.data)
    assert len(vggsound.find_audio(str(corpus.data))) == 44


def test_missing_and_broken_clips_are_listed_and_left_out(corpus):
    gone, cut = corpus.rows[40], corpus.rows[41]
    corpus.path(gone).unlink()
    corpus.path(cut).write_bytes(corpus.path(cut).read_bytes()[:4000])
    corpus.prepare()
    assert len(corpus.manifest("test")) == 2
    missing = {row["ID"]: row for row in read_rows(corpus.save / "missing.csv")}
    assert set(missing) == {corpus.clip(gone), corpus.clip(cut)}
    assert missing[corpus.clip(gone)]["reason"] == "no audio file"
    assert "truncated" in missing[corpus.clip(cut)]["reason"]
    coverage = json.loads((corpus.save / "coverage.json").read_text())
    assert coverage["test"]["expected"] == 4
    assert coverage["test"]["found"] == 2


def test_silence_is_found_where_all_is_decoded(corpus):
    corpus.prepare()
    assert len(corpus.manifest("test")) == 4
    for row in corpus.rows[:-1]:
        noise = 0.1 * torch.randn(1, 4000)
        audio_io.save(str(corpus.path(row)), noise, 16000)
    corpus.prepare(check_audio=True)
    assert len(corpus.manifest("test")) == 3
    missing = (corpus.save / "missing.csv").read_text()
    assert "is silent" in missing and missing.count("\n") == 2


def test_finished_preparation_is_skipped_until_clips_arrive(corpus):
    late = corpus.rows[43]
    corpus.path(late).unlink()
    corpus.prepare()
    before = (corpus.save / "test.csv").stat().st_mtime_ns
    corpus.prepare()
    assert (corpus.save / "test.csv").stat().st_mtime_ns == before
    corpus.write_clip(late)
    corpus.prepare()
    assert corpus.clip(late) in corpus.manifest("test")


def test_a_clip_that_is_repaired_is_taken(corpus):
    path = corpus.path(corpus.rows[42])
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    corpus.prepare()
    assert corpus.clip(corpus.rows[42]) not in corpus.manifest("test")
    path.write_bytes(whole)
    corpus.prepare()
    assert corpus.clip(corpus.rows[42]) in corpus.manifest("test")


def test_of_several_copies_a_whole_one_of_the_clip_is_taken(corpus):
    broken, uncut, lost = corpus.rows[40:43]
    for row in corpus.rows[40:43]:
        corpus.write_clip(row, "flac")
    corpus.path(broken).write_bytes(b"RIFF")
    corpus.write_clip(uncut, seconds=200)
    corpus.path(lost).write_bytes(b"RIFF")
    corpus.path(lost, "flac").write_bytes(b"fLaC")
    corpus.prepare()
    test = corpus.manifest("test")
    for row in (broken, uncut):
        assert test[corpus.clip(row)]["wav"] == str(corpus.path(row, "flac"))
        assert test[corpus.clip(row)]["duration"] == 0.25
    with open(corpus.save / "missing.csv", newline="") as file:
        (missing,) = csv.DictReader(file)
    assert missing["ID"] == corpus.clip(lost)
    assert f"{corpus.clip(lost)}.wav" in missing["reason"]


def test_clips_that_were_not_cut_are_left_out(corpus):
    corpus.write_clip(corpus.rows[41], seconds=200)
    corpus.prepare()
    assert corpus.clip(corpus.rows[41]) not in corpus.manifest("test")
    missing = (corpus.save / "missing.csv").read_text()
    assert "200.0 s: not cut to its clip" in missing


def test_what_downloaders_leave_is_taken_or_named(corpus):
    for row in corpus.rows[40:44]:
        corpus.path(row).unlink()
    opus, broken = corpus.rows[40:42]
    noise = 0.1 * torch.randn(1, 16000)
    audio_io.save(str(corpus.path(opus, "ogg")), noise, 16000)
    corpus.path(opus, "ogg").rename(corpus.path(opus, "opus"))
    corpus.path(broken, "m4a").write_bytes(b"no audio")
    corpus.prepare()
    assert list(corpus.manifest("test")) == [corpus.clip(opus)]
    missing = (corpus.save / "missing.csv").read_text()
    assert f"{corpus.clip(broken)}.m4a is not an audio file" in missing


def test_interrupted_preparation_is_redone(corpus, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(
            "speechbrain_pib.dataio.preparation.report_coverage", interrupt
        )
        with pytest.raises(KeyboardInterrupt):
            corpus.prepare()
    (corpus.save / "test.csv").write_text("half")
    corpus.prepare()
    assert len(corpus.manifest("test")) == 4


def test_event_times_become_columns(corpus):
    events = [(corpus.clip(r), 0.05, 0.15) for r in corpus.rows]
    corpus.write_csv("data/events.csv", [("ID", "start", "stop"), *events])
    corpus.prepare()
    row = corpus.manifest("test")[corpus.clip(corpus.rows[40])]
    assert (row["event_start"], row["event_stop"]) == ("0.05", "0.15")

    corpus.write_csv("data/events.csv", [("ID", "start", "stop"), events[0]])
    with pytest.raises(ValueError, match="events.csv has no line for"):
        corpus.prepare()


def test_one_split_can_be_prepared_alone(corpus):
    tests = [r for r in corpus.rows if r[3] == "test"]
    corpus.prepare([corpus.write_csv("only.csv", tests)], splits=["test"])
    assert len(corpus.manifest("test")) == 4
    assert not (corpus.save / "train.csv").exists()


def test_repeated_annotations_count_once_unless_they_disagree(corpus):
    again = corpus.write_csv("again.csv", corpus.rows[-2:])
    corpus.prepare([corpus.annotation, again])
    assert len(corpus.manifest("test")) == 4
    other = corpus.write_csv(
        "other.csv", [(*corpus.rows[-1][:2], "cat", "test")]
    )
    with pytest.raises(ValueError, match="other.csv, line 1.*contradicts"):
        corpus.prepare([corpus.annotation, other])


@pytest.mark.parametrize(
    "name, row, message",
    [
        ("a.csv", (video(0), 0, "owl", "train"), "line 2.*'owl' is not in"),
        ("a.csv", (video(0), 0, "cat", "dev"), "line 2.*'dev'"),
        ("a.csv", (video(0), "x", "cat", "test"), "line 2.*start in whole"),
        ("a.csv", ("short", 0, "cat", "test"), "line 2.*11-character"),
        ("a.csv", (video(0), 0, "cat"), "line 2.*expected 4 columns"),
        ("a.csv", (video(0) + "_000000.mp4", "cat"), "either 'train' or"),
        ("test_train.csv", (video(0) + "_000000.mp4", "cat"), "either"),
    ],
)
def test_bad_annotation_names_file_and_line(corpus, name, row, message):
    path = corpus.write_csv(name, [corpus.rows[0], row])
    with pytest.raises(ValueError, match=f"{name}.*{message}"):
        corpus.prepare([path])


def test_empty_split_says_why(corpus):
    with pytest.raises(ValueError, match="no valid clips"):
        corpus.prepare(valid_fraction=1e-6)
    for row in corpus.rows[40:]:
        corpus.path(row).unlink()
    with pytest.raises(ValueError, match="none of the 4 test clips"):
        corpus.prepare()
    with pytest.raises(ValueError, match="there is no folder"):
        vggsound.prepare_vggsound("gone", [], str(corpus.classes), "x")
    with pytest.raises(ValueError, match="valid_fraction"):
        corpus.prepare(valid_fraction=0.0)


def test_published_test_list_parses(shared):
    folder = shared / "data/annotations/vggsound"
    classes = read_class_list(CLASS_LIST)
    clips = vggsound.read_annotations([folder / "test.csv"], classes, 0.02)
    labels = Counter(clip["label"] for clip in clips)
    assert len(clips) == 15446
    assert {clip["split"] for clip in clips} == {"test"}
    assert sorted(labels) == classes
    with open(folder / "classes_stat.csv", newline="") as file:
        assert sorted(row[0] for row in csv.reader(file)) == classes


def test_class_list_has_309_sorted_names():
    classes = read_class_list(CLASS_LIST)
    assert len(classes) == 309
    assert classes == sorted(classes)
    assert "playing violin, fiddle" in classes
