"""Tests of what the EPIC recipes write beside their results: files for the
challenges, and events in whole videos.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import pickle
import zipfile

import numpy as np
import pytest

from speechbrain_pib.epic.submissions import check_submission
from tests.helpers import read_rows

pytestmark = pytest.mark.slow
SMALL = ["--miniature_clips=120", "--valid_fraction=0.3"]
LISTS = "miniature_120/{}-annotations/{}_test_timestamps.csv"


def check_pickle(output, tasks):
    """Asserts that the published pickle holds the scores of the test."""
    content = pickle.loads((output / "validation.pkl").read_bytes())
    scores = np.load(output / "scores.npz")
    ids = content.get("narration_id", content.get("annotation_id"))
    assert ids.tolist() == scores["ids"].tolist()
    written = np.hstack([content[f"{task}_output"] for task in tasks])
    np.testing.assert_allclose(np.exp(written), scores["fused"], rtol=1e-4)


@pytest.mark.parametrize(
    "recipe, path, tasks",
    [
        (
            "EPIC-KITCHENS-100",
            LISTS.format("epic-kitchens-100", "EPIC_100"),
            {"verb": 4, "noun": 4},
        ),
        (
            "EPIC-SOUNDS",
            LISTS.format("epic-sounds", "EPIC_Sounds_recognition"),
            {"interaction": 4},
        ),
    ],
)
def test_scores_and_a_list_without_labels_become_files(
    run_recipe, tmp_path, recipe, path, tasks
):
    run = ("hparams/backbone.yaml", *SMALL, "--number_of_epochs=1")
    output = run_recipe(recipe, *run)
    results = (output / "results.json").read_bytes()
    check_pickle(output, tasks)
    hidden = tmp_path / path
    run_recipe(recipe, *run, "--test_only", f"--submission_list={hidden}")
    ids = [
        row.get("narration_id") or row["annotation_id"]
        for row in read_rows(hidden)
    ]
    with zipfile.ZipFile(output / "submission.zip") as file:
        submission = json.loads(file.read("test.json"))
    check_submission(submission, ids, tasks)
    # The test of before stays.
    assert (output / "results.json").read_bytes() == results
    assert (output / "validation.zip").exists()


def test_whole_videos_are_heard_with_their_annotations(run_recipe):
    run = ("hparams/pib.yaml", *SMALL, "--number_of_epochs=1")
    run += ("--detection_threshold=0.01",)
    output = run_recipe("EPIC-SOUNDS", *run, "--detection=none")
    first = json.loads((output / "detection.json").read_text())
    run_recipe("EPIC-SOUNDS", *run, "--test_only", "--detection=candidates")
    second = json.loads((output / "detection.json").read_text())
    assert (first["replays"], second["replays"]) == ("none", "candidates")
    assert first["gmacs_per_hour"] < second["gmacs_per_hour"]
    sounds = read_rows(output / "test.csv")
    assert second["events"]["micro"]["reference"] == len(sounds)
    videos = {row["ID"].rpartition("_")[0] for row in sounds}
    assert {path.stem for path in output.glob("detection/*.csv")} == videos
    assert second["recordings"] == len(videos)
