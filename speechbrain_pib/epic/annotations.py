"""Annotations of EPIC-KITCHENS-100 (https://arxiv.org/abs/2006.13256) and
EPIC-SOUNDS (https://arxiv.org/abs/2302.00646), as they are published.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
import re

from speechbrain_pib.dataio.preparation import is_held_out
from speechbrain_pib.utils.files import open_annotations
from speechbrain_pib.utils.pickles import read_pickled_table

TIMESTAMP = re.compile(r"(\d+):([0-5]?\d):([0-5]?\d(?:\.\d*)?)")
SOUNDS_SAMPLE_RATE = 24000  # Hz, of start_sample and stop_sample
ID_COLUMNS = ("narration_id", "annotation_id")
CLASS_COLUMNS = ("verb_class", "noun_class", "class_id")


def read_timestamp(text):
    """Seconds of a timestamp.

    Arguments
    ---------
    text : str
        HH:MM:SS, with any number of decimals.

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
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def read_table(path):
    """Reads a published table.

    Arguments
    ---------
    path : str
        CSV with a header, or the .pkl of the same table.

    Returns
    -------
    rows : list of dict
        Column name to value; text, in a CSV.

    Example
    -------
    >>> path = getfixture("tmpdir") / "tail.csv"
    >>> path.write_text("verb\\n10\\n12\\n", encoding="utf-8")
    >>> read_table(path)
    [{'verb': '10'}, {'verb': '12'}]
    """
    if str(path).endswith(".pkl"):
        table = read_pickled_table(path)
        return [dict(zip(table, row)) for row in zip(*table.values())]
    with open_annotations(path) as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise ValueError(f"{path} has no rows")
    return rows


def read_segments(path):
    """Reads a list of segments: of actions, or of sounds.

    Arguments
    ---------
    path : str
        `EPIC_100_train`, `_validation` or `_test_timestamps`, or
        `EPIC_Sounds_train`, `_validation` or `_recognition_test_timestamps`,
        as .csv or .pkl. Test lists have no classes.

    Returns
    -------
    segments : list of dict
        "ID", "video", "participant", "start" and "stop" (seconds; from
        samples at 24 kHz where the table has them, which are more precise)
        and "classes", a tuple of class indices: (verb, noun), (sound,), or
        empty where the table does not say. In the order of the file.

    Raises
    ------
    ValueError
        If columns are missing, a value is malformed, or an ID appears twice;
        file and row are named.

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
    rows, seen = read_table(path), set()
    id_column = next((c for c in ID_COLUMNS if c in rows[0]), ID_COLUMNS[0])
    class_columns = [c for c in CLASS_COLUMNS if c in rows[0]]
    segments = []
    for number, row in enumerate(rows, start=1):
        try:
            segment = {
                "ID": row[id_column],
                "video": row["video_id"],
                "participant": row["participant_id"],
                "start": _time(row, "start"),
                "stop": _time(row, "stop"),
                "classes": tuple(int(row[c]) for c in class_columns),
            }
            if min(segment["classes"], default=0) < 0 or not segment["ID"]:
                raise ValueError("a class below 0, or no ID")
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path}, row {number} after the header: expected {id_column}, "
                "video_id, participant_id, start_timestamp, stop_timestamp "
                f"and whole class numbers, got {row} ({error})"
            ) from error
        if segment["ID"] in seen:
            raise ValueError(
                f"{path}, row {number} after the header: the ID "
                f"{segment['ID']} appears twice"
            )
        seen.add(segment["ID"])
        segments.append(segment)
    return segments


def _time(row, side):
    """Start or stop of a row in seconds."""
    if f"{side}_sample" in row:
        return int(row[f"{side}_sample"]) / SOUNDS_SAMPLE_RATE
    return read_timestamp(row[f"{side}_timestamp"])


def read_class_names(path):
    """Reads `EPIC_100_verb_classes.csv` or `EPIC_100_noun_classes.csv`.

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
    rows = read_table(path)
    try:
        ids = [int(row["id"]) for row in rows]
        names = [row["key"] for row in rows]
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: expected columns id and key") from error
    if ids != list(range(len(rows))):
        raise ValueError(f"{path}: the ids are not 0, 1, 2, ...")
    return names


def read_sound_classes(paths):
    """Collects the classes of EPIC-SOUNDS, which has no file of its own for
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
        If an id has two names, or one between 0 and the largest has none.

    Example
    -------
    >>> path = getfixture("tmpdir") / "EPIC_Sounds_train.csv"
    >>> path.write_text("class,class_id\\nzip,1\\nbeep,0\\n", encoding="utf-8")
    >>> read_sound_classes([path])
    ['beep', 'zip']
    """
    names = {}
    for path in paths:
        for row in read_table(path):
            try:
                index, name = int(row["class_id"]), row["class"]
            except (KeyError, ValueError) as error:
                raise ValueError(
                    f"{path}: expected columns class and class_id"
                ) from error
            if names.setdefault(index, name) != name:
                raise ValueError(
                    f"{path}: class {index} is called {name!r} and "
                    f"{names[index]!r}"
                )
    absent = [index for index in range(max(names) + 1) if index not in names]
    if absent:
        raise ValueError(f"{', '.join(map(str, paths))}: no classes {absent}")
    return [names[index] for index in sorted(names)]


def read_column(path):
    """Reads a table of one column: tail classes, or unseen participants.

    Arguments
    ---------
    path : str
        `EPIC_100_tail_verbs.csv`, `EPIC_100_tail_nouns.csv` or
        `EPIC_100_unseen_participant_ids_validation.csv`.

    Returns
    -------
    values : list of str

    Example
    -------
    >>> path = getfixture("tmpdir") / "unseen.csv"
    >>> path.write_text("participant_id\\nP18\\nP32\\n", encoding="utf-8")
    >>> read_column(path)
    ['P18', 'P32']
    """
    rows = read_table(path)
    if len(rows[0]) != 1:
        raise ValueError(f"{path}: expected one column, got {list(rows[0])}")
    return [value for row in rows for value in row.values()]


def read_video_durations(path):
    """Reads how long the videos are, from `EPIC_100_video_info.csv`.

    Arguments
    ---------
    path : str
        CSV with columns video_id and duration (seconds).

    Returns
    -------
    durations : dict
        Video to seconds.

    Example
    -------
    >>> path = getfixture("tmpdir") / "EPIC_100_video_info.csv"
    >>> path.write_text("video_id,duration\\nP01_01,9.5\\n", encoding="utf-8")
    >>> read_video_durations(path)
    {'P01_01': 9.5}
    """
    try:
        durations = {
            row["video_id"]: float(row["duration"]) for row in read_table(path)
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: expected columns video_id and duration in seconds "
            f"({error})"
        ) from error
    for video, seconds in durations.items():
        if not seconds > 0:
            raise ValueError(f"{path}: {video} lasts {seconds} s")
    return durations


def read_splits(
    read_labelled, train_list, test_list, submission_list, valid_fraction
):
    """Reads the lists of a recipe.

    Arguments
    ---------
    read_labelled : callable
        Path to segments, see `read_segments`, with "label".
    train_list : str
        The official training list.
    test_list : str
        The official validation list.
    submission_list : str
        A list without classes; None if there is none.
    valid_fraction : float
        Share of the training videos that are used for validation instead,
        see `is_held_out`.

    Returns
    -------
    splits : dict
        "train", "valid", "test" and, if there is such a list, "submission",
        each to its segments.

    Raises
    ------
    ValueError
        If nothing or all would be for validation.

    Example
    -------
    >>> read_splits(
    ...     read_labelled, "train.csv", "validation.csv", None, 0.05
    ... )  # doctest: +SKIP
    """
    if not 0 < valid_fraction < 1:
        raise ValueError(
            f"valid_fraction must be between 0 and 1, got {valid_fraction}"
        )
    splits = {"train": [], "valid": []}
    for segment in read_labelled(train_list):
        held_out = is_held_out(segment["video"], valid_fraction)
        splits["valid" if held_out else "train"].append(segment)
    splits["test"] = read_labelled(test_list)
    if submission_list is not None:
        segments = read_segments(submission_list)
        splits["submission"] = [{**s, "label": ""} for s in segments]
    return splits
