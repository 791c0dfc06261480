"""Tests of the preparation of ActivityNet.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import pickle

import numpy as np
import pytest

from speechbrain_pib.dataio.clip_datasets import load_label_encoder
from speechbrain_pib.dataio.video.feature_datasets import feature_dataset
from tests.helpers import load_recipe_module, read_rows
from tests.videos import write_video

activitynet = load_recipe_module("ActivityNet", "activitynet_prepare")


def entry(subset, *segments):
    """An entry of the official file."""
    annotations = [
        {"segment": list(segment[:2]), "label": segment[2]}
        for segment in segments
    ]
    return {"duration": 30.0, "subset": subset, "annotations": annotations}


@pytest.fixture
def folder(tmp_path):
    """Annotations of 40 training and 4 test videos, features of most."""
    database = {
        f"train{n:06d}": entry("training", (1, 4.5, "jump"), (8, 9, "jump"))
        for n in range(40)
    }
    database |= {
        "test0000000": entry("validation", (0, 2, "run")),
        "v_st0000001": entry("validation", (0, 2, "run"), (3, 4, "jump")),
        "test0000002": entry("validation", (0, 2, "jump")),
        "test0000003": entry("validation", (0, 2, "jump")),
        "hidden00000": entry("testing"),
    }
    write_annotations(tmp_path, database)
    names = [f"v_{key}" for key in database][:-2]
    names[-2] = "v_st0000001"  # Downloaded without the prefix.
    with open(tmp_path / "features.csv", "w") as file:
        file.write("ID,path,features,duration,n_steps,has_audio\n")
        for name in names:
            heard = name != "v_test0000002"
            file.write(f"a/{name},,f.hdf5::a/{name},30.0,30,{heard}\n")
    (tmp_path / "features_failures.csv").write_text(
        "ID,path,reason\na/v_test0000003,x,damaged\n"
    )
    return tmp_path


def write_annotations(folder, database):
    """Writes the official file."""
    path = folder / "activity_net.json"
    path.write_text(json.dumps({"database": database}))


def prepare(folder, **options):
    """Prepares features."""
    activitynet.prepare_features(
        str(folder / "activity_net.json"),
        str(folder / "features.csv"),
        str(folder / "out"),
        **options,
    )


def read(folder, split):
    """Rows of a manifest by ID."""
    return {row["ID"]: row for row in read_rows(folder / f"out/{split}.csv")}


def test_the_official_validation_set_is_the_test(folder):
    prepare(folder)
    test = read(folder, "test")
    assert set(test) == {"test0000000", "v_st0000001", "test0000002"}
    assert test["v_st0000001"]["label"] == "jump|run"
    assert test["v_st0000001"]["segments"] == "0 2|3 4"
    locator = str(folder / "f.hdf5::a/v_test0000000")
    assert test["test0000000"]["features"] == locator


def test_a_share_of_the_training_videos_is_for_validation(folder):
    prepare(folder, valid_fraction=0.25)
    train, valid = read(folder, "train"), read(folder, "valid")
    assert len(train) + len(valid) == 40
    assert 3 < len(valid) < 20


def test_missing_and_silent_videos_are_counted(folder):
    prepare(folder)
    coverage = json.loads((folder / "out/coverage.json").read_text())
    assert coverage["test"]["expected"] == 4
    assert coverage["test"]["found"] == 3
    assert coverage["test"]["without_sound"] == 1
    (missing,) = read_rows(folder / "out/missing.csv")
    assert missing["ID"] == "test0000003"
    assert missing["reason"] == "damaged"


def test_a_class_list_gives_the_order_and_leaves_out_the_rest(folder):
    (folder / "classes.txt").write_text("run\n")
    with pytest.raises(ValueError, match="annotations have no train clips"):
        prepare(folder, class_list=str(folder / "classes.txt"))
    (folder / "classes.txt").write_text("run\njump\n")
    prepare(folder, class_list=str(folder / "classes.txt"))
    assert (folder / "out/classes.txt").read_text() == "run\njump\n"


def test_changed_annotations_are_prepared_again(folder):
    prepare(folder)
    database = {
        f"train{n:06d}": entry("training", (2, 3, "fly")) for n in range(40)
    }
    database["test0000000"] = entry("validation", (0, 2, "fly"))
    write_annotations(folder, database)
    prepare(folder)
    assert read(folder, "test")["test0000000"]["label"] == "fly"


@pytest.mark.parametrize(
    ("database", "message"),
    [
        ({"a": {"annotations": []}}, "entry of a is malformed: KeyError"),
        ({"a": entry("somewhere")}, "entry of a is malformed"),
        ({"a": entry("training", (1, "x", "run"))}, "entry of a is malformed"),
        ({"a": entry("training", (1, 2, None))}, "a label is not text"),
        ({"a": entry("training", (1, 2, 3))}, "a label is not text"),
    ],
)
def test_malformed_annotations_are_named(folder, database, message):
    write_annotations(folder, database)
    with pytest.raises(ValueError, match=message):
        prepare(folder)


@pytest.mark.parametrize(
    "row, message",
    [
        ("b/v_test0000000,,f.hdf5::b/v,30,30,True", "line 45: .* twice"),
        ("a/new,,f.hdf5::a/new,long,30,True", "line 45: duration: .*'long'"),
    ],
)
def test_odd_lists_of_features_are_named(folder, row, message):
    with open(folder / "features.csv", "a") as file:
        file.write(f"{row}\n")
    with pytest.raises(ValueError, match=f"features.csv, {message}"):
        prepare(folder)


def test_a_duration_may_be_unknown(folder):
    path = folder / "features.csv"
    path.write_text(path.read_text().replace(",30.0,30,", ",,30,"))
    prepare(folder)
    assert len(read(folder, "test")) == 3


def test_no_features_say_how_to_make_them(folder):
    (folder / "features.csv").unlink()
    with pytest.raises(ValueError, match="extract-features"):
        prepare(folder)


def test_files_of_another_form_are_named(folder):
    (folder / "activity_net.json").write_text('{"database": []}')
    with pytest.raises(ValueError, match="is not the JSON file of Activity"):
        prepare(folder)
    (folder / "features.csv").write_text("ID,path\na,b\n")
    with pytest.raises(ValueError, match="features.csv has no column features"):
        prepare(folder)


@pytest.fixture
def published(tmp_path):
    """Lists and arrays of 20 training and 2 test videos of two classes."""
    names = [f"train/t{number}.npy" for number in range(20)]
    for split, part in (("train", names), ("val", ["val/a.npy", "val/b.npy"])):
        for name in part:
            for stream in ("image", "audio"):
                path = tmp_path / f"{stream}_features" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, np.ones((3, 4), np.float32))
        paths = [f"/elsewhere/imageAudio_features/{name}" for name in part]
        labels = [number % 2 for number in range(len(part))]
        with open(tmp_path / f"{split}.pkl", "wb") as file:
            pickle.dump((paths, labels), file)
    (tmp_path / "classes.txt").write_text("run\njump\n")
    return tmp_path


def prepare_published(folder, **options):
    """Prepares features in the published layout."""
    activitynet.prepare_published(
        [str(folder / "train.pkl"), str(folder / "val.pkl")],
        str(folder),
        str(folder / "out"),
        **{"class_list": str(folder / "classes.txt"), **options},
    )


def test_lists_of_the_published_code_are_prepared(published):
    (published / "image_features/val/b.npy").unlink()
    prepare_published(published, valid_fraction=0.3)
    assert len(read(published, "train")) + len(read(published, "valid")) == 20
    missing = read_rows(published / "out/missing.csv")
    assert [row["ID"] for row in missing] == ["val/b"]
    encoder = load_label_encoder(str(published / "out/classes.txt"))
    dataset = feature_dataset(
        published / "out/test.csv", encoder, ["image", "audio"]
    )
    assert dataset[0]["id"] == "val/a"
    assert dataset[0]["target"].tolist() == [1.0, 0.0]
    assert dataset[0]["audio"].shape == (3, 4)


def test_published_lists_need_names_of_the_classes(published):
    with pytest.raises(ValueError, match="give --class_list"):
        prepare_published(published, class_list=None)


def write_clip(path, seconds):
    """A video of two pictures, the second one at the end."""
    times = [0, round(25 * seconds) - 1]
    return write_video(path, 2, None, ("mpeg4",), times=times)


def test_moments_are_the_segments_of_the_videos_there(folder):
    videos = folder / "videos"
    videos.mkdir()
    for number in range(40):
        write_clip(videos / f"v_train{number:06d}.mp4", 10)
    write_clip(videos / "v_st0000001.mkv", 10)
    (videos / "test0000002.mp4").write_text("<html>not found</html>")
    activitynet.prepare_moments(
        str(folder / "activity_net.json"), str(videos), str(folder / "out")
    )
    test = read(folder, "test")
    assert set(test) == {"v_st0000001_0", "v_st0000001_1"}
    row = test["v_st0000001_1"]
    assert (row["start"], row["stop"], row["label"]) == ("3.0", "4.0", "jump")
    assert row["path"] == str(videos / "v_st0000001.mkv")
    assert row["gaps"] == "2 3|4 10"
    missing = read(folder, "missing")
    assert missing["test0000000_0"]["reason"] == "no such video"
    assert "cannot be read" in missing["test0000002_0"]["reason"]
    # The video is there now: the same call finds it.
    write_clip(videos / "test0000002.mp4", 10)
    activitynet.prepare_moments(
        str(folder / "activity_net.json"), str(videos), str(folder / "out")
    )
    assert "test0000002_0" in read(folder, "test")


ODD = {
    "test0000000": [(60, 90, "run"), (3.0, 0.5, "run"), (8, 20, "run")],
    "test0000001": [(-5, -1, "jump"), (4, 4, "jump"), (10.5, 10.5, "run")],
    "test0000002": [(-1, 2, "jump"), (float("nan"), 2, "run"), (0, 10, "run")],
}
MENDED = {
    "test0000000_1": (0.5, 3),
    "test0000000_2": (8, 10),
    "test0000001_1": (4, 4.01),
    "test0000002_0": (0, 2),
}
LOST = {"test0000000_0", "test0000001_0", "test0000001_2", "test0000002_1"}


@pytest.fixture
def odd(tmp_path):
    """Annotated segments that are not in videos of 10 s; training is right."""
    database = {
        f"train{n:06d}": entry("training", (1, 4, "run")) for n in range(9)
    }
    database |= {k: entry("validation", *v) for k, v in ODD.items()}
    write_annotations(tmp_path, database)
    (tmp_path / "videos").mkdir()
    for key in database:
        write_clip(tmp_path / f"videos/v_{key}.mp4", 10)
    with open(tmp_path / "features.csv", "w") as file:
        file.write("ID,path,features,duration,n_steps,has_audio\n")
        for key in database:
            file.write(f"v_{key},,f.hdf5::v_{key},10.0,10,True\n")
    return tmp_path


def test_moments_are_in_their_videos(odd):
    activitynet.prepare_moments(
        str(odd / "activity_net.json"),
        str(odd / "videos"),
        str(odd / "out"),
        valid_fraction=0.4,
    )
    test = read(odd, "test")
    assert set(test) == set(MENDED) | {"test0000002_2"}
    for key, (start, stop) in MENDED.items():
        assert float(test[key]["start"]) == pytest.approx(start)
        assert float(test[key]["stop"]) == pytest.approx(stop)
    missing, mended = read(odd, "missing"), read(odd, "mended")
    assert set(missing) == LOST and set(mended) == set(MENDED)
    assert mended["test0000000_2"] == {
        "ID": "test0000000_2",
        "split": "test",
        "reason": "from 8.000 s to 20.000 s, the recording lasts 10.000 s",
    }
    assert "60.000 s to 90.000 s" in missing["test0000000_0"]["reason"]
    coverage = json.loads((odd / "out/coverage.json").read_text())
    assert coverage["test"]["expected"] == 9 and coverage["test"]["found"] == 5


def test_segments_of_features_are_in_their_videos(odd):
    prepare(odd, valid_fraction=0.4)
    test = read(odd, "test")
    assert test["test0000000"]["segments"] == "0.5 3|8 10"
    assert test["test0000001"]["segments"] == "4 4.01"
    assert test["test0000002"]["segments"] == "0 2|0 10"
    assert test["test0000001"]["label"] == "jump|run"
    assert set(read(odd, "mended")) == set(MENDED) | LOST


def test_clips_of_kinetics_are_segments_of_their_own(folder):
    lines = ["label,youtube_id,time_start,time_end,split"]
    videos = folder / "videos"
    videos.mkdir()
    for number in range(30):
        split = "train" if number < 20 else ("val", "validate")[number % 2]
        # As pandas writes whole numbers in a column with holes.
        times = "7,17" if number % 3 else "7.0,17.0"
        lines.append(f"jump,-video{number:05d},{times},{split}")
        path = videos / f"-video{number:05d}_000007_000017.mp4"
        write_clip(path, 8.4 if number == 21 else 9.96)
    annotations = folder / "kinetics.csv"
    annotations.write_text("\n".join(lines))
    activitynet.prepare_moments(
        str(annotations), str(videos), str(folder / "out"), valid_fraction=0.3
    )
    test = read(folder, "test")
    assert len(test) == 10
    row = test["-video00020_000007_000017_0"]
    assert (row["start"], row["stop"]) == ("0.0", "9.96")
    assert row["gaps"] == ""
    # It was cut too short.
    assert list(read(folder, "mended")) == ["-video00021_000007_000017_0"]
    row = test["-video00021_000007_000017_0"]
    assert (row["start"], row["stop"]) == ("0.0", "8.4")
    for time in ("seven", "7.5", ""):
        annotations.write_text(f"{lines[0]}\njump,-video,{time},17,train\n")
        with pytest.raises(ValueError, match="kinetics.csv, line 2"):
            activitynet.prepare_moments(
                str(annotations), str(videos), str(folder / "other")
            )
