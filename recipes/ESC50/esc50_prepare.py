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
# Of a manifest, as far as meta/esc50.csv says them.
COLUMNS = ("ID", "label", "event_start", "event_stop")


def prepare_esc50(
    data_folder,
    save_folder,
    *,
    test_fold,
    train_folds=None,
    check_audio=False,
):
    """Write `train.csv`, `test.csv` and `classes.txt` for ESC-50.

    The columns are ID, duration (seconds), wav, label, and event_start and
    event_stop (seconds) if `meta/esc50.csv` has them, as that of scenes does
    (see speechbrain_pib.dataio.scenes). The classes are the sorted categories
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
    train_folds : list of int
        Folds to train on; all others by default.
    check_audio : bool
        Whether to decode all of every file, which finds damage inside it and
        silence, or its header and end alone.

    Raises
    ------
    ValueError
        If the data are not there or malformed, a fold does not exist, the
        test fold is trained on, or a split has no readable clip.

    Example
    -------
    >>> prepare_esc50(
    ...     "/data/ESC-50-master", "results", test_fold=1
    ... )  # doctest: +SKIP
    """
    data_folder = find_esc50(data_folder)
    meta = os.path.join(data_folder, "meta", "esc50.csv")
    clips = read_meta(meta)
    test_fold, train_folds = _check_folds(clips, meta, test_fold, train_folds)
    audio = find_copies(os.path.join(data_folder, "audio"))
    options = {
        "data_folder": os.path.abspath(data_folder),
        "test_fold": test_fold,
        "train_folds": train_folds,
        "check_audio": check_audio,
        "audio": hash_files(itertools.chain(*audio.values())),
    }
    if is_prepared(save_folder, options, [meta]):
        return
    classes = sorted({clip["label"] for clip in clips})
    split_of = dict.fromkeys(train_folds, "train") | {test_fold: "test"}
    clips = [
        {name: clip[name] for name in COLUMNS if name in clip}
        | {"split": split}
        for clip in clips
        if (split := split_of.get(clip["fold"]))
    ]
    write_manifests(
        save_folder,
        match_clips(clips, audio, check_audio=check_audio),
        ["train", "test"],
        classes,
        options,
        [meta],
        hint=f"look into {data_folder}/audio",
    )


def _check_folds(clips, meta, test_fold, train_folds):
    """The test fold and the sorted training folds, if they make sense."""
    folds = {clip["fold"] for clip in clips}
    train_folds = sorted(
        folds - {test_fold} if train_folds is None else set(train_folds)
    )
    unknown = {test_fold, *train_folds} - folds
    if unknown:
        raise ValueError(
            f"{meta} has the folds {sorted(folds)}, but not {sorted(unknown)}"
        )
    if test_fold in train_folds:
        raise ValueError(f"fold {test_fold} is both trained and tested on")
    if not train_folds:
        raise ValueError(f"{meta} has only fold {test_fold}: none to train on")
    return test_fold, train_folds


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
