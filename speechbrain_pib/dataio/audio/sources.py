"""Where audio lies: the file behind a locator, and its encoded bytes.

Authors
 * The speechbrain_pib developers 2026
"""

import io
import os
import re
import stat

from speechbrain_pib.dataio.audio.headers import skip_id3
from speechbrain_pib.dataio.audio.readers import UnreadableAudioError

HDF5_LOCATOR = re.compile(r"(.+\.(?:hdf5|h5))::(.+?)(?:@(\d+))?")
TAR_LOCATOR = re.compile(r"(.+\.tar)::(\d+)\+(\d+)")
# libsndfile reads these behind a small tag, or not at all.
KINDS_BEHIND_TAGS = (b"fLaC", b"OggS", b"RIFF")


def match_locator(pattern, locator):
    """Take a locator apart.

    Arguments
    ---------
    pattern : re.Pattern
        HDF5_LOCATOR or TAR_LOCATOR.
    locator : str
        See `speechbrain_pib.dataio.audio.locators`.

    Returns
    -------
    match : re.Match
        Its first group is the file; None if it is a locator of another kind,
        or the name of a file that looks like one.

    Example
    -------
    >>> match_locator(TAR_LOCATOR, "clips.tar::512+1000").groups()
    ('clips.tar', '512', '1000')
    """
    if "::" not in locator or os.path.isfile(locator):
        return None
    return pattern.fullmatch(locator)


def path_of(locator):
    """Find the file that holds what is behind a locator.

    Arguments
    ---------
    locator : str
        See `speechbrain_pib.dataio.audio.locators`.

    Returns
    -------
    path : str
        Whether it exists or not.

    Example
    -------
    >>> path_of("audio.hdf5::P01_01@24000"), path_of("clip.wav")
    ('audio.hdf5', 'clip.wav')
    """
    match = match_locator(HDF5_LOCATOR, locator)
    match = match or match_locator(TAR_LOCATOR, locator)
    return match[1] if match else locator


def open_bytes(locator):
    """Open the encoded bytes of a file, or of a member of a tar.

    Arguments
    ---------
    locator : str
        See `speechbrain_pib.dataio.audio.locators`.

    Returns
    -------
    file : io.RawIOBase
        An io.FileIO, if it is all of a file.

    Raises
    ------
    UnreadableAudioError
        If there is no such file, it is empty, or shorter than the locator
        says.

    Example
    -------
    >>> path = getfixture("tmpdir") / "a.txt"
    >>> path.write("some text")
    >>> with open_bytes(str(path)) as file:
    ...     file.read(4)
    b'some'
    """
    match = match_locator(TAR_LOCATOR, locator)
    path = match[1] if match else locator
    total = _size_of_file(path, locator)
    start, size = (int(match[2]), int(match[3])) if match else (0, total)
    if size == 0:
        raise UnreadableAudioError(f"{locator} is empty (0 bytes)")
    if start + size > total:
        raise UnreadableAudioError(
            f"{locator} is truncated: {path} has only {total} bytes"
        )
    try:
        file = open(path, "rb", buffering=0)
        behind = skip_id3(file, start)
        file.seek(behind)
        if behind > start and file.read(4) in KINDS_BEHIND_TAGS:
            start, size = behind, start + size - behind
        file.seek(0)
    except OSError as error:
        raise UnreadableAudioError(f"{locator}: {error}") from error
    return file if size == total else _Window(file, start, size)


def sndfile_target(file):
    """Choose what libsndfile is to open.

    Arguments
    ---------
    file : io.RawIOBase
        From `open_bytes`.

    Returns
    -------
    target : bytes or io.RawIOBase
        A path, where there is one: libsndfile reads faster by itself.

    Example
    -------
    >>> path = getfixture("tmpdir") / "a.txt"
    >>> path.write("some text")
    >>> with open_bytes(str(path)) as file:
    ...     sndfile_target(file) == os.fsencode(path)
    True
    """
    if not isinstance(file, io.FileIO):
        return file
    # "-" would be the standard input.
    return os.fsencode(os.path.join(os.curdir, file.name))


def _size_of_file(path, locator):
    """In bytes; raises if there is no file."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        state = None
    if state is None or not stat.S_ISREG(state.st_mode):
        raise UnreadableAudioError(f"{locator}: there is no such file")
    return state.st_size


class _Window(io.RawIOBase):
    """A part of a file that reads like a file of its own."""

    def __init__(self, file, start, size):
        self.file, self.start, self.size = file, start, size
        self.position = 0

    def close(self):
        self.file.close()
        super().close()

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self.position

    def seek(self, offset, whence=os.SEEK_SET):
        origin = {
            os.SEEK_SET: 0,
            os.SEEK_CUR: self.position,
            os.SEEK_END: self.size,
        }[whence]
        self.position = origin + offset
        return self.position

    def readinto(self, buffer):
        count = max(min(len(buffer), self.size - self.position), 0)
        self.file.seek(self.start + self.position)
        count = self.file.readinto(memoryview(buffer)[:count])
        self.position += count
        return count
