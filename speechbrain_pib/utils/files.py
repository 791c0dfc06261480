"""Folders that one process at a time writes into.

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib
import errno
import fcntl
import os


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
