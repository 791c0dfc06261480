"""Tests of what both preparations of EPIC share.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest

from speechbrain_pib.epic.preparation import read_labelled, read_splits

HEADER = "narration_id,participant_id,video_id,start_timestamp,stop_timestamp"
CLASSES = [["verb:take"], ["noun:tap", "noun:pan"]]


@pytest.fixture
def write(tmp_path):
    """Writes a list with an action of each of some videos."""

    def write(name, videos, columns=",verb_class,noun_class", classes=",0,1"):
        rows = [
            f"{video}_0,{video[:3]},{video},00:00:00.00,00:00:01.89{classes}"
            for video in videos
        ]
        path = tmp_path / name
        path.write_text("\n".join([HEADER + columns, *rows]) + "\n")
        return str(path)

    return write


def test_label_has_a_class_of_each_task(write):
    (segment,) = read_labelled(write("train.csv", ["P01_11"]), CLASSES)
    assert segment["label"] == "verb:take|noun:pan"


@pytest.mark.parametrize(
    "columns, classes",
    [
        (",verb_class,noun_class", ",0,2"),
        (",verb_class,noun_class", ",1,0"),
        (",verb_class", ",0"),
        ("", ""),
    ],
)
def test_classes_beyond_the_lists_are_an_error(write, columns, classes):
    path = write("train.csv", ["P01_11"], columns, classes)
    with pytest.raises(
        ValueError, match=r"train.csv: P01_11_0.*below \[1, 2\]"
    ):
        read_labelled(path, CLASSES)


def test_training_videos_are_held_out_whole(write):
    videos = [f"P01_{number}" for number in range(200)]
    train, test = write("train.csv", videos), write("test.csv", ["P02_101"])
    hidden = write("hidden.csv", ["P03_101"], "", "")
    splits = read_splits(CLASSES, train, test, hidden, 0.3)
    parts = {
        split: [segment["video"] for segment in segments]
        for split, segments in splits.items()
    }
    assert sorted(parts["train"] + parts["valid"]) == sorted(videos)
    assert 40 < len(parts["valid"]) < 80
    assert (parts["test"], parts["submission"]) == (["P02_101"], ["P03_101"])
    assert splits["submission"][0]["label"] == ""
    assert "submission" not in read_splits(CLASSES, train, test, None, 0.3)


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_validation_cannot_be_nothing_or_all(fraction):
    with pytest.raises(ValueError, match="valid_fraction"):
        read_splits(CLASSES, "", "", None, fraction)
