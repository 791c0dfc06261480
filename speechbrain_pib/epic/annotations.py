"""Annotations of EPIC-KITCHENS-100 (https://arxiv.org/abs/2006.13256) and
EPIC-SOUNDS (https://arxiv.org/abs/2302.00646), as they are published.

Authors
 * The speechbrain_pib developers 2026
"""

import math
import re

from speechbrain_pib.utils.pickles import read_pickled_table
from speechbrain_pib.utils.tables import read_rows, read_whole_number

TIMESTAMP = re.compile(r"(-?)(\d+):([0-5]?\d):([0-5]?\d(?:\.\d*)?)")
SOUNDS_SAMPLE_RATE = 24000  # Hz, of start_sample and stop_sample
SAME_SECONDS = 0.01  # a timestamp is rounded, its sample is not
ID_COLUMNS = ("narration_id", "annotation_id")
CLASS_COLUMNS = ("verb_class", "noun_class", "class_id")


def read_timestamp(text):
    """Read a timestamp.

    Arguments
    ---------
    text : str
        HH:MM:SS, with any number of decimals; negative after a minus sign.

    Returns
    -------
    seconds : float

    Raises
    ------
    ValueError
        If it is anything else.

    Example
    -------
    >>> read_timestamp("01:02:03.25")
    3723.25
    """
    match = TIMESTAMP.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(f"the timestamp {text!r} is not HH:MM:SS.ss")
    sign, hours, minutes, seconds = match.groups()
    total = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return -total if sign else total


def read_table(path):
    """Read a published table.

    Arguments
    ---------
    path : str
        CSV with a header, or the .pkl of the same table.

    Returns
    -------
    rows : list of dict
        Column name to value; text, in a CSV.

    Raises
    ------
    ValueError
        If it is no such table, has no rows, or one with more values than
        there are columns.

    Example
    -------
    >>> path = getfixture("tmpdir") / "tail.csv"
    >>> path.write_text("verb\\n10\\n12\\n", encoding="utf-8")
    >>> read_table(path)
    [{'verb': '10'}, {'verb': '12'}]
    """
    if str(path).endswith(".pkl"):
        table = read_pickled_table(path)
        rows = [dict(zip(table, row)) for row in zip(*table.values())]
    else:
        rows = [row for _, row in read_rows(path)]
    if not rows:
        raise ValueError(f"{path} has no rows")
    return rows


def _convert_rows(path, expected, convert):
    """Results of a function of each row; an error names file and row."""
    results = []
    for number, row in enumerate(read_table(path), start=1):
        try:
            results.append(convert(row))
        except (KeyError, TypeError, ValueError) as error:
            reason = error
            if isinstance(error, KeyError):
                reason = f"there is no column {error.args[0]}"
            raise ValueError(
                f"{path}, row {number} after the header: {reason}; expected "
                f"{expected}, got {row}"
            ) from error
    return results


def _read_name(row, column):
    """A name that can be printed, and is not empty."""
    name = row[column]
    if not (isinstance(name, str) and name and name.isprintable()):
        raise ValueError(f"{column} is no printable name: {name!r}")
    return name


def read_segments(path):
    """Read a list of segments: of actions, or of sounds.

    Arguments
    ---------
    path : str
        `EPIC_100_train`, `_validation` or `_test_timestamps`, or
        `EPIC_Sounds_train`, `_validation` or `_recognition_test_timestamps`,
        as .csv or .pkl. Test lists have no classes.

    Returns
    -------
    segments : list of dict
        "ID", "video", "start" and "stop" (seconds; from samples at 24 kHz
        where the table has them, which are more precise) and "classes", a
        tuple of class indices: (verb, noun), (sound,), or empty where the
        table does not say. In the order of the file; whether they lie in
        their videos is not known here.

    Raises
    ------
    ValueError
        If columns are missing or contradict each other, a value is malformed,
        or an ID appears twice; file and row are named.

    Example
    -------
    >>> path = getfixture("tmpdir") / "EPIC_100_validation.csv"
    >>> path.write_text(
    ...     "narration_id,participant_id,video_id,start_timestamp,"
    ...     "stop_timestamp,verb_class,noun_class\\n"
    ...     "P01_11_0,P01,P01_11,00:00:00.00,00:00:01.89,0,2\\n",
    ...     encoding="utf-8",
    ... )
    >>> read_segments(path)[0]["stop"], read_segments(path)[0]["classes"]
    (1.89, (0, 2))
    """
    seen = set()

    def convert(row):
        segment = _read_segment(row)
        if segment["ID"] in seen:
            raise ValueError(f"the ID {segment['ID']} appears twice")
        seen.add(segment["ID"])
        return segment

    return _convert_rows(
        path,
        f"{' or '.join(ID_COLUMNS)}, participant_id, video_id, start_timestamp "
        "and stop_timestamp (HH:MM:SS.ss) or start_sample and stop_sample "
        f"(whole numbers, {SOUNDS_SAMPLE_RATE} Hz), and whole class numbers",
        convert,
    )


def _read_segment(row):
    """The segment of a row."""
    id_column = next((c for c in ID_COLUMNS if c in row), ID_COLUMNS[0])
    name, video, participant = (
        _read_name(row, column)
        for column in (id_column, "video_id", "participant_id")
    )
    # Which participants are unseen is told by the IDs.
    if not f"{name}_".startswith(f"{video}_"):
        raise ValueError(f"{id_column} {name!r} is of another video")
    if not video.startswith(f"{participant}_"):
        raise ValueError(f"video_id {video!r} is of another participant")
    classes = [read_whole_number(row[c]) for c in CLASS_COLUMNS if c in row]
    if min(classes, default=0) < 0:
        raise ValueError("a class below 0")
    return {
        "ID": name,
        "video": video,
        "start": _read_time(row, "start"),
        "stop": _read_time(row, "stop"),
        "classes": tuple(classes),
    }


def _read_time(row, side):
    """Start or stop of a row in seconds."""
    sample, timestamp = f"{side}_sample", f"{side}_timestamp"
    if sample not in row:
        return read_timestamp(row[timestamp])
    seconds = read_whole_number(row[sample]) / SOUNDS_SAMPLE_RATE
    if timestamp in row:
        rounded = read_timestamp(row[timestamp])
        if abs(seconds - rounded) > SAME_SECONDS:
            raise ValueError(
                f"{sample} is at {seconds:.3f} s, {timestamp} at "
                f"{rounded:.3f} s"
            )
    return seconds


def read_class_names(path):
    """Read `EPIC_100_verb_classes.csv` or `EPIC_100_noun_classes.csv`.

    Arguments
    ---------
    path : str
        CSV with columns id (0, 1, ...) and key (the name).

    Returns
    -------
    names : list of str
        In the order of the ids.

    Raises
    ------
    ValueError
        If the ids are not 0, 1, ... in this order.

    Example
    -------
    >>> path = getfixture("tmpdir") / "EPIC_100_verb_classes.csv"
    >>> path.write_text("id,key\\n0,take\\n1,put\\n", encoding="utf-8")
    >>> read_class_names(path)
    ['take', 'put']
    """
    rows = _convert_rows(
        path,
        "columns id and key",
        lambda row: (read_whole_number(row["id"]), _read_name(row, "key")),
    )
    if [index for index, _ in rows] != list(range(len(rows))):
        raise ValueError(f"{path}: the ids are not 0, 1, 2, ...")
    return [name for _, name in rows]


def read_sound_classes(paths):
    """Collect the classes of EPIC-SOUNDS, which has no file of its own for
    them, from its annotations.

    Arguments
    ---------
    paths : list of str
        Tables with columns class and class_id.

    Returns
    -------
    names : list of str
        In the order of the ids.

    Raises
    ------
    ValueError
        If an id has two names or a name two ids, or an id between 0 and the
        largest has none.

    Example
    -------
    >>> path = getfixture("tmpdir") / "EPIC_Sounds_train.csv"
    >>> path.write_text("class,class_id\\nzip,1\\nbeep,0\\n", encoding="utf-8")
    >>> read_sound_classes([path])
    ['beep', 'zip']
    """
    names, indices = {}, {}

    def convert(row):
        index, name = (
            read_whole_number(row["class_id"]),
            _read_name(row, "class"),
        )
        known = names.setdefault(index, name), indices.setdefault(name, index)
        if known != (name, index):
            raise ValueError(
                f"class {index} is called {name!r}, but {known[0]!r} before, "
                f"and {name!r} was class {known[1]}"
            )

    for path in paths:
        _convert_rows(path, "columns class and class_id", convert)
    absent = [index for index in range(max(names) + 1) if index not in names]
    if absent:
        raise ValueError(f"{', '.join(map(str, paths))}: no classes {absent}")
    return [names[index] for index in sorted(names)]


def read_column(path, column, convert=str):
    """Read one column of a table: tail classes, or unseen participants.

    Arguments
    ---------
    path : str
        `EPIC_100_tail_verbs.csv`, `EPIC_100_tail_nouns.csv` or
        `EPIC_100_unseen_participant_ids_validation.csv`.
    column : str
        "verb", "noun" or "participant_id".
    convert : callable
        Such as `read_whole_number`.

    Returns
    -------
    values : list
        In the order of the file.

    Raises
    ------
    ValueError
        If there is no such column, or a value cannot be converted.

    Example
    -------
    >>> path = getfixture("tmpdir") / "unseen.csv"
    >>> path.write_text("participant_id\\nP18\\nP32\\n", encoding="utf-8")
    >>> read_column(path, "participant_id")
    ['P18', 'P32']
    """
    return _convert_rows(
        path,
        f"a column {column}",
        lambda row: convert(_read_name(row, column)),
    )


def read_video_durations(path):
    """Read how long the videos are, from `EPIC_100_video_info.csv`.

    Arguments
    ---------
    path : str
        CSV with columns video_id and duration (seconds).

    Returns
    -------
    durations : dict
        Video to seconds.

    Raises
    ------
    ValueError
        If a duration is no number above 0, or a video has two.

    Example
    -------
    >>> path = getfixture("tmpdir") / "EPIC_100_video_info.csv"
    >>> path.write_text("video_id,duration\\nP01_01,9.5\\n", encoding="utf-8")
    >>> read_video_durations(path)
    {'P01_01': 9.5}
    """
    durations = {}

    def convert(row):
        video, seconds = _read_name(row, "video_id"), float(row["duration"])
        if not 0 < seconds < math.inf:
            raise ValueError(f"{video} lasts {seconds} s")
        if durations.setdefault(video, seconds) != seconds:
            raise ValueError(f"{video} lasts {durations[video]} s above")

    _convert_rows(path, "columns video_id and duration in seconds", convert)
    return durations
