"""Manifests of EPIC-KITCHENS-100 (https://arxiv.org/abs/2006.13256).

Reads the official lists of actions, and whatever part of the sound of the
videos is there.

Authors
 * The speechbrain_pib developers 2026
"""

import os
from functools import partial

from speechbrain_pib.epic.annotations import (
    read_class_names,
    read_segments,
    read_splits,
    read_video_durations,
)
from speechbrain_pib.epic.recordings import prepare_segments


def prepare_epic(
    annotation_folder,
    audio,
    save_folder,
    *,
    train_list,
    test_list,
    submission_list=None,
    hdf5_sample_rate=None,
    valid_fraction=0.05,
    check_audio=False,
):
    """Writes `train.csv`, `valid.csv` and `test.csv` for EPIC-KITCHENS-100.

    And `submission.csv` if there is a list of actions without classes. See
    `speechbrain_pib.epic.recordings.prepare_segments` for their columns and
    for what happens to actions that cannot be heard. A label is a verb and a
    noun, such as "verb:take|noun:tap".

    Arguments
    ---------
    annotation_folder : str
        The official repository of annotations, or a folder with its
        `EPIC_100_verb_classes.csv`, `EPIC_100_noun_classes.csv` and
        `EPIC_100_video_info.csv`.
    audio : str
        HDF5 file with a dataset for each video, or folder with
        `<video id>.flac` or wav, ogg, mp3.
    save_folder : str
        Where the manifests go.
    train_list : str
        `EPIC_100_train.csv` or .pkl.
    test_list : str
        `EPIC_100_validation.csv` or .pkl.
    submission_list : str
        `EPIC_100_test_timestamps.csv` or .pkl.
    hdf5_sample_rate : int
        Rate in Hz of datasets that do not have one.
    valid_fraction : float
        Share of the training videos that are used for validation instead,
        chosen by a hash of the video's id.
    check_audio : bool
        Decode all of the audio.

    Raises
    ------
    ValueError
        If an annotation is malformed, the sampling rate is wrong or a split
        has no segment that can be heard.

    Example
    -------
    >>> prepare_epic(
    ...     "epic-kitchens-100-annotations",
    ...     "EPIC_audio.hdf5",
    ...     "results",
    ...     train_list="EPIC_100_train.csv",
    ...     test_list="EPIC_100_validation.csv",
    ... )  # doctest: +SKIP
    """
    verbs, nouns, info = (
        os.path.join(annotation_folder, f"EPIC_100_{name}.csv")
        for name in ("verb_classes", "noun_classes", "video_info")
    )
    classes = list_classes(verbs, nouns)
    splits = read_splits(
        partial(read_labelled, classes=classes),
        train_list,
        test_list,
        submission_list,
        valid_fraction,
    )
    lists = [train_list, test_list, submission_list, verbs, nouns, info]
    prepare_segments(
        splits,
        [name for task in classes for name in task],
        audio,
        save_folder,
        sample_rate=hdf5_sample_rate,
        expected=read_video_durations(info),
        check_audio=check_audio,
        inputs=[path for path in lists if path is not None],
    )


def list_classes(verbs, nouns):
    """The names of the classes of both tasks, as they stand in labels.

    Arguments
    ---------
    verbs : str
        `EPIC_100_verb_classes.csv`.
    nouns : str
        `EPIC_100_noun_classes.csv`.

    Returns
    -------
    classes : tuple
        Two lists: "verb:take", ... and "noun:tap", ...
    """
    return (
        [f"verb:{name}" for name in read_class_names(verbs)],
        [f"noun:{name}" for name in read_class_names(nouns)],
    )


def read_labelled(path, classes):
    """Reads a list of actions with their labels.

    Arguments
    ---------
    path : str
        See `speechbrain_pib.epic.annotations.read_segments`.
    classes : tuple
        From `list_classes`.

    Returns
    -------
    segments : list of dict
        With the label of each.

    Raises
    ------
    ValueError
        If an action has no classes, or one that is not in the lists.
    """
    segments = read_segments(path)
    for segment in segments:
        indices = segment["classes"]
        if len(indices) != len(classes) or not all(
            0 <= index < len(task) for index, task in zip(indices, classes)
        ):
            raise ValueError(
                f"{path}: {segment['ID']} has the classes {indices}; expected "
                f"a verb_class below {len(classes[0])} and a noun_class below "
                f"{len(classes[1])}"
            )
        names = (task[index] for index, task in zip(indices, classes))
        segment["label"] = "|".join(names)
    return segments
