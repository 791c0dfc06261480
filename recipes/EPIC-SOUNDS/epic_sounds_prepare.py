"""Manifests of EPIC-SOUNDS (https://arxiv.org/abs/2302.00646).

Reads the official lists of sounds, and whatever part of the sound of the
videos of EPIC-KITCHENS-100 is there.

Authors
 * The speechbrain_pib developers 2026
"""

from functools import partial

from speechbrain_pib.epic.annotations import (
    read_segments,
    read_sound_classes,
    read_splits,
    read_video_durations,
)
from speechbrain_pib.epic.recordings import prepare_segments


def prepare_epic_sounds(
    audio,
    save_folder,
    *,
    train_list,
    test_list,
    submission_list=None,
    video_info=None,
    hdf5_sample_rate=None,
    valid_fraction=0.05,
    check_audio=False,
):
    """Writes `train.csv`, `valid.csv` and `test.csv` for EPIC-SOUNDS.

    And `submission.csv` if there is a list of sounds without classes. See
    `speechbrain_pib.epic.recordings.prepare_segments` for their columns and
    for what happens to sounds that cannot be heard.

    Arguments
    ---------
    audio : str
        HDF5 file with a dataset for each video, or folder with
        `<video id>.flac` or wav, ogg, mp3.
    save_folder : str
        Where the manifests go.
    train_list : str
        `EPIC_Sounds_train.csv` or .pkl.
    test_list : str
        `EPIC_Sounds_validation.csv` or .pkl.
    submission_list : str
        `EPIC_Sounds_recognition_test_timestamps.csv` or .pkl.
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
    >>> prepare_epic_sounds(
    ...     "EPIC_audio.hdf5",
    ...     "results",
    ...     train_list="EPIC_Sounds_train.csv",
    ...     test_list="EPIC_Sounds_validation.csv",
    ... )  # doctest: +SKIP
    """
    classes = read_sound_classes([train_list, test_list])
    splits = read_splits(
        partial(read_labelled, classes=classes),
        train_list,
        test_list,
        submission_list,
        valid_fraction,
    )
    expected = None
    if video_info is not None:
        expected = read_video_durations(video_info)
    lists = [train_list, test_list, submission_list, video_info]
    prepare_segments(
        splits,
        classes,
        audio,
        save_folder,
        sample_rate=hdf5_sample_rate,
        expected=expected,
        check_audio=check_audio,
        inputs=[path for path in lists if path is not None],
    )


def read_labelled(path, classes):
    """Reads a list of sounds with their labels.

    Arguments
    ---------
    path : str
        See `speechbrain_pib.epic.annotations.read_segments`.
    classes : list of str
        All class names.

    Returns
    -------
    segments : list of dict
        With the label of each.
    """
    segments = read_segments(path)
    for segment in segments:
        (index,) = segment["classes"]
        segment["label"] = classes[index]
    return segments
