"""Manifests of EPIC-SOUNDS (https://arxiv.org/abs/2302.00646).

Reads the official lists of sounds, and whatever part of the sound of the
videos of EPIC-KITCHENS-100 is there.

Authors
 * The speechbrain_pib developers 2026
"""

from speechbrain_pib.epic.annotations import read_sound_classes
from speechbrain_pib.epic.preparation import prepare_lists


def prepare_epic_sounds(
    audio, save_folder, *, train_list, test_list, **options
):
    """Write `train.csv`, `valid.csv` and `test.csv` for EPIC-SOUNDS.

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
    **options
        `submission_list` (`EPIC_Sounds_recognition_test_timestamps.csv` or
        .pkl), `video_info`, `hdf5_sample_rate`, `valid_fraction` and
        `check_audio`, see `speechbrain_pib.epic.preparation.prepare_lists`.

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
    prepare_lists(
        [read_sound_classes([train_list, test_list])],
        audio,
        save_folder,
        train_list=train_list,
        test_list=test_list,
        **options,
    )
