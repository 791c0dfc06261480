"""Recordings that time lines are made of: files, folders, and when they began.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import re
from collections import Counter
from datetime import datetime
from typing import NamedTuple

from speechbrain_pib.dataio.audio.files import CLIP_EXTENSIONS, walk_audio
from speechbrain_pib.dataio.timelines.formats import FORMATS
from speechbrain_pib.dataio.timelines.pairs import RECORD
from speechbrain_pib.dataio.video.files import EXTENSIONS

# How many digits the directives of strptime stand for.
DIGITS = {
    "Y": 4,
    "m": 2,
    "d": 2,
    "H": 2,
    "M": 2,
    "S": 2,
    "y": 2,
    "j": 3,
    "f": 6,
}


class RecordingFile(NamedTuple):
    """A recording, and the name of its results.

    Arguments
    ---------
    path : str
        The file.
    name : str
        Its results' path from the output folder, without an extension.

    Example
    -------
    >>> RecordingFile("/data/woods/owl.wav", "woods/owl").name
    'woods/owl'
    """

    path: str
    name: str


def find_recordings(paths):
    """Find recordings: the files that are given, and those in folders.

    Links to folders are followed, and each folder is visited once. Results
    are named as the file is, seen from the folder that was given, without its
    extension where no other file has the same name.

    Arguments
    ---------
    paths : list of str
        Files, and folders that hold sound or videos.

    Returns
    -------
    recordings : list of RecordingFile
        In the order given, and in that of names in a folder. A file that is
        not there is among them.

    Raises
    ------
    ValueError
        If results of two files would have the same name, or a folder holds
        none.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> for name in ("woods/owl.wav", "owl.mp3", "notes.txt"):
    ...     _ = (folder / name).ensure()
    >>> [recording.name for recording in find_recordings([str(folder)])]
    ['owl', 'woods/owl']
    """
    found = {}  # path to its name with the extension
    first = {}  # where a file lies, to the path it was found by first
    for path in paths:
        path = os.fspath(path)
        if not os.path.isdir(path):
            path = first.setdefault(_place(path), path)
            found.setdefault(path, os.path.basename(path))
            continue
        extensions = {*CLIP_EXTENSIONS, *EXTENSIONS}
        inside = [file for _, file in walk_audio(path, extensions)]
        if not inside:
            raise ValueError(f"{path} holds no sound and no videos")
        for file in inside:
            file = first.setdefault(_place(file), file)
            found.setdefault(file, os.path.relpath(file, path))
    stems = {path: os.path.splitext(name)[0] for path, name in found.items()}
    counts = Counter(
        result for stem in stems.values() for result in _results(stem)
    )
    recordings = [
        RecordingFile(
            path,
            name
            if any(counts[result] > 1 for result in _results(stems[path]))
            else stems[path],
        )
        for path, name in found.items()
    ]
    _check_names(recordings)
    return recordings


def _place(path):
    """The same for all ways to write the path of a file."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def _results(name):
    """What the files of a time line can be called, as file systems that do
    not tell upper from lower case see it."""
    suffixes = (RECORD, *(kind.suffix for kind in FORMATS.values()))
    return [f"{name}{suffix}".lower() for suffix in suffixes]


def _check_names(recordings):
    """Raises if results of two recordings would have the same name."""
    named = {}
    for path, name in recordings:
        for result in _results(name):
            if (other := named.setdefault(result, path)) is not path:
                raise ValueError(
                    f"the results of {other} and {path} would have the same "
                    "name; give them one after the other, with other output "
                    "folders"
                )


def find_begin(path, pattern):
    """Tell when a recording was begun.

    Arguments
    ---------
    path : str
        The file.
    pattern : str
        Date and time of day in the ISO format; or how they stand in the name
        of the file, as for strptime, such as "%Y%m%d_%H%M%S".

    Returns
    -------
    begin : datetime.datetime
        None if the name does not tell.

    Raises
    ------
    ValueError
        If the pattern is neither.

    Example
    -------
    >>> find_begin("A7_20260501_043000.wav", "%Y%m%d_%H%M%S")
    datetime.datetime(2026, 5, 1, 4, 30)
    >>> find_begin("owl.wav", "%Y%m%d_%H%M%S")
    """
    if "%" not in pattern:
        return datetime.fromisoformat(pattern)
    for match in _to_regex(pattern).finditer(os.path.basename(path)):
        try:
            return datetime.strptime(match.group(), pattern)
        except ValueError:  # Digits that are no date.
            continue
    return None


def _to_regex(pattern):
    """A regular expression for what a pattern of strptime may stand for."""
    # Plain characters, and directives one behind the other.
    plain, *directives = re.split(r"%(.?)", pattern)
    if twice := [x for x, n in Counter(directives[::2]).items() if n > 1]:
        raise ValueError(f"{pattern}: %{twice[0]} can stand in it only once")
    regex = re.escape(plain)
    for kind, after in zip(directives[::2], directives[1::2]):
        if kind not in DIGITS:
            known = ", ".join(f"%{x}" for x in DIGITS)
            raise ValueError(f"{pattern}: there are {known}, not %{kind}")
        regex += rf"\d{{{DIGITS[kind]}}}" + re.escape(after)
    return re.compile(rf"(?<!\d){regex}(?!\d)")
