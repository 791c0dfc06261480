"""What the preparations of EPIC-KITCHENS-100 and EPIC-SOUNDS share: official
lists of segments become manifests.

Authors
 * The speechbrain_pib developers 2026
"""

from speechbrain_pib.dataio.preparation import (
    check_valid_fraction,
    is_held_out,
)
from speechbrain_pib.epic.annotations import read_segments, read_video_durations
from speechbrain_pib.epic.recordings import prepare_segments


def prepare_lists(
    classes,
    audio,
    save_folder,
    *,
    train_list,
    test_list,
    submission_list=None,
    class_lists=(),
    video_info=None,
    hdf5_sample_rate=None,
    valid_fraction=0.05,
    check_audio=False,
):
    """Write the manifests of official lists, see
    `speechbrain_pib.epic.recordings.prepare_segments`.

    Arguments
    ---------
    classes : list of list of str
        Class names of each task.
    audio : str
        HDF5 file with a dataset for each video, or folder with
        `<video id>.flac` or wav, ogg, mp3.
    save_folder : str
        Where the manifests go.
    train_list : str
        The official training list, see
        `speechbrain_pib.epic.annotations.read_segments`.
    test_list : str
        The official validation list.
    submission_list : str
        A list without classes (default: there is none).
    class_lists : list of str
        Files that the classes were read from.
    video_info : str
        `EPIC_100_video_info.csv`, which tells whether the sampling rate is
        right (default: it is not checked).
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
    >>> prepare_lists(
    ...     [["tap"]],
    ...     "EPIC_audio.hdf5",
    ...     "results",
    ...     train_list="EPIC_Sounds_train.csv",
    ...     test_list="EPIC_Sounds_validation.csv",
    ... )  # doctest: +SKIP
    """
    inputs = [train_list, test_list, submission_list, video_info, *class_lists]
    prepare_segments(
        read_splits(
            classes, train_list, test_list, submission_list, valid_fraction
        ),
        [name for task in classes for name in task],
        audio,
        save_folder,
        sample_rate=hdf5_sample_rate,
        expected=None
        if video_info is None
        else read_video_durations(video_info),
        check_audio=check_audio,
        inputs=[path for path in inputs if path is not None],
    )


def read_splits(
    classes, train_list, test_list, submission_list, valid_fraction
):
    """Read the lists of a recipe.

    Arguments
    ---------
    classes : list of list of str
        Class names of each task.
    train_list : str
        The official training list.
    test_list : str
        The official validation list.
    submission_list : str
        A list without classes; None if there is none.
    valid_fraction : float
        Share of the training videos that are used for validation instead,
        see `speechbrain_pib.dataio.preparation.is_held_out`.

    Returns
    -------
    splits : dict
        "train", "valid", "test" and, if there is such a list, "submission",
        each to its segments.

    Raises
    ------
    ValueError
        If nothing or all would be for validation.

    Example
    -------
    >>> read_splits(
    ...     [["tap"]], "train.csv", "validation.csv", None, 0.05
    ... )  # doctest: +SKIP
    """
    check_valid_fraction(valid_fraction)
    splits = {"train": [], "valid": []}
    for segment in read_labelled(train_list, classes):
        held_out = is_held_out(segment["video"], valid_fraction)
        splits["valid" if held_out else "train"].append(segment)
    splits["test"] = read_labelled(test_list, classes)
    if submission_list is not None:
        segments = read_segments(submission_list)
        splits["submission"] = [{**s, "label": ""} for s in segments]
    return splits


def read_labelled(path, classes):
    """Read a list of segments with their labels.

    Arguments
    ---------
    path : str
        See `speechbrain_pib.epic.annotations.read_segments`.
    classes : list of list of str
        Class names of each task.

    Returns
    -------
    segments : list of dict
        With the "label" of each: a class of each task, joined by "|".

    Raises
    ------
    ValueError
        If a segment does not have a class of each task.

    Example
    -------
    >>> path = getfixture("tmpdir") / "EPIC_Sounds_train.csv"
    >>> path.write_text(
    ...     "annotation_id,participant_id,video_id,start_timestamp,"
    ...     "stop_timestamp,class_id\\n"
    ...     "P01_01_0,P01,P01_01,00:00:02.466,00:00:05.315,1\\n",
    ...     encoding="utf-8",
    ... )
    >>> read_labelled(path, [["beep", "zip"]])[0]["label"]
    'zip'
    """
    segments = read_segments(path)
    for segment in segments:
        indices = segment["classes"]
        if len(indices) != len(classes) or not all(
            index < len(task) for index, task in zip(indices, classes)
        ):
            raise ValueError(
                f"{path}: {segment['ID']} has the classes {indices}; expected "
                f"{len(classes)}, below {[len(task) for task in classes]}"
            )
        names = (task[index] for index, task in zip(indices, classes))
        segment["label"] = "|".join(names)
    return segments
