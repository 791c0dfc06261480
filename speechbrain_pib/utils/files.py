"""Files and folders: written whole or not at all, locked, hashed, and those
that others wrote.

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib
import errno
import fcntl
import hashlib
import os


def printable(text):
    """Escape what moves the cursor, or cannot be written.

    Arguments
    ---------
    text : str
        Perhaps with line breaks, control characters or bytes that are not
        UTF-8, as the names of files that others wrote have them.

    Returns
    -------
    text : str
        The same, with such characters escaped as Python does it.

    Example
    -------
    >>> printable("two\\nlines, \\x1b[2J")
    'two\\\\nlines, \\\\x1b[2J'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


# What a spreadsheet takes for the beginning of a formula.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def to_cell(text):
    """Quote text that a spreadsheet would take for a formula.

    Arguments
    ---------
    text : str
        What others wrote, such as a label.

    Returns
    -------
    cell : str
        With an apostrophe before a sign that would begin a formula.

    Example
    -------
    >>> to_cell("=1+1"), to_cell("dog"), from_cell(to_cell("=1+1"))
    ("'=1+1", 'dog', '=1+1')
    """
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


def from_cell(cell):
    """Take the text from a cell, as it was before `to_cell`.

    Arguments
    ---------
    cell : str
        From a table.

    Returns
    -------
    text : str

    Example
    -------
    >>> from_cell("'@home"), from_cell("'til")
    ('@home', "'til")
    """
    quoted = cell.startswith("'") and cell[1:].startswith(FORMULA_SIGNS)
    return cell[1:] if quoted else cell


@contextlib.contextmanager
def locked_folder(folder):
    """Makes a folder, and keeps other processes out that also ask.

    The lock ends with the process, however that ends.

    Arguments
    ---------
    folder : str
        The folder.

    Raises
    ------
    ValueError
        If another process holds it.

    Example
    -------
    >>> with locked_folder(getfixture("tmpdir") / "packed"):
    ...     pass
    """
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "lock"), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(
                f"another process writes into {folder}; wait for its end"
            ) from error
        except OSError as error:
            # There are file systems without locks.
            if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
                raise
        yield


BLOCK_BYTES = 2**20  # of a file that is hashed, at a time


@contextlib.contextmanager
def atomic_writer(path):
    """Open a text file that appears under its name only when it is complete.

    Arguments
    ---------
    path : str
        The file to write (UTF-8). Its folder is created if needed.

    Yields
    ------
    file : file object
        Opened for writing, newlines untranslated.

    Example
    -------
    >>> path = getfixture("tmpdir") / "note.txt"
    >>> with atomic_writer(path) as file:
    ...     _ = file.write("whole or not at all")
    >>> path.read()
    'whole or not at all'
    """
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            yield file
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)


@contextlib.contextmanager
def open_annotations(path):
    """Opens a text file that others wrote.

    Arguments
    ---------
    path : str
        UTF-8, with or without a byte order mark.

    Yields
    ------
    file : file object
        Opened for reading, newlines untranslated.

    Raises
    ------
    ValueError
        If what is read is in another encoding.

    Example
    -------
    >>> path = getfixture("tmpdir") / "classes.csv"
    >>> path.write_binary(b"caf\\xe9,0")
    >>> with open_annotations(path) as file:  # doctest: +ELLIPSIS
    ...     file.read()
    Traceback (most recent call last):
        ...
    ValueError: ...classes.csv is not UTF-8 text; save it as UTF-8 (...
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            yield file
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 text; save it as UTF-8 ({error})"
        ) from error


def walk_files(folder):
    """Find the files in a folder and in all folders below it.

    Links to folders are followed, and each folder is visited once.

    Arguments
    ---------
    folder : str
        Where to search.

    Yields
    ------
    path : str
        Of a file; those of a folder come in order.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> for name in ("b.wav", "a/c.wav"):
    ...     _ = (folder / name).ensure()
    >>> [os.path.relpath(path, folder) for path in walk_files(folder)]
    ['b.wav', 'a/c.wav']
    """
    visited = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        if os.path.realpath(place) in visited:
            folders.clear()
            continue
        visited.add(os.path.realpath(place))
        folders.sort()
        for name in sorted(names):
            yield os.path.join(place, name)


def file_state(path):
    """Describe a file so that another content is noticed without reading it.

    Arguments
    ---------
    path : str
        The file.

    Returns
    -------
    state : str
        Its size in bytes, and its time of modification in nanoseconds; None
        if there is no such file.

    Example
    -------
    >>> path = getfixture("tmpdir") / "note.txt"
    >>> path.write("1234")
    >>> file_state(path).split()[0], file_state("no/such/file")
    ('4', None)
    """
    try:
        state = os.stat(path)
    except OSError:
        return None
    return f"{state.st_size} {state.st_mtime_ns}"


def hash_ids(ids):
    """A hash of the clips that a result was obtained on.

    Arguments
    ---------
    ids : list of str
        Name of each clip, in any order.

    Returns
    -------
    digest : str
        SHA-256 of the sorted names, one a line.

    Example
    -------
    >>> hash_ids(["b", "a"]) == hash_ids(["a", "b"])
    True
    """
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def _sha256(path):
    """Hash of a file, or None if it does not exist."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
    except FileNotFoundError:
        return None
    return digest.hexdigest()
