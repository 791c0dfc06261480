"""Lists of AudioSet (https://doi.org/10.1109/ICASSP.2017.7952261): classes,
segments, and the names of audio files.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import re
from collections import namedtuple

from speechbrain.utils.logger import get_logger

from speechbrain_pib.utils.files import open_annotations
from speechbrain_pib.utils.pickles import read_pickled_table
from speechbrain_pib.utils.tables import (
    read_csv,
    read_rows,
    read_whole_number,
)

logger = get_logger(__name__)

VIDEO = re.compile(r"[\w-]{11}", re.ASCII)
CLIP_NAME = re.compile(
    r"Y?(?P<video>[\w-]{11})"
    r"(?:_(?P<start>\d+(?:\.\d+)?)(?:_\d+(?:\.\d+)?)?)?",
    re.ASCII,
)

Segment = namedtuple("Segment", ["video", "start", "label"])


def read_class_labels(path):
    """Reads the official list of classes.

    Arguments
    ---------
    path : str
        CSV file with columns index, mid and display_name.

    Returns
    -------
    labels : dict
        Machine id ("/m/09x0r") -> display name, in the order of the indices.

    Raises
    ------
    ValueError
        If the indices are not 0, 1, 2, ..., or a name holds "|", which joins
        names in manifests.

    Example
    -------
    >>> path = getfixture("tmpdir") / "class_labels_indices.csv"
    >>> path.write('index,mid,display_name\\n0,/m/09x0r,"Speech"\\n')
    >>> read_class_labels(path)
    {'/m/09x0r': 'Speech'}
    """
    labels = {}
    for line, row in read_rows(path, ["index", "mid", "display_name"]):
        mid, name = row["mid"], row["display_name"].strip()
        try:
            if read_whole_number(row["index"]) != len(labels):
                raise ValueError(f"the index is not {len(labels)}")
            if mid in labels:
                raise ValueError(f"{mid} is there already")
            if "|" in name:
                raise ValueError(f"'|' in {name!r}")
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: {error}: {row}") from error
        labels[mid] = name
    return labels


def read_segments(path, labels):
    """Reads a list of segments, one after the other.

    Arguments
    ---------
    path : str
        A CSV file of video, start and stop in seconds, and machine ids of
        the classes: quoted and separated by commas, or each in a column of
        its own, as spreadsheets leave them; the comments in its head may be
        missing. Or a .pkl of the published code, with columns video
        ("<video>_<start>_<stop>.mp4") and classes (display names).
    labels : dict
        From `read_class_labels`.

    Yields
    ------
    segment : Segment
        With video, start (seconds) and label (display names joined by "|",
        in the order of the class list).

    Raises
    ------
    ValueError
        If a line is malformed or has an unknown class; file and line are
        named.
    """
    if str(path).endswith(".pkl"):
        rows = _read_pickled_rows(path)
        known = {name: name for name in labels.values()}
    else:
        rows, known = _read_csv_rows(path), labels
    order = {name: index for index, name in enumerate(labels.values())}
    # Many clips share their label: one string each, not one for each clip.
    joined = {}
    for place, video, start, names in rows:
        if not VIDEO.fullmatch(video):
            raise ValueError(
                f"{place}: {video!r} is not an 11-character YouTube id"
            )
        if names not in joined:
            unknown = [name for name in names if name not in known]
            if unknown or not names:
                raise ValueError(
                    f"{place}: {unknown} not in the class list"
                    if unknown
                    else f"{place}: {video} has no class"
                )
            unique = {known[name] for name in names}
            joined[names] = "|".join(sorted(unique, key=order.get))
        yield Segment(video, start, joined[names])


def _read_csv_rows(path):
    """Place, video, start and machine ids of each line."""
    declared, count = None, 0
    for line, row in read_csv(path, skipinitialspace=True):
        if not count and row[0].startswith(("#", "YTID")):
            number = re.search(r"num_segs=(\d+)", ",".join(row))
            declared = int(number[1]) if number else declared
            continue
        place = f"{path}, line {line}"
        count += 1
        try:
            video, start, _ = row[0].strip(), float(row[1]), float(row[2])
        except (IndexError, ValueError) as error:
            raise ValueError(
                f"{place}: expected a YouTube id, start and stop in seconds "
                f"and classes, got {row}"
            ) from error
        # A spreadsheet's quotes are part of the text.
        names = ",".join(row[3:]).replace('"', "").split(",")
        names = tuple(filter(None, map(str.strip, names)))
        yield place, video, start, names
    if declared not in (None, count):
        logger.warning(
            "%s has %d segments, but says %d in its head",
            path,
            count,
            declared,
        )


def _read_pickled_rows(path):
    """Place, video, start and class names of each row."""
    table = read_pickled_table(path)
    if not {"video", "classes"} <= set(table):
        raise ValueError(
            f"{path} has columns {sorted(table)}, but video and classes are "
            "needed"
        )
    rows = zip(table["video"], table["classes"])
    for number, (name, classes) in enumerate(rows):
        clip = parse_clip_name(os.path.splitext(name)[0])
        if clip is None:
            raise ValueError(
                f"{path}, row {number}: {name!r} is not <YouTube id>_<start>_"
                "<stop>.mp4"
            )
        yield f"{path}, row {number}", *clip, tuple(classes)


def read_videos(path):
    """Reads the videos of a list.

    Arguments
    ---------
    path : str
        YouTube ids (or names of clips, see `parse_clip_name`) one a line, a
        CSV file whose first column has them, or a .pkl of the published code.

    Returns
    -------
    videos : set of str

    Example
    -------
    >>> path = getfixture("tmpdir") / "list.txt"
    >>> path.write("--4gqARaEJE\\nY-0p7hKXZ1ww_30000_40000.flac\\n")
    >>> sorted(read_videos(path))
    ['--4gqARaEJE', '-0p7hKXZ1ww']
    """
    if str(path).endswith(".pkl"):
        return {video for _, video, _, _ in _read_pickled_rows(path)}
    videos = set()
    with open_annotations(path) as file:
        for number, line in enumerate(file, start=1):
            name = line.split(",")[0].strip()
            if not name or name.startswith(("#", "YTID")):
                continue
            # Times may have a point, extensions begin with a letter.
            clip = parse_clip_name(re.sub(r"\.[A-Za-z]\w*$", "", name))
            if clip is None:
                raise ValueError(
                    f"{path}, line {number}: {name!r} is not a YouTube id"
                )
            videos.add(clip[0])
    return videos


def parse_clip_name(stem):
    """Reads the name of an audio file, in the forms of common downloaders.

    Arguments
    ---------
    stem : str
        Name without extension: `<video>`, `<video>_<start>` or
        `<video>_<start>_<stop>`, or any of them after a "Y".

    Returns
    -------
    clip : tuple
        Video, and start as written (float; None if it is not there). None
        for another name.

    Example
    -------
    >>> parse_clip_name("Y--4gqARaEJE")
    ('--4gqARaEJE', None)
    >>> parse_clip_name("-0RWZT-miFs_420000_430000")
    ('-0RWZT-miFs', 420000.0)
    """
    name = CLIP_NAME.fullmatch(stem)
    if name is None:
        return None
    start = name["start"]
    return name["video"], None if start is None else float(start)
