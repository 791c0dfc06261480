"""Audio files in a folder.

Authors
 * The speechbrain_pib developers 2026
"""

import os

from speechbrain_pib.utils.files import walk_files

AUDIO_EXTENSIONS = (".wav", ".flac", ".ogg", ".mp3")  # the best first


def walk_audio(folder):
    """Finds audio files in a folder and all folders in it; links to folders
    are followed, and each folder is visited once.

    Arguments
    ---------
    folder : str
        Where to search.

    Yields
    ------
    name : str
        File name without extension.
    path : str
        Absolute path of the file. Those of a folder come in order.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> for name in ("b.WAV", "a.flac", "a.txt"):
    ...     _ = (folder / name).ensure()
    >>> [name for name, path in walk_audio(folder)]
    ['a', 'b']
    """
    for path in walk_files(os.path.abspath(folder)):
        name, extension = os.path.splitext(os.path.basename(path))
        if extension.lower() in AUDIO_EXTENSIONS:
            yield name, path


def preference(path):
    """What to sort files of the same sound by: their format, then their path.

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
    return AUDIO_EXTENSIONS.index(extension), path
