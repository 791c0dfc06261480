"""Audio files in a folder.

Authors
 * The speechbrain_pib developers 2026
"""

import hashlib
import os

from speechbrain.utils.logger import get_logger

from speechbrain_pib.utils.files import (
    ODD_CHARACTERS,
    file_state,
    printable,
    walk_files,
)

logger = get_logger(__name__)

# The best first; those after mp3 need PyAV.
AUDIO_EXTENSIONS = tuple(
    ".wav .flac .aiff .aif .ogg .oga .opus .mp3 .m4a .aac".split()
)
# Clips as downloaders leave them. They are decoded from their beginning, so
# that the sound of long videos has to be extracted first.
CLIP_EXTENSIONS = (*AUDIO_EXTENSIONS, ".mp4", ".webm")


def walk_audio(folder, extensions=AUDIO_EXTENSIONS):
    """Find audio files in a folder and all folders in it; links to folders
    are followed, and each folder is visited once.

    Hidden files are passed over; those whose names are not UTF-8 or hold
    control characters as well, with a warning.

    Arguments
    ---------
    folder : str
        Where to search.
    extensions : tuple of str
        Of the files that count, such as CLIP_EXTENSIONS.

    Yields
    ------
    name : str
        File name without extension.
    path : str
        Absolute path of the file. Those of a folder come in order.

    Raises
    ------
    ValueError
        If there is no such folder.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> for name in ("b.WAV", "a.flac", "a.txt"):
    ...     _ = (folder / name).ensure()
    >>> [name for name, path in walk_audio(folder)]
    ['a', 'b']
    """
    if not os.path.isdir(folder):
        raise ValueError(f"there is no folder {folder} with audio files")
    for path in walk_files(os.path.abspath(folder)):
        name, extension = os.path.splitext(os.path.basename(path))
        if extension.lower() not in extensions or name.startswith("."):
            continue
        if ODD_CHARACTERS.search(path):
            logger.warning(
                "Left out: %s has a name that is not UTF-8, or holds control "
                "characters; rename it",
                printable(path),
            )
            continue
        yield name, path


def find_copies(folder, extensions=AUDIO_EXTENSIONS):
    """Find audio files in a folder by their names, see `walk_audio`.

    Arguments
    ---------
    folder : str
        Where to search.
    extensions : tuple of str
        Of the files that count, such as CLIP_EXTENSIONS.

    Returns
    -------
    copies : dict
        File name without extension -> absolute paths, sorted by `preference`.
        The names are sorted.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> for name in ("b.mp3", "b.flac", "a.wav"):
    ...     _ = (folder / name).ensure()
    >>> for name, paths in find_copies(folder).items():
    ...     name, [os.path.basename(path) for path in paths]
    ('a', ['a.wav'])
    ('b', ['b.flac', 'b.mp3'])
    """
    copies = {}
    for name, path in walk_audio(folder, extensions):
        copies.setdefault(name, []).append(path)
    return {
        name: sorted(copies[name], key=preference) for name in sorted(copies)
    }


def preference(path):
    """Rank files of the same sound: by their format, then by their path.

    Arguments
    ---------
    path : str
        An audio file.

    Returns
    -------
    key : tuple

    Example
    -------
    >>> min(["a.mp3", "b.flac", "c.wav", "d.wav"], key=preference)
    'c.wav'
    """
    extension = os.path.splitext(path)[1].lower()
    return CLIP_EXTENSIONS.index(extension), path


def hash_files(paths):
    """Make a hash that changes when a file is added, lost, repaired or replaced.

    Arguments
    ---------
    paths : iterable of str
        The files; only their sizes and times are read.

    Returns
    -------
    digest : str

    Example
    -------
    >>> path = getfixture("tmpdir") / "a.wav"
    >>> path.write("12")
    >>> before = hash_files([str(path)])
    >>> path.write("123")
    >>> before == hash_files([str(path)])
    False
    """
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path} {file_state(path)}\n".encode())
    return digest.hexdigest()
