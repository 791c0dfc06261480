"""Files and folders: written whole or not at all, locked, hashed, and those
that others wrote.

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil

from filelock import FileLock, Timeout

BLOCK_BYTES = 2**20  # of a file that is hashed, at a time
# A manifest cannot hold such names: control characters, and bytes that are
# not UTF-8.
ODD_CHARACTERS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
TEMPORARY = re.compile(r".+\.[0-9a-f]{8}\.tmp")  # what `_temporary` makes


def _temporary(path):
    """A name beside a path that no other process takes, nor any search for
    results."""
    return f"{path}.{secrets.token_hex(4)}.tmp"


def _flush(path):
    """Waits until a file is on the disk: a machine that crashes after a file
    got its name, but before that, would leave an empty one under it."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def atomic_path(path):
    """Name a file that appears under its own name only when it is complete.

    For what opens files by itself; else see `atomic_writer`.

    Arguments
    ---------
    path : str
        The file to write. Its folder is created if needed; what a link points
        to is replaced, not the link.

    Yields
    ------
    temporary : str
        Where to write, a name that ends in ".tmp". After an error it is
        removed, and what was at the path is still there.

    Example
    -------
    >>> path = getfixture("tmpdir") / "note.txt"
    >>> with atomic_path(path) as temporary:
    ...     with open(temporary, "w") as file:
    ...         _ = file.write("whole or not at all")
    >>> path.read()
    'whole or not at all'
    """
    path = os.path.realpath(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = _temporary(path)
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)


@contextlib.contextmanager
def atomic_writer(path, mode="w"):
    """Open a file that appears under its name only when it is complete.

    Arguments
    ---------
    path : str
        The file to write, see `atomic_path`.
    mode : str
        "w" for text (UTF-8, newlines untranslated) or "wb" for bytes.

    Yields
    ------
    file : file object
        Opened for writing.

    Example
    -------
    >>> path = getfixture("tmpdir") / "note.txt"
    >>> with atomic_writer(path) as file:
    ...     _ = file.write("whole or not at all")
    >>> path.read()
    'whole or not at all'
    """
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    with atomic_path(path) as temporary, open(temporary, mode, **text) as file:
        yield file


@contextlib.contextmanager
def atomic_folder(folder):
    """Make a folder that appears under its name only when it is complete.

    Arguments
    ---------
    folder : str
        The folder to make. One that is there is replaced, with all in it.

    Yields
    ------
    temporary : str
        An empty folder to fill. After an error it is removed, and what was
        at the path is still there; if the machine crashes just when the
        folders change places, the next call puts it back.

    Example
    -------
    >>> folder = getfixture("tmpdir") / "letters"
    >>> with atomic_folder(folder) as temporary:
    ...     for name in "ab":
    ...         open(os.path.join(temporary, name), "w").close()
    >>> sorted(os.listdir(folder))
    ['a', 'b']
    """
    folder = os.path.realpath(folder)
    temporary, earlier = _temporary(folder), f"{folder}.earlier.tmp"
    _settle(folder, earlier)
    os.makedirs(temporary)
    try:
        yield temporary
        for place, _, names in os.walk(temporary):
            for name in names:
                _flush(os.path.join(place, name))
        # No system call that Python knows exchanges two folders.
        if os.path.exists(folder):
            os.rename(folder, earlier)
        os.rename(temporary, folder)
    finally:
        _settle(folder, earlier)
        shutil.rmtree(temporary, ignore_errors=True)


def _settle(folder, earlier):
    """Puts back what a folder replaced if it is not there itself, else
    removes that."""
    if os.path.exists(earlier) and not os.path.exists(folder):
        os.rename(earlier, folder)
    else:
        shutil.rmtree(earlier, ignore_errors=True)


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
    return f"'{text}" if _is_formula(text) else text


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
    quoted = cell.startswith("'") and _is_formula(cell[1:])
    return cell[1:] if quoted else cell


def _is_formula(text):
    """Whether a spreadsheet takes text for a formula, or it looks like one
    that was quoted."""
    return text.lstrip("'").startswith(FORMULA_SIGNS)


@contextlib.contextmanager
def locked_folder(folder):
    """Make a folder, and keep other processes out that also ask.

    The lock ends with the process, however that ends. What earlier holders
    of it were writing when they were killed is removed. On file systems
    without locks nobody is kept out.

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
    with contextlib.ExitStack() as stack:
        lock = FileLock(os.path.join(folder, "lock"), timeout=0)
        try:
            stack.enter_context(lock)
        except Timeout as error:
            raise ValueError(
                f"another process writes into {folder}; wait for its end"
            ) from error
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.ENOLCK):
                raise
        else:
            _remove_leftovers(folder)
        yield


def _remove_leftovers(folder):
    """Removes what processes were writing when they were killed."""
    for place, folders, names in os.walk(folder):
        for name in filter(TEMPORARY.fullmatch, names):
            os.remove(os.path.join(place, name))
        for name in filter(TEMPORARY.fullmatch, folders):
            shutil.rmtree(os.path.join(place, name))


@contextlib.contextmanager
def open_annotations(path):
    """Open a text file that others wrote.

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
    """Hash the names of the clips that a result was obtained on.

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


def hash_file(path):
    """Hash the content of a file.

    Arguments
    ---------
    path : str
        The file.

    Returns
    -------
    digest : str
        SHA-256; None if there is no such file.

    Example
    -------
    >>> hash_file("no/such/file") is None
    True
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
    except FileNotFoundError:
        return None
    return digest.hexdigest()
