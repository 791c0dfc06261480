"""ESC-50's layout: folders with audio/ and meta/esc50.csv.

Authors
 * The speechbrain_pib developers 2026
"""

import math
import os

from speechbrain_pib.utils.tables import read_rows, read_whole_number

ESC50_FOLDER = "ESC-50-master"


def find_esc50(folder):
    """Find ESC-50's layout: in a folder or in its ESC-50-master.

    Arguments
    ---------
    folder : str
        What the user gave.

    Returns
    -------
    data_folder : str
        The folder with `meta/esc50.csv`; what was given, if none has it.

    Example
    -------
    >>> find_esc50("/no/such/folder")
    '/no/such/folder'
    """
    for candidate in (folder, os.path.join(folder, ESC50_FOLDER)):
        if os.path.isfile(os.path.join(candidate, "meta", "esc50.csv")):
            return candidate
    return folder


def read_meta(path):
    """Read `meta/esc50.csv`.

    Arguments
    ---------
    path : str
        CSV file with a header; the columns filename, fold and category are
        used, and src_file, event_start and event_stop where they are there.

    Returns
    -------
    clips : list of dict
        With ID (the file name without extension), fold (int) and label;
        recording (what src_file says: clips cut from one recording share it);
        event_start and event_stop (seconds): where in the clip its event is,
        if it has one.

    Raises
    ------
    ValueError
        If the file is missing, or malformed.

    Example
    -------
    >>> path = getfixture("tmpdir") / "esc50.csv"
    >>> path.write_text(
    ...     "filename,fold,category\\n1-7-A-0.wav,1,dog\\n", encoding="utf-8"
    ... )
    >>> read_meta(path)
    [{'ID': '1-7-A-0', 'fold': 1, 'label': 'dog'}]
    """
    if not os.path.isfile(path):
        raise ValueError(
            f"there is no {path}; the folder must be in ESC-50's layout "
            "(audio/ and meta/esc50.csv); recipes/ESC50 fetches ESC-50 with "
            "--download=True"
        )
    clips = {}
    for line, row in read_rows(path, ["filename", "fold", "category"]):
        try:
            clip = _read_row(row)
        except ValueError as error:
            raise ValueError(
                f"{path}, line {line}: expected the columns filename, fold (a "
                "number) and category, and, if they are there, event_start "
                f"before event_stop in seconds; got {row}"
            ) from error
        if clip["ID"] in clips:
            raise ValueError(f"{path}, line {line}: {clip['ID']} appears twice")
        clips[clip["ID"]] = clip
    if not clips:
        raise ValueError(f"{path} lists no clips")
    return list(clips.values())


def _read_row(row):
    """A clip, from a row of meta/esc50.csv."""
    clip = {
        "ID": os.path.splitext(row["filename"])[0],
        "fold": read_whole_number(row["fold"]),
        "label": row["category"].strip(),
    }
    if "src_file" in row:
        clip["recording"] = row["src_file"]
    if row.get("event_start") or row.get("event_stop"):
        # What is not there is no time; it compares with nothing.
        start = float(row["event_start"] or "nan")
        stop = float(row.get("event_stop") or "nan")
        if not 0 <= start < stop < math.inf:
            raise ValueError(f"no event lasts from {start} s to {stop} s")
        clip["event_start"], clip["event_stop"] = start, stop
    return clip
