"""Audio files in a folder.

Authors
 * The speechbrain_pib developers 2026
"""

import os

AUDIO_EXTENSIONS = (".wav", ".flac", ".ogg", ".mp3")  # the best first


def walk_audio(folder):
    """Find audio files in a folder and all folders in it; links to folders
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
    visited = set()
    for place, folders, files in os.walk(
        os.path.abspath(folder), followlinks=True
    ):
        if os.path.realpath(place) in visited:
            folders.clear()
            continue
        visited.add(os.path.realpath(place))
        folders.sort()
        for file in sorted(files):
            name, extension = os.path.splitext(file)
            if extension.lower() in AUDIO_EXTENSIONS:
                yield name, os.path.join(place, file)


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
    return AUDIO_EXTENSIONS.index(extension), path


def audio_by_name(folder):
    """Find one audio file of each name in a folder, see `walk_audio`.

    Arguments
    ---------
    folder : str
        Where to search.

    Returns
    -------
    audio : dict
        File name without extension -> absolute path, sorted; of several files
        of one name the first by `preference`.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> for name in ("b.mp3", "b.flac", "a.wav"):
    ...     _ = (folder / name).ensure()
    >>> [os.path.basename(path) for path in audio_by_name(folder).values()]
    ['a.wav', 'b.flac']
    """
    audio = {}
    for name, path in walk_audio(folder):
        audio.setdefault(name, []).append(path)
    return {name: min(audio[name], key=preference) for name in sorted(audio)}
