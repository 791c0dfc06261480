"""Tests of the files of the EPIC challenges.

Authors
 * The speechbrain_pib developers 2026
"""

import copy
import json
import pickle
import zipfile

import numpy as np
import pytest
from scipy.special import softmax

from speechbrain_pib.epic import submissions

IDS = ["P01_101_0", "P01_101_1", "P23_103_71"]
LEVELS = {"sls_pt": 1, "sls_tl": 3, "sls_td": 3}


@pytest.fixture
def probabilities():
    """Of 97 verbs and 300 nouns, for all clips."""
    rng = np.random.default_rng(0)
    return {
        "verb": softmax(3 * rng.normal(size=(3, 97)), axis=1),
        "noun": softmax(3 * rng.normal(size=(3, 300)), axis=1),
    }


@pytest.fixture
def submission(probabilities):
    """A good one."""
    scores = {task: np.log(values) for task, values in probabilities.items()}
    return submissions.make_submission(
        "action_recognition", IDS, scores, LEVELS
    )


def test_layout_is_the_official_one(submission):
    assert list(submission) == [
        "version",
        "challenge",
        "sls_pt",
        "sls_tl",
        "sls_td",
        "results",
    ]
    assert submission["version"] == "0.2"
    clip = submission["results"]["P23_103_71"]
    assert list(clip) == ["verb", "noun"]
    assert list(clip["verb"])[::96] == ["0", "96"]
    assert len(clip["noun"]) == 300
    submissions.check_submission(json.loads(json.dumps(submission)), IDS)


def test_server_ranks_actions_as_products_of_probabilities(
    tmp_path, probabilities
):
    submissions.write_challenge_files(
        tmp_path, "action_recognition", IDS, probabilities, LEVELS
    )
    with zipfile.ZipFile(tmp_path / "validation.zip") as file:
        assert file.namelist() == ["test.json"]
        results = json.loads(file.read("test.json"))["results"]
    for row, name in enumerate(IDS):
        # The official evaluation takes the softmax of what it gets.
        verbs, nouns = (
            softmax([results[name][task][str(i)] for i in range(count)])
            for task, count in (("verb", 97), ("noun", 300))
        )
        expected = np.outer(
            probabilities["verb"][row], probabilities["noun"][row]
        )
        np.testing.assert_allclose(np.outer(verbs, nouns), expected, rtol=1e-4)


def test_pickle_is_the_published_one(tmp_path, probabilities):
    submissions.write_challenge_files(
        tmp_path, "action_recognition", IDS, probabilities, LEVELS
    )
    content = pickle.loads((tmp_path / "validation.pkl").read_bytes())
    assert set(content) == {"verb_output", "noun_output", "narration_id"}
    assert content["verb_output"].shape == (3, 97)
    assert content["noun_output"].dtype == np.float32
    assert content["narration_id"].tolist() == IDS
    best = content["noun_output"].argmax(axis=1)
    assert (best == probabilities["noun"].argmax(axis=1)).all()


def test_clips_that_were_not_heard_get_uniform_scores(caplog, tmp_path):
    heard = {"interaction": np.full((1, 44), 0.5 / 43)}
    heard["interaction"][0, 7] = 0.5
    hidden = tmp_path / "hidden.csv"
    hidden.write_text(
        "annotation_id,participant_id,video_id,start_timestamp,stop_timestamp\n"
        "P01_101_0,P01,P01_101,00:00:01.000,00:00:02.000\n"
        "P01_101_1,P01,P01_101,00:00:03.000,00:00:04.000\n"
    )
    submissions.write_challenge_files(
        tmp_path,
        "audio_based_interaction_recognition",
        ["P01_101_1"],
        heard,
        {**LEVELS, "t_mod": 0},
        hidden,
    )
    content = pickle.loads((tmp_path / "submission.pkl").read_bytes())
    assert content["annotation_id"].tolist() == ["P01_101_0", "P01_101_1"]
    np.testing.assert_allclose(
        content["interaction_output"][0], -np.log(44), rtol=1e-6
    )
    assert content["interaction_output"][1].argmax() == 7
    assert "1 of the 2 clips" in caplog.text


def test_impossible_classes_have_finite_scores():
    scores, _ = submissions.log_probabilities(["a"], np.eye(2)[:1], ["a"])
    assert np.isfinite(scores).all()


def break_version(submission):
    submission["version"] = "0.1"


def break_challenge(submission):
    submission["challenge"] = "action_anticipation"


def break_keys(submission):
    submission["t_mod"] = 0


def break_level(submission):
    submission["sls_pt"] = 6


def break_level_type(submission):
    submission["sls_td"] = "3"


def break_clips(submission):
    del submission["results"]["P01_101_0"]


def break_task(submission):
    del submission["results"]["P01_101_0"]["noun"]


def break_classes(submission):
    del submission["results"]["P01_101_0"]["verb"]["96"]


def break_score(submission):
    submission["results"]["P01_101_0"]["verb"]["5"] = float("nan")


def break_score_type(submission):
    submission["results"]["P01_101_0"]["verb"]["5"] = "0.5"


@pytest.mark.parametrize(
    "damage, message",
    [
        (break_version, "version must be '0.2'"),
        (break_challenge, "no challenge 'action_anticipation'"),
        (break_keys, "a submission has"),
        (break_level, "sls_pt must be 0, ..., 5, not 6"),
        (break_level_type, "sls_td must be"),
        (break_clips, "1 clips are missing or too many, such as P01_101_0"),
        (break_task, "P01_101_0 has"),
        (break_classes, "P01_101_0, verb: not the classes"),
        (break_score, "P01_101_0, verb: score 5 is nan"),
        (break_score_type, "P01_101_0, verb: score 5 is '0.5'"),
    ],
)
def test_check_finds_what_a_server_would_refuse(submission, damage, message):
    broken = copy.deepcopy(submission)
    damage(broken)
    with pytest.raises(ValueError, match=message):
        submissions.check_submission(broken, IDS)
