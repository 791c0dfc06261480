"""Tests of making data sets of scenes.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
import itertools
import json
import os
import random
import shutil
from collections import Counter, defaultdict

import numpy as np
import pytest
import soundfile

from speechbrain_pib.dataio import scenes as scenes_module
from speechbrain_pib.dataio.clip_datasets import (
    clip_dataset,
    load_label_encoder,
)
from speechbrain_pib.dataio.scene_mixing import SceneSettings
from speechbrain_pib.dataio.scenes import make_scenes
from tests.helpers import load_recipe_module, read_rows, write_esc50

RATE = 8000
SETTINGS = SceneSettings(
    scenes_per_fold=12,
    seconds=1.0,
    event_seconds=(0.1, 0.3),
    sample_rate=RATE,
)


def change(settings=SETTINGS, **options):
    """The settings, but for some."""
    return SceneSettings(**{**vars(settings), **options})


@pytest.fixture
def corpus(tmp_path):
    """Three folds of rain and wind, which last, and of dogs and cats: two
    recordings of each in a fold, the first of them in two takes."""
    rng = np.random.default_rng(0)
    clips, recordings = {}, itertools.count(100)
    for fold in (1, 2, 3):
        for category in ("rain", "wind", "dog", "cat"):
            for takes in ("AB", "A"):
                recording = next(recordings)
                for take in takes:
                    samples = 0.1 * rng.standard_normal(RATE)
                    if category in ("dog", "cat"):
                        samples[: RATE // 2] *= 0.01
                    clips[fold, recording, take, category] = samples
    write_esc50(tmp_path / "corpus", clips, RATE)
    return tmp_path / "corpus"


def make(corpus, folder, settings=SETTINGS):
    """Make scenes, and read their table."""
    made = make_scenes(str(corpus), str(folder), settings)
    return made, read_rows(folder / "meta/esc50.csv")


def read_audio(folder):
    """Bytes of each scene."""
    return {path.name: path.read_bytes() for path in folder.glob("audio/*")}


def rewrite(corpus, change_rows):
    """Change the rows of the table of a data set."""
    path = corpus / "meta/esc50.csv"
    rows = read_rows(path)
    columns = list(rows[0])
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(change_rows(rows))


def test_every_fold_has_scenes_of_each_class(corpus, tmp_path):
    made, rows = make(corpus, tmp_path / "scenes")
    assert made == ([1, 2, 3], ["cat", "dog"], {})
    counts = Counter((row["fold"], row["category"]) for row in rows)
    assert counts == dict.fromkeys(itertools.product("123", made.classes), 6)
    assert len(read_audio(tmp_path / "scenes")) == len(rows) == 36
    for row in rows:
        info = soundfile.info(tmp_path / "scenes/audio" / row["filename"])
        assert (info.frames, info.samplerate) == (RATE, RATE)
        assert (info.channels, info.subtype) == (1, "PCM_16")
        assert row["target"] == str(made.classes.index(row["category"]))
        assert 0 <= float(row["snr"]) <= 10
        duration = float(row["event_stop"]) - float(row["event_start"])
        assert 0.09 < duration < 0.301
        assert float(row["event_stop"]) <= 1.0


def test_scenes_are_made_of_what_their_rows_say(corpus, tmp_path):
    _, rows = make(corpus, tmp_path / "scenes")
    categories = {
        os.path.splitext(row["filename"])[0]: row["category"]
        for row in read_rows(corpus / "meta/esc50.csv")
    }
    for row in rows:
        assert categories[row["event"]] == row["category"]
        heard = {categories[row["background"]], categories[row["distractors"]]}
        assert heard == {"rain", "wind"}
    assert len({row["event"] for row in rows}) > 12
    # Not the same draws in each fold.
    assert len({row["event_start"] for row in rows}) == len(rows)


def test_no_recording_is_in_two_folds(corpus, tmp_path):
    _, rows = make(corpus, tmp_path / "scenes")
    folds_of = defaultdict(set)
    for row in rows:
        clips = [row["event"], row["background"], row["distractors"]]
        for clip in clips:
            fold, recording, _, _ = clip.split("-")
            assert fold == row["fold"]
            folds_of[recording].add(row["fold"])
    assert len(folds_of) >= 20
    assert {len(folds) for folds in folds_of.values()} == {1}


def test_scenes_depend_on_the_seed_alone(corpus, tmp_path):
    _, rows = make(corpus, tmp_path / "a")
    copy = tmp_path / "copy"
    shutil.copytree(corpus, copy)
    rewrite(copy, lambda rows: random.Random(0).sample(rows, len(rows)))
    (copy / "audio").rename(copy / "elsewhere")
    (copy / "audio/below").mkdir(parents=True)
    for path in sorted((copy / "elsewhere").iterdir(), reverse=True):
        path.rename(copy / "audio/below" / path.name)
    assert make(copy, tmp_path / "b")[1] == rows
    assert read_audio(tmp_path / "a") == read_audio(tmp_path / "b")
    make(corpus, tmp_path / "c", change(seed=1))
    assert not set(read_audio(tmp_path / "a").values()) & set(
        read_audio(tmp_path / "c").values()
    )


def test_more_scenes_have_the_same_ones_among_them(corpus, tmp_path):
    make(corpus, tmp_path / "few", change(scenes_per_fold=3))
    make(corpus, tmp_path / "many")
    few, many = (read_audio(tmp_path / name) for name in ("few", "many"))
    assert len(few) == 9 and few.items() <= many.items()


def test_what_cannot_be_used_is_left_out_and_named(corpus, tmp_path):
    paths = sorted((corpus / "audio").glob("1-*-0.wav"))  # cats of fold 1
    assert len(paths) == 3
    paths[0].write_bytes(b"RIFF")
    soundfile.write(paths[1], np.zeros(RATE), RATE)
    wind, lost = sorted((corpus / "audio").glob("2-*-3.wav"))[:2]
    soundfile.write(wind, np.ones(RATE // 4) * 0.1, RATE)
    lost.unlink()
    made, rows = make(corpus, tmp_path / "scenes")
    reasons = {
        paths[0].stem: "not an audio file",
        paths[1].stem: "is silent",
        wind.stem: "has 0.25 s, and an event may have 0.3 s",
        lost.stem: "no audio file",
    }
    assert made.failures.keys() == reasons.keys()
    for name, reason in reasons.items():
        assert reason in made.failures[name]
        assert not any(name in row.values() for row in rows)
    cats = [r for r in rows if (r["fold"], r["category"]) == ("1", "cat")]
    assert len(cats) == 6 and {row["event"] for row in cats} == {paths[2].stem}
    # A second call says so, too.
    assert make(corpus, tmp_path / "scenes")[0] == made


def test_what_is_silent_at_the_new_rate_is_left_out(corpus, tmp_path):
    path = min((corpus / "audio").glob("1-*-0.wav"))
    time = np.arange(96000) / 96000
    whistle = 0.002 * np.hanning(96000) * np.sin(2 * np.pi * 40000 * time)
    soundfile.write(path, whistle, 96000, subtype="FLOAT")
    made, _ = make(corpus, tmp_path / "scenes")
    assert "is silent at 8000 Hz" in made.failures[path.stem]


def test_files_of_other_rates_and_formats_are_taken(corpus, tmp_path):
    path = min((corpus / "audio").glob("1-*-0.wav"))
    samples, _ = soundfile.read(path)
    stereo = np.repeat(samples, 2).reshape(-1, 2)
    soundfile.write(path.with_suffix(".flac"), stereo, 44100)
    path.unlink()
    settings = change(event_seconds=(0.1, 0.15))
    made, _ = make(corpus, tmp_path / "scenes", settings)
    assert not made.failures


@pytest.mark.parametrize(
    "change_rows, settings, message",
    [
        (
            lambda rows: [{**row, "src_file": "7"} for row in rows],
            SETTINGS,
            r"1-100-A-2 of fold 1 and 2-\d+-A-2 of fold 2 are of one recording "
            r"\(src_file 7\)",
        ),
        (
            lambda rows: [{**row, "src_file": ""} for row in rows],
            SETTINGS,
            "does not say of which recording 1-100-A-2 is",
        ),
        (
            lambda rows: rows,
            change(backgrounds=("rain", "hail")),
            r"categories of .*esc50.csv \(cat, dog, rain, wind\), got hail, rain",
        ),
        (
            lambda rows: [row for row in rows if row["category"] in "cat dog"],
            SETTINGS,
            "got none",
        ),
        (
            lambda rows: [row for row in rows if row["category"] == "rain"],
            SETTINGS,
            "got rain",
        ),
        (
            lambda rows: [
                row
                for row in rows
                if row["fold"] != "2" or row["category"] not in "rain wind"
            ],
            SETTINGS,
            "fold 2 has 6 clips of events and 0 of backgrounds",
        ),
        (
            lambda rows: rows,
            change(background_class="rain"),
            "has a category rain; choose another name",
        ),
        (
            lambda rows: [row for row in rows if row["category"] != "wind"],
            SETTINGS,
            "fold 1 has only rain as a background",
        ),
    ],
)
def test_data_that_make_no_scenes_are_an_error(
    corpus, tmp_path, change_rows, settings, message
):
    rewrite(corpus, change_rows)
    with pytest.raises(ValueError, match=message):
        make(corpus, tmp_path / "scenes", settings)
    assert not list(tmp_path.glob("scenes*"))


def test_without_distractors_one_background_will_do(corpus, tmp_path):
    settings = change(backgrounds=("rain",), distractors=0)
    made, rows = make(corpus, tmp_path / "scenes", settings)
    assert made.classes == ["cat", "dog", "wind"]
    assert {row["distractors"] for row in rows} == {""}


def test_scenes_without_an_event_are_a_class(corpus, tmp_path):
    settings = change(background_class="background")
    made, rows = make(corpus, tmp_path / "scenes", settings)
    assert made.classes == ["background", "cat", "dog"]
    counts = Counter((row["fold"], row["category"]) for row in rows)
    assert counts == dict.fromkeys(itertools.product("123", made.classes), 4)
    for row in rows:
        empty = row["category"] == "background"
        for name in ("event_start", "event_stop", "snr", "event"):
            assert (row[name] == "") == empty
        assert row["background"] and row["distractors"]
    # A manifest says where the events are only if each clip has one.
    load_recipe_module("ESC50", "esc50_prepare").prepare_esc50(
        str(tmp_path / "scenes"), str(tmp_path / "save"), test_fold=3
    )
    columns = {"ID", "duration", "wav", "label"}
    assert set(read_rows(tmp_path / "save/test.csv")[0]) == columns


def test_a_scene_without_an_event_holds_its_background(corpus, tmp_path):
    options = {"distractors": 0, "background_class": "background"}
    _, rows = make(corpus, tmp_path / "scenes", change(**options))
    for row in rows:
        samples, _ = soundfile.read(tmp_path / "scenes/audio" / row["filename"])
        powers = np.square(samples).reshape(20, -1).mean(axis=1)
        steady = powers.max() < 2 * powers.min()
        assert steady == (row["category"] == "background")


def test_bad_folders_are_an_error(corpus, tmp_path):
    with pytest.raises(ValueError, match="there is no .*esc50.csv"):
        make(tmp_path / "none", tmp_path / "scenes")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match="thesis exists and holds no scenes"):
        make(corpus, tmp_path / "thesis")
    assert (tmp_path / "thesis/thesis.tex").read_text() == "mine"
    shutil.rmtree(corpus / "audio")
    with pytest.raises(ValueError, match="no folder .*audio"):
        make(corpus, tmp_path / "scenes")


def test_complete_scenes_stay_as_they_are(corpus, tmp_path):
    folder = tmp_path / "scenes"
    make(corpus, folder)
    before = read_audio(folder)
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.*")}
    make(corpus, folder)
    with pytest.raises(ValueError, match="with another seed, snr; choose"):
        make(corpus, folder, change(seed=2, snr=(3, 3)))
    assert times == {p: p.stat().st_mtime_ns for p in folder.rglob("*.*")}
    next((corpus / "audio").iterdir()).unlink()
    with pytest.raises(ValueError, match="with another audio; choose"):
        make(corpus, folder)
    assert read_audio(folder) == before


def test_a_stopped_run_leaves_nothing_and_begins_anew(
    corpus, tmp_path, monkeypatch
):
    def stop(*arguments):
        written.append(arguments)
        if len(written) == 20:
            raise KeyboardInterrupt
        real(*arguments)

    written, real = [], scenes_module.write_clip
    with monkeypatch.context() as patch:
        patch.setattr(scenes_module, "write_clip", stop)
        with pytest.raises(KeyboardInterrupt):
            make(corpus, tmp_path / "scenes")
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]
    make(corpus, tmp_path / "scenes")
    assert len(read_audio(tmp_path / "scenes")) == 36


def test_the_recipe_knows_where_the_events_are(corpus, tmp_path):
    _, rows = make(corpus, tmp_path / "scenes")
    load_recipe_module("ESC50", "esc50_prepare").prepare_esc50(
        str(tmp_path / "scenes"), str(tmp_path / "save"), test_fold=3
    )
    coverage = json.loads((tmp_path / "save/coverage.json").read_text())
    assert {split: part["found"] for split, part in coverage.items()} == {
        "train": 24,
        "test": 12,
    }
    dataset = clip_dataset(
        str(tmp_path / "save/test.csv"),
        load_label_encoder(str(tmp_path / "save/classes.txt")),
        crop_seconds=1.0,
        sample_rate=RATE,
        views=1,
    )
    events = {row["filename"][:-4]: row for row in rows}
    for item in dataset:
        row = events[item["id"]]
        times = [float(row["event_start"]), float(row["event_stop"])]
        assert item["event"].tolist() == pytest.approx(times, abs=1e-6)


def test_real_events_stand_out_where_the_labels_say(shared, tmp_path):
    source = shared / "data/esc10"
    (tmp_path / "esc10/meta").mkdir(parents=True)
    shutil.copy(source / "meta/esc50.csv", tmp_path / "esc10/meta")
    (tmp_path / "esc10/audio").symlink_to(source / "audio")
    seen = Counter()

    def take_two(rows):
        for row in rows:
            seen[row["fold"], row["category"]] += 1
            if row["fold"] in "14" and seen[row["fold"], row["category"]] < 3:
                yield row

    rewrite(tmp_path / "esc10", take_two)
    settings = SceneSettings(scenes_per_fold=60, snr=(10, 10), distractors=0)
    made, rows = make(tmp_path / "esc10", tmp_path / "scenes", settings)
    assert made.classes == [
        *("chainsaw", "clock_tick", "crying_baby"),
        *("dog", "rooster", "sneezing"),
    ]
    assert not made.failures
    gains = []
    for row in rows:
        path = tmp_path / "scenes/audio" / row["filename"]
        samples, rate = soundfile.read(path)
        start, stop = (
            round(float(row[name]) * rate)
            for name in ("event_start", "event_stop")
        )
        outside = np.delete(samples, slice(start, stop))
        powers = np.mean(samples[start:stop] ** 2), np.mean(outside**2)
        gains.append(10 * np.log10(powers[0] / powers[1]))
    # 10 dB above the background, and the background.
    assert np.mean(gains) == pytest.approx(10 * np.log10(11), abs=0.7)
    assert min(gains) > 6
