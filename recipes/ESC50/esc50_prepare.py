"""Manifests of ESC-50 (https://doi.org/10.1145/2733373.2806390).

Authors
 * The speechbrain_pib developers 2026
"""

import glob
import os
import shutil
import urllib.request
import zipfile

from speechbrain.utils.logger import get_logger
from tqdm.contrib import tqdm

from speechbrain_pib.dataio.audio.checks import UnreadableAudioError, check_many
from speechbrain_pib.dataio.manifest import report_coverage, write_manifest
from speechbrain_pib.dataio.preparation import is_prepared, mark_prepared
from speechbrain_pib.utils.tables import read_rows, read_whole_number

logger = get_logger(__name__)

ESC50_URL = "https://github.com/karolpiczak/ESC-50/archive/master.zip"
ESC50_FOLDER = "ESC-50-master"
AUDIO_EXTENSIONS = (".wav", ".ogg", ".flac", ".mp3")


def prepare_esc50(
    data_folder,
    save_folder,
    *,
    test_fold,
    train_folds=None,
    check_audio=False,
):
    """Writes `train.csv`, `test.csv` and `classes.txt` for ESC-50.

    The columns are ID, duration (seconds), wav and label. The classes are the
    sorted categories of `meta/esc50.csv`, which may be any subset of the 50.
    Clips that are missing or cannot be read are left out and listed in
    `missing.csv`, `coverage.csv` and `coverage.json`. Nothing is done if it
    was done before with the same arguments and files.

    Arguments
    ---------
    data_folder : str
        Folder in ESC-50's layout, or with it in `ESC-50-master`: `audio/` and
        `meta/esc50.csv` (with columns filename, fold, category). Audio may be wav, ogg, flac or mp3, whatever
        extension the csv gives.
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
    audio = find_audio(os.path.join(data_folder, "audio"))
    options = {
        "data_folder": os.path.abspath(data_folder),
        "test_fold": test_fold,
        "train_folds": train_folds,
        "check_audio": check_audio,
        "audio": sorted(os.path.basename(path) for path in audio.values()),
    }
    if is_prepared(save_folder, options, [meta]):
        logger.info("Manifests in %s are up to date", save_folder)
        return

    classes = sorted({clip["label"] for clip in clips})
    split_of = dict.fromkeys(train_folds, "train") | {test_fold: "test"}
    clips = [
        {**clip, "split": split_of[clip["fold"]]}
        for clip in clips
        if clip["fold"] in split_of
    ]
    found, missing = match_clips(clips, audio, check_audio=check_audio)
    for split, rows in found.items():
        if not rows:
            raise ValueError(
                f"{data_folder}: no {split} clip can be read; the first one: "
                + next(str(m["reason"]) for m in missing if m["split"] == split)
            )
        write_manifest(os.path.join(save_folder, f"{split}.csv"), rows)
    report_coverage(found, missing, classes, save_folder)
    mark_prepared(save_folder, options, [meta])


def read_meta(path):
    """Reads `meta/esc50.csv`.

    Arguments
    ---------
    path : str
        CSV file with a header; the columns filename, fold and category are
        used.

    Returns
    -------
    clips : list of dict
        With filename, ID (the file name without extension), fold (int) and
        label.

    Raises
    ------
    ValueError
        If the file is missing, or malformed.

    Example
    -------
    >>> path = getfixture("tmpdir") / "esc50.csv"
    >>> path.write_text(
    ...     "filename,fold,category\\n1-7-A-0.wav,1,dog\\n", encoding="utf-8"
    ... )
    >>> read_meta(path)
    [{'filename': '1-7-A-0.wav', 'ID': '1-7-A-0', 'fold': 1, 'label': 'dog'}]
    """
    if not os.path.isfile(path):
        raise ValueError(
            f"there is no {path}; data_folder must be in ESC-50's layout "
            "(audio/ and meta/esc50.csv), or use --download True"
        )
    clips = []
    for line, row in read_rows(path, ["filename", "fold", "category"]):
        try:
            clip = {
                "filename": row["filename"],
                "ID": os.path.splitext(row["filename"])[0],
                "fold": read_whole_number(row["fold"]),
                "label": row["category"].strip(),
            }
        except ValueError as error:
            raise ValueError(
                f"{path}, line {line}: expected the columns filename, fold (a "
                f"number) and category, got {row}"
            ) from error
        clips.append(clip)
    if not clips:
        raise ValueError(f"{path} lists no clips")
    return clips


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


def find_audio(folder):
    """Lists the audio files of a folder.

    Arguments
    ---------
    folder : str
        ESC-50's `audio` folder.

    Returns
    -------
    audio : dict
        File name, and file name without extension -> absolute path; of
        several formats the first in `AUDIO_EXTENSIONS`.

    Raises
    ------
    ValueError
        If there is no such folder.
    """
    if not os.path.isdir(folder):
        raise ValueError(f"there is no folder {folder} with ESC-50's audio")
    audio = {}
    for extension in AUDIO_EXTENSIONS:
        for name in sorted(os.listdir(folder)):
            if name.lower().endswith(extension):
                path = os.path.abspath(os.path.join(folder, name))
                audio[name] = path
                audio.setdefault(os.path.splitext(name)[0], path)
    return audio


def match_clips(clips, audio, *, check_audio=False):
    """Joins annotations and audio files.

    Arguments
    ---------
    clips : list of dict
        With filename, ID, label and split (train or test).
    audio : dict
        From `find_audio`.
    check_audio : bool
        See `prepare_esc50`.

    Returns
    -------
    found : dict
        "train" and "test" -> rows of the manifest.
    missing : list of dict
        ID, label, split and reason of the clips left out.
    """
    paths = [audio.get(c["filename"], audio.get(c["ID"])) for c in clips]
    here = [(clip, path) for clip, path in zip(clips, paths) if path]
    missing = [
        {**clip, "reason": "no audio file"}
        for clip, path in zip(clips, paths)
        if not path
    ]
    found = {"train": [], "test": []}
    durations = check_many([path for _, path in here], decode=check_audio)
    for (clip, path), duration in zip(here, durations):
        if isinstance(duration, UnreadableAudioError):
            missing.append({**clip, "reason": duration})
            continue
        found[clip["split"]].append(
            {
                "ID": clip["ID"],
                "duration": duration,
                "wav": path,
                "label": clip["label"],
            }
        )
    return found, missing


def find_esc50(folder):
    """Where ESC-50's layout is: in a folder or in its ESC-50-master.

    Arguments
    ---------
    folder : str
        What the user gave.

    Returns
    -------
    data_folder : str
        The folder with `meta/esc50.csv`; what was given, if none has it.

    Example
    -------
    >>> find_esc50("/no/such/folder")
    '/no/such/folder'
    """
    for candidate in (folder, os.path.join(folder, ESC50_FOLDER)):
        if os.path.isfile(os.path.join(candidate, "meta", "esc50.csv")):
            return candidate
    return folder


def download_esc50(folder, url=ESC50_URL):
    """Downloads and unpacks ESC-50 (600 MB); skipped if it is there.

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
    temporary = os.path.join(folder, f"esc50.{os.getpid()}.tmp")
    archive = os.path.join(temporary, "esc50.zip")
    unpacked = os.path.join(temporary, "unpacked")
    os.makedirs(unpacked)
    try:
        _download(url, archive)
        _unpack(archive, unpacked)
        metas = glob.glob(os.path.join(unpacked, "*", "meta", "esc50.csv"))
        if not metas:
            raise RuntimeError(f"{url} holds no meta/esc50.csv: not ESC-50")
        os.rename(
            os.path.dirname(os.path.dirname(metas[0])),
            os.path.join(folder, ESC50_FOLDER),
        )
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _download(url, path):
    """Downloads a file, with a progress bar."""
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            size = int(response.headers.get("Content-Length") or 0)
            with (
                tqdm.wrapattr(
                    response, "read", total=size or None, desc="ESC-50"
                ) as reader,
                open(path, "wb") as file,
            ):
                shutil.copyfileobj(reader, file)
    except OSError as error:
        raise RuntimeError(
            f"ESC-50 cannot be downloaded from {url}: {error}. Without "
            "network, unpack that file by hand and give the folder with "
            "--data_folder"
        ) from error
    if os.path.getsize(path) < size:
        raise RuntimeError(f"the download of {url} broke off; try again")


def _unpack(archive, folder):
    """Unpacks a zip file, refusing names that lead out of the folder."""
    root = os.path.realpath(folder)
    try:
        with zipfile.ZipFile(archive) as file:
            for name in file.namelist():
                target = os.path.realpath(os.path.join(root, name))
                if os.path.commonpath([root, target]) != root:
                    raise RuntimeError(
                        f"the downloaded file is not ESC-50: {name!r} leads "
                        "out of the folder it is unpacked to"
                    )
            file.extractall(root)
    except zipfile.BadZipFile as error:
        raise RuntimeError(
            f"what was downloaded is not a zip file: {error}"
        ) from error
