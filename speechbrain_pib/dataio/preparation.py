"""What every preparation of a data set shares: splits, and knowing when there
is nothing left to do.

Authors
 * The speechbrain_pib developers 2026
"""

import hashlib
import json
import os

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


def _describe(options, inputs):
    """Options, and size and time of the input files, as JSON gives them."""
    states = {os.path.abspath(path): os.stat(path) for path in inputs}
    description = {
        "options": options,
        "inputs": {p: [s.st_size, s.st_mtime_ns] for p, s in states.items()},
    }
    return json.loads(json.dumps(description))


def mark_prepared(save_folder, options, inputs=()):
    """Notes that a preparation is complete; called after its last write.

    Arguments
    ---------
    save_folder : str
        The prepared folder; its CSV files are remembered by their hash.
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
    names = sorted(n for n in os.listdir(save_folder) if n.endswith(".csv"))
    fingerprint = _describe(options, inputs)
    fingerprint["outputs"] = {
        name: hash_file(os.path.join(save_folder, name)) for name in names
    }
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
        False also if one of the CSV files written then has changed since.
    """
    path = os.path.join(save_folder, FINGERPRINT_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            fingerprint = json.load(file)
        outputs = fingerprint.pop("outputs")
    except (FileNotFoundError, KeyError, json.JSONDecodeError):
        return False
    return fingerprint == _describe(options, inputs) and all(
        hash_file(os.path.join(save_folder, name)) == digest
        for name, digest in outputs.items()
    )
