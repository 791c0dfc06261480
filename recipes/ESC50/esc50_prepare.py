"""Manifests of ESC-50 (https://doi.org/10.1145/2733373.2806390).

Authors
 * The speechbrain_pib developers 2026
"""

import itertools
import os
import tempfile
import zipfile
from pathlib import Path

import pooch
from speechbrain.utils.logger import get_logger

from speechbrain_pib.dataio.audio.files import find_copies, hash_files
from speechbrain_pib.dataio.esc50 import (
    ESC50_FOLDER,
    find_esc50,
    read_meta,
)
from speechbrain_pib.dataio.preparation import (
    is_prepared,
    match_clips,
    write_manifests,
)

logger = get_logger(__name__)

ESC50_URL = "https://github.com/karolpiczak/ESC-50/archive/master.zip"
SPLITS = ("train", "valid", "test")
# Of a manifest, as far as meta/esc50.csv says them.
COLUMNS = ("ID", "label", "event_start", "event_stop")


def prepare_esc50(
    data_folder,
    save_folder,
    *,
    test_fold,
    valid_fold=None,
    train_folds=None,
    check_audio=False,
):
    """Write `train.csv`, `test.csv`, `classes.txt` and, with a fold for it,
    `valid.csv` for ESC-50.

    The columns are ID, duration (seconds), wav, label, and event_start and
    event_stop (seconds) if `meta/esc50.csv` has them for all clips, as that of
    scenes with an event does (see speechbrain_pib.dataio.scenes). The classes are the sorted categories
    of `meta/esc50.csv`, which may be any subset of the 50.
    Clips that are missing or cannot be read are left out and listed in
    `missing.csv`, `coverage.csv` and `coverage.json`. Nothing is done if it
    was done before with the same arguments and files.

    Arguments
    ---------
    data_folder : str
        Folder in ESC-50's layout, or with it in `ESC-50-master`: `audio/` and
        `meta/esc50.csv` (with columns filename, fold, category). Audio may be
        in any format that `walk_audio` finds, whatever extension the csv
        gives.
    save_folder : str
        Where the manifests go.
    test_fold : int
        The fold to test on.
    valid_fold : int
        The fold to choose on (default: none).
    train_folds : list of int
        Folds to train on; all others by default.
    check_audio : bool
        Whether to decode all of every file, which finds damage inside it and
        silence, or its header and end alone.

    Raises
    ------
    ValueError
        If the data are not there or malformed, a fold does not exist or has
        two uses, or a split has no readable clip.

    Example
    -------
    >>> prepare_esc50(
    ...     "/data/ESC-50-master", "results", test_fold=1
    ... )  # doctest: +SKIP
    """
    data_folder = find_esc50(data_folder)
    meta = os.path.join(data_folder, "meta", "esc50.csv")
    clips = read_meta(meta)
    split_of = _divide_folds(clips, meta, test_fold, valid_fold, train_folds)
    audio = find_copies(os.path.join(data_folder, "audio"))
    options = {
        "data_folder": os.path.abspath(data_folder),
        "folds": {str(fold): split for fold, split in split_of.items()},
        "check_audio": check_audio,
        "audio": hash_files(itertools.chain(*audio.values())),
    }
    if is_prepared(save_folder, options, [meta]):
        return
    classes = sorted({clip["label"] for clip in clips})
    # All rows of a manifest have the same columns.
    columns = [name for name in COLUMNS if all(name in clip for clip in clips)]
    clips = [
        {name: clip[name] for name in columns} | {"split": split}
        for clip in clips
        if (split := split_of.get(clip["fold"]))
    ]
    write_manifests(
        save_folder,
        match_clips(clips, audio, check_audio=check_audio),
        [split for split in SPLITS if split in split_of.values()],
        classes,
        options,
        [meta],
        hint=f"look into {data_folder}/audio",
    )


def _divide_folds(clips, meta, test_fold, valid_fold, train_folds):
    """Each fold to the split that it is, if they make sense."""
    folds = {clip["fold"] for clip in clips}
    split_of = {test_fold: "test"}
    if valid_fold == test_fold:
        raise ValueError(f"fold {test_fold} is both validated and tested on")
    if valid_fold is not None:
        split_of[valid_fold] = "valid"
    if train_folds is None:
        train_folds = folds - {*split_of}
    for fold in sorted(train_folds):
        if fold in split_of:
            split = {"test": "tested", "valid": "validated"}[split_of[fold]]
            raise ValueError(f"fold {fold} is both trained and {split} on")
    split_of.update(dict.fromkeys(sorted(train_folds), "train"))
    if unknown := {*split_of} - folds:
        raise ValueError(
            f"{meta} has the folds {sorted(folds)}, but not {sorted(unknown)}"
        )
    if not train_folds:
        raise ValueError(f"{meta} leaves no fold to train on")
    return split_of


def download_esc50(folder, url=ESC50_URL):
    """Download and unpack ESC-50 (600 MB); skipped if it is there.

    Arguments
    ---------
    folder : str
        Where the folder `ESC-50-master` goes.
    url : str
        The zip file.

    Raises
    ------
    RuntimeError
        If the download fails or what comes is not ESC-50.

    Example
    -------
    >>> download_esc50("/data")  # doctest: +SKIP
    """
    data_folder = find_esc50(folder)
    if os.path.isfile(os.path.join(data_folder, "meta", "esc50.csv")):
        logger.info("ESC-50 is already in %s", data_folder)
        return
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(suffix=".tmp", dir=folder) as temporary:
        try:
            pooch.retrieve(
                url,
                known_hash=None,  # GitHub packs it anew now and then.
                fname="esc50.zip",
                path=temporary,
                processor=pooch.Unzip(),
                progressbar=True,
            )
        except (OSError, zipfile.BadZipFile) as error:
            raise RuntimeError(
                f"ESC-50 cannot be downloaded from {url}: {error}. Without "
                "network, unpack that file by hand and give the folder with "
                "--data_folder"
            ) from error
        metas = list(Path(temporary).glob("*/*/meta/esc50.csv"))
        if not metas:
            raise RuntimeError(f"{url} holds no meta/esc50.csv: not ESC-50")
        metas[0].parents[1].rename(os.path.join(folder, ESC50_FOLDER))
