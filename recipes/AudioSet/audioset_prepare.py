"""Manifests of AudioSet (https://doi.org/10.1109/ICASSP.2017.7952261).

Reads the official lists of segments, or the pickled lists of the published
code, and whatever part of the audio is there.

Authors
 * The speechbrain_pib developers 2026
"""

import itertools
import os

from audioset_lists import (
    parse_clip_name,
    read_class_labels,
    read_segments,
    read_videos,
)
from speechbrain.utils.logger import get_logger

from speechbrain_pib.dataio.audio.files import (
    CLIP_EXTENSIONS,
    hash_files,
    preference,
    walk_audio,
)
from speechbrain_pib.dataio.audio.locators import UnreadableAudioError
from speechbrain_pib.dataio.preparation import (
    check_valid_fraction,
    hold_out,
    is_prepared,
    match_clips,
    write_manifests,
)

logger = get_logger(__name__)

SPLITS = ("train", "valid", "test")
# Training lists and the files they are made of.
TRAIN_LISTS = {
    "AS-20K": ("balanced",),
    "AS-2M": ("balanced", "unbalanced"),
    "AS-500K": ("unbalanced",),
}
# A segment has 10 s or less; what is longer was not cut to it.
LONGEST_SECONDS = 12.0


def prepare_audioset(
    data_folder,
    save_folder,
    *,
    class_labels,
    segments,
    train_list="AS-20K",
    subset=None,
    valid_fraction=0.02,
    check_audio=False,
):
    """Write `train.csv`, `valid.csv`, `test.csv` and `classes.txt`.

    The columns are ID (of the video), duration (seconds), wav and label (the
    display names of all classes of the clip, joined by "|"). Clips that are
    missing or cannot be read are left out and listed in `missing.csv`,
    `coverage.csv` and `coverage.json`. Nothing is done if it was done before
    with the same arguments, lists and files.

    Arguments
    ---------
    data_folder : str
        Searched, with all folders in it, for audio files (see `walk_audio`)
        named for their video, see `parse_clip_name`. Of several of one clip
        the best that can be read is taken.
    save_folder : str
        Where the manifests go.
    class_labels : str
        `class_labels_indices.csv`.
    segments : dict
        Lists for "balanced", "unbalanced" (if it is used) and "eval", see
        `read_segments`.
    train_list : str
        "AS-20K" (balanced), "AS-2M" (balanced and unbalanced) or "AS-500K"
        (those of unbalanced that are in `subset`).
    subset : str
        List of the videos of AS-500K, see `read_videos`.
    valid_fraction : float
        Share of the training videos that are used for validation instead,
        chosen by a hash of the YouTube id.
    check_audio : bool
        Decode every file, not only its header and end.

    Raises
    ------
    ValueError
        If a list is malformed or contradicts another one, or if a split has
        no readable clip.

    Example
    -------
    >>> prepare_audioset(
    ...     "/data/AudioSet",
    ...     "results",
    ...     class_labels="class_labels_indices.csv",
    ...     segments={
    ...         "balanced": "balanced_train_segments.csv",
    ...         "eval": "eval_segments.csv",
    ...     },
    ... )  # doctest: +SKIP
    """
    check_valid_fraction(valid_fraction)
    _check_train_list(train_list, subset)
    names = [*TRAIN_LISTS[train_list], "eval"]
    inputs = [class_labels, *[segments[name] for name in names]]
    inputs += [subset] * (subset is not None)
    for path in inputs:
        if not os.path.isfile(path):
            raise ValueError(f"there is no file {path}")
    audio = find_audio(data_folder)
    options = {
        "data_folder": os.path.abspath(data_folder),
        "train_list": train_list,
        "valid_fraction": valid_fraction,
        "check_audio": check_audio,
        "audio": hash_files(itertools.chain(*audio.values())),
    }
    if is_prepared(save_folder, options, inputs):
        return
    labels = read_class_labels(class_labels)
    clips = read_clips(segments, labels, train_list, subset, valid_fraction)
    files = {
        video: _files_of(segment, audio[video])
        for video, (segment, _) in clips.items()
        if video in audio
    }
    clips = [
        {"ID": video, "label": segment.label, "split": split}
        for video, (segment, split) in clips.items()
    ]
    rows = match_clips(
        clips, files, check_audio=check_audio, longest=LONGEST_SECONDS
    )
    write_manifests(
        save_folder,
        rows,
        SPLITS,
        list(labels.values()),
        options,
        inputs,
        hint=f"files in {data_folder} must be named like "
        "Y--4gqARaEJE.flac or --4gqARaEJE_0_10.wav",
    )


def _check_train_list(train_list, subset):
    """Raises if there is no such list, or its subset is not given."""
    if train_list not in TRAIN_LISTS:
        raise ValueError(
            f"train_list is {train_list!r}, but must be one of "
            + ", ".join(TRAIN_LISTS)
        )
    if (train_list == "AS-500K") != (subset is not None):
        raise ValueError(
            "AS-500K, and no other train_list, needs subset_list: a file with "
            "the ids of its videos, chosen from the unbalanced list"
        )


def read_clips(segments, labels, train_list, subset, valid_fraction):
    """Read all lists, and decide who is trained, validated and tested on.

    A video in several lists counts once. Training clips whose video is in the
    test are left out.

    Arguments
    ---------
    segments : dict
        See `prepare_audioset`.
    labels : dict
        From `read_class_labels`.
    train_list : str
        See `prepare_audioset`.
    subset : str
        See `prepare_audioset`.
    valid_fraction : float
        See `prepare_audioset`.

    Returns
    -------
    clips : dict
        Video -> (segment, split), the test first.
    """
    chosen = None if subset is None else read_videos(subset)
    clips, repeated, in_test = {}, 0, 0
    for name in ("eval", *TRAIN_LISTS[train_list]):
        for segment in read_segments(segments[name], labels):
            video, split = segment.video, "test"
            if name != "eval":
                if chosen is not None and video not in chosen:
                    continue
                split = hold_out("train", video, valid_fraction)
            first, first_split = clips.setdefault(video, (segment, split))
            if first is segment:
                continue
            if name != "eval" and first_split == "test":
                in_test += 1
            elif first.label == segment.label:
                repeated += 1
            else:
                raise ValueError(
                    f"{segments[name]}: {segment} contradicts {first}"
                )
    if repeated:
        logger.warning("%d repeated segments count once", repeated)
    if in_test:
        logger.warning(
            "%d training clips are in the test too and not trained on", in_test
        )
    if chosen is not None:
        _warn_of_strangers(chosen, clips, subset)
    return clips


def _warn_of_strangers(chosen, clips, subset):
    """Tells how much of the list of AS-500K is in no list of segments."""
    strangers = len(chosen.difference(clips))
    if strangers:
        logger.warning(
            "%d of the %d videos of %s are not in the unbalanced list",
            strangers,
            len(chosen),
            subset,
        )


def find_audio(data_folder):
    """Find the clips under a folder, see `walk_audio`.

    Arguments
    ---------
    data_folder : str
        Where to search.

    Returns
    -------
    audio : dict
        Video -> absolute paths, those of preferred formats first.
    """
    audio = {}
    for name, path in walk_audio(data_folder, CLIP_EXTENSIONS):
        clip = parse_clip_name(name)
        if clip is not None:
            audio.setdefault(clip[0], []).append(path)
    for paths in audio.values():
        paths.sort(key=preference)
    return audio


def _files_of(segment, paths):
    """Those files that are not named for another part of the video, or an
    error."""
    files = [path for path in paths if _is_of(path, segment)]
    return files or UnreadableAudioError(
        f"{paths[0]} is named for another part of the video"
    )


def _is_of(path, segment):
    """Whether a file is not named for another part of the video."""
    stem = os.path.splitext(os.path.basename(path))[0]
    start = parse_clip_name(stem)[1]
    # In seconds, perhaps without decimals, or in milliseconds.
    return start is None or any(
        abs(start - unit * segment.start) < 1 for unit in (1, 1000)
    )
