"""A folder is not continued with anything else than it was begun with.

Authors
 * The speechbrain_pib developers 2026
"""

import csv

import pytest

from speechbrain_pib.training.fingerprints import (
    CLIPS_FILE,
    check_clips,
    check_settings,
    read_settings,
)

HPARAMS = """\
output_folder: !ref out/<seed>
seed: 1
hop: 200
seconds: !ref <hop> / 100
selection: learned
depths: [1, 2]
pictures: 3
model: !new:torch.nn.Linear [!ref <hop>, 3]
options:
    workers: 2
nothing: null
"""


@pytest.fixture
def begun(tmp_path):
    """An output folder with a checkpoint and the settings it began with."""
    (tmp_path / "save/CKPT+1").mkdir(parents=True)
    (tmp_path / "hyperparams.yaml").write_text(HPARAMS)
    return tmp_path


def check(folder, overrides):
    """Check a run with these overrides."""
    settings = read_settings(folder / "hyperparams.yaml", overrides)
    check_settings(folder, folder / "save", settings)


def test_settings_are_plain_values_after_their_references(begun):
    assert read_settings(begun / "hyperparams.yaml", {"hop": 400}) == {
        "seed": 1,
        "hop": 400,
        "seconds": 4,
        "selection": "learned",
        "depths": [1, 2],
        "nothing": None,
    }


def test_the_same_settings_go_on(begun):
    check(begun, {})
    check(begun, {"pictures": 0, "output_folder": "elsewhere"})


def test_a_difference_names_each_option_both_values_and_the_remedy(begun):
    with pytest.raises(ValueError) as error:
        check(begun, {"selection": "random", "hop": 100})
    lines = str(error.value).splitlines()
    assert str(begun) in lines[0]
    assert lines[1:4] == [
        "  hop: 200 then, 100 now",
        "  seconds: 2.0 then, 1.0 now",
        "  selection: learned then, random now",
    ]
    assert "--output_folder" in lines[4] and len(lines) == 5


def test_another_hyperparameter_file_is_named_by_what_it_lacks(begun):
    with pytest.raises(
        ValueError, match=r"selection: learned then, \(absent\)"
    ):
        check_settings(begun, begun / "save", {"seed": 1})


def test_without_a_checkpoint_nothing_is_begun(begun):
    (begun / "save/CKPT+1").rmdir()
    check(begun, {"selection": "random"})


def write(path, rows):
    """Write a manifest."""
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([("ID", "duration", "wav", "label"), *rows])


@pytest.fixture
def manifests(begun):
    """The same with a note of its clips."""
    (begun / "save/CKPT+1").rmdir()
    write(begun / "train.csv", [("a", 1, "/x/a.wav", "dog")])
    check_clips(begun, begun / "save", begun, ["train"], ["cat", "dog"])
    (begun / "save/CKPT+1").mkdir()
    return begun


@pytest.mark.parametrize(
    "rows, classes, what",
    [
        ([("a", 1, "/x/a.wav", "cat")], ["cat", "dog"], "train: other clips"),
        ([("b", 1, "/x/a.wav", "dog")], ["cat", "dog"], "train: other clips"),
        ([("a", 1, "/x/a.wav", "dog")], ["dog", "cat"], "classes: other names"),
    ],
)
def test_other_labels_clips_or_orders_are_refused(
    manifests, rows, classes, what
):
    write(manifests / "train.csv", rows)
    arguments = (manifests, manifests / "save", manifests, ["train"], classes)
    for _ in range(2):  # the note stays as it was
        with pytest.raises(ValueError, match=what):
            check_clips(*arguments)


def test_clips_that_only_moved_go_on(manifests):
    write(manifests / "train.csv", [("a", 1, "/y/a.flac", "dog")])
    arguments = (manifests, manifests / "save", manifests, ["train"])
    check_clips(*arguments, ["cat", "dog"])


@pytest.mark.parametrize("text", [None, "{", ""])
def test_a_folder_that_does_not_say_is_continued(manifests, text):
    (manifests / CLIPS_FILE).unlink()
    if text is not None:
        (manifests / CLIPS_FILE).write_text(text)
    arguments = (manifests, manifests / "save", manifests, ["train"])
    check_clips(*arguments, ["cat", "dog"])
