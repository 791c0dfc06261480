"""Files of events that belong together: a reference and an estimate.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import os

from speechbrain_pib.dataio.timelines.formats import FORMATS, split_name
from speechbrain_pib.utils.files import walk_files

RECORD = ".timeline.json"  # what such a note is called behind a name
RECORDED = ("seconds", "gmacs", "gmacs_everywhere")


def pair_files(reference, estimate):
    """Find the estimate of each reference.

    Arguments
    ---------
    reference : str
        A file of events, or a folder of such files.
    estimate : str
        Accordingly.

    Returns
    -------
    pairs : dict
        Name, which is that of the files without their ends, to the paths of a
        reference and an estimate. Files of folders are paired by name, also
        that of the folder within; of several formats of one name the first of
        FORMATS is taken.
    alone : dict
        Path of each file that has no partner to the reason.

    Raises
    ------
    ValueError
        If one is a folder and the other is none, or a folder holds no events.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> for name in ("a/monday.csv", "b/monday.txt"):
    ...     _ = (folder / name).ensure()
    >>> pairs, alone = pair_files(folder / "a", folder / "b")
    >>> list(pairs), alone
    (['monday'], {})
    """
    folders = [os.path.isdir(path) for path in (reference, estimate)]
    if not any(folders):
        _, name = split_name(reference)
        return {name: (os.fspath(reference), os.fspath(estimate))}, {}
    if not all(folders):
        raise ValueError(
            f"{reference} and {estimate} must be two files or two folders"
        )
    references, estimates = (_find(path) for path in (reference, estimate))
    pairs = {
        name: (path, estimates[name])
        for name, path in references.items()
        if name in estimates
    }
    alone = {
        path: f"there is no {kind} for {path}"
        for kind, ours, theirs in (
            ("estimate", references, estimates),
            ("reference", estimates, references),
        )
        for name, path in ours.items()
        if name not in theirs
    }
    return pairs, alone


def read_record(path):
    """Read what the command timeline noted beside a file that it wrote.

    Arguments
    ---------
    path : str
        The file, of any format.

    Returns
    -------
    record : dict
        "seconds", the duration of the recording, "gmacs" and
        "gmacs_everywhere"; None if there is no such note.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> text = '{"seconds": 60.0, "gmacs": 1.5, "gmacs_everywhere": 6.0}'
    >>> (folder / "monday.timeline.json").write(text)
    >>> read_record(folder / "monday.csv")["gmacs"]
    1.5
    """
    _, name = split_name(path)
    try:
        with open(
            os.path.join(os.path.dirname(path), name + RECORD), encoding="utf-8"
        ) as file:
            record = json.load(file)
        return {key: float(record[key]) for key in RECORDED}
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return None


def _find(folder):
    """Name to path of each file of events in a folder."""
    found, order = {}, list(FORMATS)
    for path in walk_files(folder):
        format_name, _ = split_name(path)
        if format_name is not None:
            suffix = FORMATS[format_name].suffix
            name = os.path.relpath(path, folder)[: -len(suffix)]
            rank = order.index(format_name)
            found[name] = min(found.get(name, (rank, path)), (rank, path))
    if not found:
        raise ValueError(
            f"{folder} holds no files of events, which end in "
            + ", ".join(each.suffix for each in FORMATS.values())
        )
    return {name: path for name, (_, path) in sorted(found.items())}
