"""Files of the EPIC challenges: their JSON, and pickled scores.

The servers rank actions by the softmax of what they get, so that the
logarithms of probabilities are what keeps the ranking of the probabilities.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import os
import pickle
import zipfile

import numpy as np
from speechbrain.utils.logger import get_logger

from speechbrain_pib.epic.annotations import read_segments
from speechbrain_pib.utils.files import atomic_writer

logger = get_logger(__name__)

# Official name of a challenge to the version of its format, what it calls the
# name of a clip, the classes of each task, and the largest of the levels that
# describe how a model was trained.
CHALLENGES = {
    "action_recognition": {
        "version": "0.2",
        "id": "narration_id",
        "tasks": {"verb": 97, "noun": 300},
        "levels": {"sls_pt": 5, "sls_tl": 5, "sls_td": 5},
    },
    "audio_based_interaction_recognition": {
        "version": "0.1",
        "id": "annotation_id",
        "tasks": {"interaction": 44},
        "levels": {"sls_pt": 5, "sls_tl": 5, "sls_td": 5, "t_mod": 2},
    },
}
SMALLEST = 1e-12  # probability, so that all logarithms are finite


def log_probabilities(ids, probabilities, expected_ids):
    """Score all expected clips, those that were not heard uniformly.

    Arguments
    ---------
    ids : list of str
        Clips that were heard.
    probabilities : numpy.ndarray
        Theirs [clips, classes].
    expected_ids : list of str
        Clips to score.

    Returns
    -------
    scores : numpy.ndarray
        Natural logarithms [expected clips, classes], float32.
    lost : int
        Number of clips that were not heard.

    Example
    -------
    >>> scores, lost = log_probabilities(["a"], np.array([[1, 0]]), ["a", "b"])
    >>> np.exp(scores).round(2).tolist(), lost
    ([[1.0, 0.0], [0.5, 0.5]], 1)
    """
    place = {name: row for row, name in enumerate(ids)}
    classes = probabilities.shape[1]
    scores = np.full((len(expected_ids), classes), 1 / classes)
    rows = [row for row, name in enumerate(expected_ids) if name in place]
    scores[rows] = probabilities[[place[expected_ids[row]] for row in rows]]
    scores = np.log(np.maximum(scores, SMALLEST)).astype(np.float32)
    return scores, len(expected_ids) - len(rows)


def write_challenge_files(
    folder, challenge, ids, probabilities, levels, submission_list=None
):
    """Write the scores of a test as a challenge wants them.

    `validation.zip` is for the server and `validation.pkl` has the same
    scores; of a list without classes, they are called `submission`.

    Arguments
    ---------
    folder : str
        Where they go.
    challenge : str
        A name in `CHALLENGES`.
    ids : list of str
        Clips that were heard.
    probabilities : dict
        Task to theirs [clips, classes].
    levels : dict
        See `make_submission`.
    submission_list : str
        The list without classes, see
        `speechbrain_pib.epic.annotations.read_segments`: its clips that were
        not heard get uniform scores (default: all clips were heard).

    Raises
    ------
    ValueError
        If the levels are not as the challenge wants them.

    Example
    -------
    >>> folder = str(getfixture("tmpdir"))
    >>> write_challenge_files(
    ...     folder,
    ...     "action_recognition",
    ...     ["P01_101_0"],
    ...     {"verb": np.ones((1, 1)), "noun": np.array([[0.2, 0.8]])},
    ...     {"sls_pt": 0, "sls_tl": 3, "sls_td": 3},
    ... )
    >>> sorted(os.listdir(folder))
    ['validation.pkl', 'validation.zip']
    """
    name, expected_ids = "validation", ids
    if submission_list is not None:
        name = "submission"
        expected_ids = [clip["ID"] for clip in read_segments(submission_list)]
    scores, lost = {}, 0
    for task, values in probabilities.items():
        scores[task], lost = log_probabilities(ids, values, expected_ids)
    if lost:
        logger.warning(
            "%d of the %d clips of %s were not heard and get uniform scores",
            lost,
            len(expected_ids),
            submission_list,
        )
    submission = make_submission(challenge, expected_ids, scores, levels)
    tasks = {task: values.shape[1] for task, values in scores.items()}
    if tasks != CHALLENGES[challenge]["tasks"]:
        logger.warning(
            "%s.zip is no submission to %s: it has %s classes, not %s",
            name,
            challenge,
            tasks,
            CHALLENGES[challenge]["tasks"],
        )
    check_submission(submission, expected_ids, tasks)
    write_submission(os.path.join(folder, f"{name}.zip"), submission)
    write_scores(
        os.path.join(folder, f"{name}.pkl"),
        **{f"{task}_output": values for task, values in scores.items()},
        **{CHALLENGES[challenge]["id"]: np.array(expected_ids)},
    )


def make_submission(challenge, ids, scores, levels):
    """Make the content of a submission.

    Arguments
    ---------
    challenge : str
        A name in `CHALLENGES`.
    ids : list of str
        Name of each clip.
    scores : dict
        Task to scores [clips, classes].
    levels : dict
        "sls_pt", "sls_tl" and "sls_td", the levels of supervision by
        pretraining, labels and data (https://github.com/epic-kitchens/sls),
        and for EPIC-SOUNDS "t_mod", the modality: 0 for audio.

    Returns
    -------
    submission : dict
        Fit for JSON.

    Example
    -------
    >>> levels = {"sls_pt": 0, "sls_tl": 3, "sls_td": 3, "t_mod": 0}
    >>> challenge = "audio_based_interaction_recognition"
    >>> scores = {"interaction": np.zeros((1, 2))}
    >>> make_submission(challenge, ["P01_101_0"], scores, levels)["results"]
    {'P01_101_0': {'interaction': {'0': 0.0, '1': 0.0}}}
    """
    results = {
        name: {
            task: {
                str(index): float(f"{value:.6g}")
                for index, value in enumerate(values[row].tolist())
            }
            for task, values in scores.items()
        }
        for row, name in enumerate(ids)
    }
    return {
        "version": CHALLENGES[challenge]["version"],
        "challenge": challenge,
        **levels,
        "results": results,
    }


def check_submission(submission, ids, tasks=None):
    """Check a submission against the official format.

    Arguments
    ---------
    submission : dict
        As read from JSON.
    ids : list of str
        The clips that must be there, and no others.
    tasks : dict
        Task to number of classes (default: those of the challenge).

    Raises
    ------
    ValueError
        If it would be refused, or lacks clips or scores.

    Example
    -------
    >>> check_submission({"challenge": "lottery"}, [])
    Traceback (most recent call last):
        ...
    ValueError: there is no challenge 'lottery'
    """
    challenge = submission.get("challenge")
    if challenge not in CHALLENGES:
        raise ValueError(f"there is no challenge {challenge!r}")
    rules = CHALLENGES[challenge]
    tasks = tasks or rules["tasks"]
    keys = {"version", "challenge", "results", *rules["levels"]}
    if set(submission) != keys:
        raise ValueError(
            f"a submission has {sorted(keys)}, not {sorted(submission)}"
        )
    if submission["version"] != rules["version"]:
        raise ValueError(f"the version must be {rules['version']!r}")
    for name, most in rules["levels"].items():
        level = submission[name]
        if type(level) is not int or not 0 <= level <= most:
            raise ValueError(f"{name} must be 0, ..., {most}, not {level!r}")
    results = submission["results"]
    if set(results) != set(ids):
        different = sorted(set(results) ^ set(ids))
        raise ValueError(
            f"{len(different)} clips are missing or too many, such as "
            f"{different[0]}"
        )
    for name, result in results.items():
        if set(result) != set(tasks):
            raise ValueError(f"{name} has {sorted(result)}, not {list(tasks)}")
        for task, classes in tasks.items():
            _check_scores(f"{name}, {task}", result[task], classes)


def _check_scores(place, scores, classes):
    """Check the scores of one task of one clip."""
    if set(scores) != {str(index) for index in range(classes)}:
        raise ValueError(f"{place}: not the classes '0' to '{classes - 1}'")
    for index, value in scores.items():
        if type(value) is not float or not np.isfinite(value):
            raise ValueError(f"{place}: score {index} is {value!r}")


def write_submission(path, submission):
    """Write a submission as the servers take it: test.json in a zip file.

    Arguments
    ---------
    path : str
        The zip file, written whole or not at all.
    submission : dict
        A checked one.

    Example
    -------
    >>> path = str(getfixture("tmpdir") / "submission.zip")
    >>> write_submission(path, {"version": "0.2"})
    >>> zipfile.ZipFile(path).read("test.json")
    b'{"version": "0.2"}'
    """
    with (
        atomic_writer(path, "wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr("test.json", json.dumps(submission, allow_nan=False))


def write_scores(path, **columns):
    """Pickle arrays as the published code does.

    Arguments
    ---------
    path : str
        The .pkl file, written whole or not at all.
    **columns : numpy.ndarray
        Such as verb_output, noun_output and narration_id.

    Example
    -------
    >>> path = str(getfixture("tmpdir") / "validation.pkl")
    >>> write_scores(path, narration_id=np.array(["P01_11_0"]))
    >>> os.path.getsize(path) > 0
    True
    """
    with atomic_writer(path, "wb") as file:
        pickle.dump(columns, file)
