"""What every preparation of a data set shares: splits, and knowing when there
is nothing left to do.

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib
import hashlib
import json
import os
import shutil

from speechbrain_pib.utils.files import atomic_writer, hash_file


def is_held_out(video, fraction):
    """Whether the clips of a training video are for validation.

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
        for name in (
            *_read_fingerprint(save_folder)["outputs"],
            FINGERPRINT_FILE,
        ):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy2(os.path.join(save_folder, name), staging)
        yield staging
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
    """Notes that a preparation is complete; called after its last write.

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
    """Tells whether `mark_prepared` was called with the same arguments.

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
    if not fingerprint["outputs"]:
        return False
    outputs = {*fingerprint["outputs"], *REPORTS}
    return fingerprint == _describe(save_folder, options, inputs, outputs)
