"""Parts of synthetic data sets: folders that are made once, their files, and
bursts of noise that swell at a given rate.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
import io
import json
import os

import soundfile
from speechbrain.utils.logger import get_logger

from speechbrain_pib.utils.files import atomic_folder

logger = get_logger(__name__)


def write_once(folder, parameters, write, kind="miniature"):
    """Make a folder that appears when it is complete.

    A complete one with the same parameters is left as it is, one with other
    parameters is replaced.

    Arguments
    ---------
    folder : str
        The folder to make.
    parameters : dict
        All that its content depends on; must be fit for JSON.
    write : callable
        Called with the path of an empty folder, to fill it.
    kind : str
        What is in such a folder, in one word; `<kind>.json` in it holds the
        parameters.

    Raises
    ------
    ValueError
        If the folder exists and was not made by this function.

    Example
    -------
    >>> folder = getfixture("tmpdir") / "numbers"
    >>> def write(path):
    ...     print("writing")
    ...     write_rows(os.path.join(path, "a.csv"), [(1, 2)])
    >>> write_once(folder, {"seed": 1}, write)
    writing
    >>> write_once(folder, {"seed": 1}, write)
    >>> write_once(folder, {"seed": 2}, write)
    writing
    """
    folder = os.path.abspath(folder)
    parameters = json.loads(json.dumps(parameters))
    earlier = read_parameters(folder, kind)
    if earlier == parameters:
        logger.info("The %s in %s is complete", kind, folder)
        return
    if os.path.exists(folder) and earlier is None:
        raise ValueError(
            f"{folder} exists and holds no {kind}; choose another folder"
        )
    try:
        with atomic_folder(folder) as temporary:
            write(temporary)
            path = os.path.join(temporary, f"{kind}.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(parameters, file)
    except OSError:
        # Another run may have made the same folder meanwhile.
        if read_parameters(folder, kind) != parameters:
            raise


def read_parameters(folder, kind="miniature"):
    """Read what the folder of `write_once` was made with.

    Arguments
    ---------
    folder : str
        The folder.
    kind : str
        As for `write_once`.

    Returns
    -------
    parameters : dict
        None if there is no complete folder of this kind.

    Example
    -------
    >>> read_parameters("/no/such/folder") is None
    True
    """
    try:
        with open(os.path.join(folder, f"{kind}.json")) as file:
            return json.load(file)
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None


def write_rows(path, rows):
    """Write a CSV file.

    Arguments
    ---------
    path : str
        The file.
    rows : list
        Its rows, among them the header if there is one.

    Example
    -------
    >>> path = getfixture("tmpdir") / "events.csv"
    >>> write_rows(path, [("ID", "start"), ("a", 0.5)])
    >>> path.read()
    'ID,start\\na,0.5\\n'
    """
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def write_clip(path, waveform, sample_rate):
    """Write 16 bit audio in one go: libsndfile's small writes are slow.

    Arguments
    ---------
    path : str
        The file, .wav or .flac.
    waveform : numpy.ndarray
        [n], between -1 and 1.
    sample_rate : int
        In Hz.

    Example
    -------
    >>> path = str(getfixture("tmpdir") / "silence.flac")
    >>> write_clip(path, [0.0] * 800, 16000)
    >>> soundfile.info(path).duration
    0.05
    """
    buffer = io.BytesIO()
    soundfile.write(
        buffer,
        waveform,
        sample_rate,
        subtype="PCM_16",
        format=os.path.splitext(path)[1][1:].upper(),
    )
    with open(path, "wb") as file:
        file.write(buffer.getbuffer())
