"""Manifests of EPIC-KITCHENS-100 (https://arxiv.org/abs/2006.13256).

Reads the official lists of actions, and whatever part of the sound of the
videos is there.

Authors
 * The speechbrain_pib developers 2026
"""

import os

from speechbrain_pib.epic.annotations import read_class_names
from speechbrain_pib.epic.preparation import prepare_lists


def prepare_epic(
    annotation_folder, audio, save_folder, *, train_list, test_list, **options
):
    """Write `train.csv`, `valid.csv` and `test.csv` for EPIC-KITCHENS-100.

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
    **options
        `submission_list` (`EPIC_100_test_timestamps.csv` or .pkl),
        `hdf5_sample_rate`, `valid_fraction` and `check_audio`, see
        `speechbrain_pib.epic.preparation.prepare_lists`.

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
    prepare_lists(
        list_classes(verbs, nouns),
        audio,
        save_folder,
        train_list=train_list,
        test_list=test_list,
        class_lists=[verbs, nouns],
        video_info=info,
        **options,
    )


def list_classes(verbs, nouns):
    """List the names of the classes of both tasks, as they stand in labels.

    Arguments
    ---------
    verbs : str
        `EPIC_100_verb_classes.csv`.
    nouns : str
        `EPIC_100_noun_classes.csv`.

    Returns
    -------
    classes : list of list of str
        "verb:take", ... and "noun:tap", ...
    """
    return [
        [f"verb:{name}" for name in read_class_names(verbs)],
        [f"noun:{name}" for name in read_class_names(nouns)],
    ]
