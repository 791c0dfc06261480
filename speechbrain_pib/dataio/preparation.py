"""What every preparation of a data set shares: splits, clips and their files,
writing the manifests, and knowing when there is nothing left to do.

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib
import hashlib
import json
import os
import shutil

from speechbrain.utils.logger import get_logger

from speechbrain_pib.dataio.audio.checks import (
    UnreadableAudioError,
    check_copies,
)
from speechbrain_pib.dataio.manifest import report_coverage, write_manifest
from speechbrain_pib.utils.files import atomic_writer, hash_file

logger = get_logger(__name__)


def check_valid_fraction(fraction):
    """Check the share of the training videos that are for validation.

    Arguments
    ---------
    fraction : float
        What a user gave.

    Raises
    ------
    ValueError
        If nothing or all would be for validation.

    Example
    -------
    >>> check_valid_fraction(1.0)
    Traceback (most recent call last):
        ...
    ValueError: valid_fraction must be between 0 and 1, got 1.0
    """
    if not 0 < fraction < 1:
        raise ValueError(
            f"valid_fraction must be between 0 and 1, got {fraction}"
        )


def is_held_out(video, fraction):
    """Tell whether the clips of a training video are for validation.

    Arguments
    ---------
    video : str
        Its id, whose hash decides.
    fraction : float
        Share of the videos that are held out.

    Returns
    -------
    held_out : bool

    Example
    -------
    >>> is_held_out("P01_01", 0.0), is_held_out("P01_01", 1.0)
    (False, True)
    """
    digest = hashlib.sha256(video.encode()).hexdigest()
    return int(digest[:8], 16) / 2**32 < fraction


def hold_out(split, video, fraction):
    """Move the clips of some training videos to validation.

    Arguments
    ---------
    split : str
        Official split of a clip.
    video : str
        Its video, see `is_held_out`.
    fraction : float
        Share of the training videos that are held out.

    Returns
    -------
    split : str
        "valid" for a training clip that is held out, else as it was.

    Example
    -------
    >>> hold_out("train", "P01_01", 1.0), hold_out("test", "P01_01", 1.0)
    ('valid', 'test')
    """
    if split == "train" and is_held_out(video, fraction):
        return "valid"
    return split


def match_clips(clips, audio, *, check_audio=False, longest=float("inf")):
    """Join annotated clips with their audio files, which are checked.

    Arguments
    ---------
    clips : list of dict
        With ID, label, split and perhaps further columns.
    audio : dict
        ID -> paths, the best first, or the UnreadableAudioError that says why
        there are none. The first that can be read is taken.
    check_audio : bool
        Whether to decode all of every file, which finds damage inside it and
        silence, or its header and end alone.
    longest : float
        In seconds; what is longer was not cut to its clip.

    Yields
    ------
    row : dict
        A clip with duration (seconds) and wav (the path), or with reason: why
        it is left out. They come in the order of the clips.

    Example
    -------
    >>> clip = {"ID": "a", "label": "dog", "split": "test"}
    >>> [row["reason"] for row in match_clips([clip], {})]
    [UnreadableAudioError('no audio file')]
    """
    absent = UnreadableAudioError("no audio file")
    copies = [audio.get(clip["ID"], absent) for clip in clips]
    here = [paths for paths in copies if isinstance(paths, list)]
    files = iter(check_copies(here, decode=check_audio, longest=longest))
    for clip, paths in zip(clips, copies):
        if isinstance(paths, list):
            path, duration = next(files)
        else:
            path, duration = None, paths
        if isinstance(duration, UnreadableAudioError):
            yield {**clip, "reason": duration}
        else:
            yield {"duration": duration, "wav": path, **clip}


def write_manifests(
    save_folder, rows, splits, classes, options, inputs=(), *, hint
):
    """Write `<split>.csv` for each split, what is missing, and that the
    preparation is complete.

    Arguments
    ---------
    save_folder : str
        Where the files go, see also `report_coverage`.
    rows : iterable of dict
        What was annotated: rows of the manifests with split, or with ID,
        label, split and reason if they are left out.
    splits : list of str
        Splits that must have rows.
    classes : list of str
        All class names.
    options : dict
        As for `mark_prepared`.
    inputs : list of str
        As for `mark_prepared`.
    hint : str
        What to look for if none of a split is there; ends a message.

    Raises
    ------
    ValueError
        If a split has no rows; then nothing is written.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> row = {"ID": "a", "label": "dog", "split": "test", "wav": "a.wav"}
    >>> write_manifests(folder, [row], ["test"], ["dog"], {}, hint="")
    >>> (folder / "test.csv").read()
    'ID,label,wav\\na,dog,a.wav\\n'
    """
    found, missing = {split: [] for split in splits}, []
    for row in rows:
        if "reason" in row:
            missing.append(row)
        else:
            columns = {k: v for k, v in row.items() if k != "split"}
            found[row["split"]].append(columns)
    for split in splits:
        if not found[split]:
            raise ValueError(_why_empty(split, missing, hint))
    for split in {*SPLITS} - {*splits}:
        # One of an earlier preparation is none of this one.
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(save_folder, f"{split}.csv"))
    for split in splits:
        write_manifest(os.path.join(save_folder, f"{split}.csv"), found[split])
    report_coverage(found, missing, classes, save_folder)
    mark_prepared(save_folder, options, inputs)


def _why_empty(split, missing, hint):
    """The message for a split without rows."""
    reasons = [row["reason"] for row in missing if row["split"] == split]
    if not reasons:
        return (
            f"the annotations have no {split} clips; add the list that has "
            "them (for valid: or raise valid_fraction)"
        )
    return (
        f"none of the {len(reasons)} {split} clips can be read (the first: "
        f"{reasons[0]}); {hint}"
    )


# The last is a challenge, whose labels nobody has.
SPLITS = ("train", "valid", "test", "submission")
FINGERPRINT_FILE = "prepared.json"
REPORTS = ("classes.txt", "coverage.json")  # beside CSV files


@contextlib.contextmanager
def staged_preparation(save_folder):
    """Prepare beside a prepared folder, and then take over what was prepared.

    Arguments
    ---------
    save_folder : str
        The folder. What was prepared in it is left as it is after an error.

    Yields
    ------
    staging : str
        A folder in it, with what is prepared already, to prepare in.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> with staged_preparation(folder) as staging:
    ...     open(os.path.join(staging, "train.csv"), "w").close()
    >>> os.listdir(folder)
    ['train.csv']
    """
    staging = os.path.join(save_folder, "preparation.tmp")
    shutil.rmtree(staging, ignore_errors=True)
    os.makedirs(staging)
    try:
        earlier = _read_fingerprint(save_folder)["outputs"]
        for name in (*earlier, FINGERPRINT_FILE):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy2(os.path.join(save_folder, name), staging)
        yield staging
        for name in {*earlier} - {*os.listdir(staging)}:
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(save_folder, name))
        # Last what says that the others are complete.
        names = sorted(os.listdir(staging), key=FINGERPRINT_FILE.__eq__)
        for name in names:
            path = os.path.join(save_folder, name)
            os.replace(os.path.join(staging, name), path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _describe(save_folder, options, inputs, outputs):
    """Options, size and time of the input files, and hashes of the outputs, as
    JSON gives them."""
    states = {os.path.abspath(path): os.stat(path) for path in inputs}
    description = {
        "options": options,
        "inputs": {p: [s.st_size, s.st_mtime_ns] for p, s in states.items()},
        "outputs": {
            name: hash_file(os.path.join(save_folder, name))
            for name in sorted(outputs)
        },
    }
    return json.loads(json.dumps(description))


def _read_fingerprint(save_folder):
    """What `mark_prepared` wrote; a damaged file says that nothing is
    prepared."""
    path = os.path.join(save_folder, FINGERPRINT_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            fingerprint = json.load(file)
        if isinstance(fingerprint["outputs"], dict):
            return fingerprint
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        pass
    return {"outputs": {}}


def mark_prepared(save_folder, options, inputs=()):
    """Note that a preparation is complete; to be called after its last write.

    Arguments
    ---------
    save_folder : str
        The prepared folder; its CSV files, classes.txt and coverage.json are
        remembered by their hash.
    options : dict
        All that the result depends on; must be fit for JSON.
    inputs : list of str
        Annotation files, remembered by size and modification time.

    Example
    -------
    >>> from speechbrain_pib.dataio.manifest import write_manifest
    >>> folder = getfixture("tmpdir")
    >>> write_manifest(folder / "train.csv", [{"ID": "a"}])
    >>> is_prepared(folder, {"fold": 1})
    False
    >>> mark_prepared(folder, {"fold": 1})
    >>> is_prepared(folder, {"fold": 1}), is_prepared(folder, {"fold": 2})
    (True, False)
    """
    outputs = [n for n in os.listdir(save_folder) if n.endswith(".csv")]
    outputs += REPORTS
    fingerprint = _describe(save_folder, options, inputs, outputs)
    with atomic_writer(os.path.join(save_folder, FINGERPRINT_FILE)) as file:
        json.dump(fingerprint, file, indent=2)


def is_prepared(save_folder, options, inputs=()):
    """Tell whether `mark_prepared` was called with the same arguments.

    Arguments
    ---------
    save_folder : str
        The folder that may be prepared.
    options : dict
        As for `mark_prepared`.
    inputs : list of str
        As for `mark_prepared`; a changed file means not prepared.

    Returns
    -------
    prepared : bool
        False also if one of the files written then has changed since.
    """
    fingerprint = _read_fingerprint(save_folder)
    # Of an input that is not there, who reads it says more.
    if not fingerprint["outputs"] or not all(map(os.path.exists, inputs)):
        return False
    outputs = {*fingerprint["outputs"], *REPORTS}
    now = _describe(save_folder, options, inputs, outputs)
    if fingerprint == now:
        logger.info("The manifests are up to date")
    return fingerprint == now
