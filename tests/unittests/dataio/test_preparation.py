"""Tests of what all preparations share.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import os

import numpy as np
import pytest
import soundfile

from speechbrain_pib.dataio.audio.locators import UnreadableAudioError
from speechbrain_pib.dataio.manifest import write_manifest
from speechbrain_pib.dataio.preparation import (
    hold_out,
    is_held_out,
    is_prepared,
    mark_prepared,
    match_clips,
    staged_preparation,
    write_manifests,
)


def test_held_out_videos_are_a_fixed_share():
    videos = [f"P{n % 37:02d}_{n}" for n in range(2000)]
    chosen = [v for v in videos if is_held_out(v, 0.2)]
    assert len(chosen) / 2000 == pytest.approx(0.2, abs=0.03)
    assert all(is_held_out(video, 0.3) for video in chosen)


def test_only_training_videos_are_held_out():
    videos = [f"video {n}" for n in range(100)]
    for video in videos:
        expected = "valid" if is_held_out(video, 0.3) else "train"
        assert hold_out("train", video, 0.3) == expected
        assert hold_out("test", video, 0.3) == "test"
    assert any(is_held_out(video, 0.3) for video in videos)


def make_clips(folder):
    """Clips of which one is there, and the audio files of them."""
    soundfile.write(folder / "here.wav", np.ones(800), 16000)
    (folder / "broken.wav").write_text("no audio")
    clips = [
        {"ID": name, "label": "dog", "split": "test", "fold": 1}
        for name in ("broken", "absent", "here", "other")
    ]
    audio = {n: [str(folder / f"{n}.wav")] for n in ("here", "broken")}
    return clips, {**audio, "other": UnreadableAudioError("another part")}


def test_clips_are_joined_with_their_files_in_order(tmp_path):
    clips, audio = make_clips(tmp_path)
    rows = list(match_clips(clips, audio))
    assert [row["ID"] for row in rows] == [clip["ID"] for clip in clips]
    here = rows.pop(2)
    wav = str(tmp_path / "here.wav")
    assert here == {**clips[2], "duration": 0.05, "wav": wav}
    reasons = [str(row.pop("reason")) for row in rows]
    assert "not an audio file" in reasons[0]
    assert reasons[1:] == ["no audio file", "another part"]
    assert rows == clips[:2] + clips[3:]


def test_manifests_and_reports_are_written_together(tmp_path):
    rows = [
        {"ID": "a", "label": "dog", "split": "test", "start": 1.0},
        {"ID": "b", "label": "cat", "split": "test", "reason": "lost"},
        {"ID": "c", "label": "dog", "split": "train", "start": 2.0},
    ]
    arguments = ["train", "test"], ["cat", "dog"], {"fold": 1}
    write_manifests(tmp_path, iter(rows), *arguments, hint="")
    assert (tmp_path / "test.csv").read_text() == "ID,label,start\na,dog,1.0\n"
    assert (tmp_path / "train.csv").read_text() == "ID,label,start\nc,dog,2.0\n"
    assert "b,cat,test,lost" in (tmp_path / "missing.csv").read_text()
    assert (tmp_path / "classes.txt").read_text() == "cat\ndog\n"
    assert is_prepared(tmp_path, {"fold": 1})


def test_an_empty_split_says_why_and_nothing_is_written(tmp_path):
    rows = [
        {"ID": "a", "label": "dog", "split": "train"},
        {"ID": "b", "label": "dog", "split": "test", "reason": "no file"},
        {"ID": "c", "label": "dog", "split": "test", "reason": "cut"},
    ]
    for splits, message in (
        (["train", "test"], "none of the 2 test .*no file.*; look there"),
        (["train", "valid"], "no valid clips.* raise valid_fraction"),
    ):
        with pytest.raises(ValueError, match=message):
            write_manifests(
                tmp_path,
                [row for row in rows if row["split"] in splits],
                splits,
                ["dog"],
                {},
                hint="look there",
            )
    assert not os.listdir(tmp_path)


def test_a_split_of_an_earlier_preparation_does_not_stay(tmp_path):
    def prepare(*splits):
        rows = [{"ID": x, "label": "dog", "split": x} for x in splits]
        with staged_preparation(tmp_path) as staging:
            write_manifests(staging, rows, splits, ["dog"], {}, hint="")

    prepare("train", "valid", "test", "submission")
    prepare("train", "test")
    left = {path.stem for path in tmp_path.glob("*.csv")}
    assert left == {"train", "test", "missing", "coverage"}
    assert is_prepared(tmp_path, {})
    prepare("train", "valid", "test")
    assert (tmp_path / "valid.csv").exists()


def test_with_an_input_that_is_not_there_nothing_is_prepared(prepared):
    """Who reads it says which option named it."""
    assert not is_prepared(prepared, {"fold": 1}, [prepared / "none.csv"])


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


@pytest.fixture
def prepared(tmp_path):
    """A folder with all that a preparation writes."""
    for name in ("train.csv", "missing.csv", "classes.txt", "coverage.json"):
        (tmp_path / name).write_text(f"of {name}")
    mark_prepared(tmp_path, {"fold": 1})
    assert is_prepared(tmp_path, {"fold": 1})
    return tmp_path


@pytest.mark.parametrize(
    "name", ["train.csv", "missing.csv", "classes.txt", "coverage.json"]
)
def test_every_output_is_as_it_was_written(prepared, name):
    before = (prepared / name).read_text()
    (prepared / name).write_text("{")
    assert not is_prepared(prepared, {"fold": 1})
    (prepared / name).unlink()
    assert not is_prepared(prepared, {"fold": 1})
    (prepared / name).write_text(before)
    assert is_prepared(prepared, {"fold": 1})


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"3", b'"a"', b"{}", b'{"outputs": []}', b"\xff"],
)
def test_a_damaged_note_means_not_prepared(prepared, damage):
    (prepared / "prepared.json").write_bytes(damage)
    assert not is_prepared(prepared, {"fold": 1})
    mark_prepared(prepared, {"fold": 1})
    assert is_prepared(prepared, {"fold": 1})


def test_a_note_of_an_older_version_does_not_vouch_for_the_classes(prepared):
    note = prepared / "prepared.json"
    text = json.loads(note.read_text())
    for name in ("classes.txt", "coverage.json"):
        del text["outputs"][name]
    note.write_text(json.dumps(text))
    assert not is_prepared(prepared, {"fold": 1})


def test_what_was_prepared_stays_until_the_end_of_the_next(prepared):
    def contents():
        return {path.name: path.read_text() for path in prepared.iterdir()}

    before = contents()
    with pytest.raises(ValueError), staged_preparation(prepared) as staging:
        assert is_prepared(staging, {"fold": 1})
        (prepared / "preparation.tmp/train.csv").write_text("others")
        raise ValueError
    assert contents() == before
    with staged_preparation(prepared) as staging:
        (prepared / "preparation.tmp/train.csv").write_text("others")
    assert contents() == {**before, "train.csv": "others"}
    assert not is_prepared(prepared, {"fold": 1})


def test_results_are_no_outputs_of_a_preparation(prepared):
    (prepared / "per_class.csv").write_text("results")
    with staged_preparation(prepared) as staging:
        mark_prepared(staging, {"fold": 2})
    (prepared / "per_class.csv").write_text("other results")
    assert is_prepared(prepared, {"fold": 2})


def test_what_a_killed_preparation_left_is_not_taken(prepared):
    (prepared / "preparation.tmp").mkdir()
    (prepared / "preparation.tmp/test.csv").write_text("half")
    with staged_preparation(prepared):
        pass
    assert not (prepared / "test.csv").exists()
    assert not (prepared / "preparation.tmp").exists()
