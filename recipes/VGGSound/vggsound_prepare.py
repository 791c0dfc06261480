"""Manifests of VGG-Sound (https://arxiv.org/abs/2004.14368).

Reads the official `vggsound.csv` or two-column lists, and whatever part of
the audio is there.

Authors
 * The speechbrain_pib developers 2026
"""

import itertools
import os
import re

from speechbrain.utils.logger import get_logger

from speechbrain_pib.dataio.audio.files import (
    CLIP_EXTENSIONS,
    find_copies,
    hash_files,
)
from speechbrain_pib.dataio.manifest import read_class_list
from speechbrain_pib.dataio.preparation import (
    check_valid_fraction,
    hold_out,
    is_prepared,
    match_clips,
    write_manifests,
)
from speechbrain_pib.utils.tables import (
    read_csv,
    read_rows,
    read_whole_number,
)

logger = get_logger(__name__)

CLIP_NAME = re.compile(r"([\w-]{11})_(\d{6})")
SPLITS = ("train", "valid", "test")
# A clip has 10 s; what is longer was not cut to it.
LONGEST_SECONDS = 12.0


def prepare_vggsound(
    data_folder,
    annotations,
    class_list,
    save_folder,
    *,
    valid_fraction=0.02,
    splits=SPLITS,
    check_audio=False,
):
    """Write `train.csv`, `valid.csv` and `test.csv` for VGG-Sound.

    The columns are ID, duration (seconds), wav, label, and event_start and
    event_stop (seconds) if `data_folder` holds an `events.csv` with columns
    ID, start, stop. Clips that are missing or cannot be read are left out and
    listed in `missing.csv`, `coverage.csv` and `coverage.json`. Nothing is
    done if it was done before with the same arguments, annotations and files;
    what tells files is their names, sizes and times.

    Arguments
    ---------
    data_folder : str
        Searched, with all folders in it, for audio files (see `walk_audio`)
        named `<YouTube id>_<start in seconds, 6 digits>`. Of several of one
        clip the best that can be read is taken.
    annotations : list of str
        CSV files without header: the official one (YouTube id, start seconds,
        label, split) or two-column lists (`<clip name>.mp4`, label), whose
        own name says "train" or "test".
    class_list : str
        Text file with the class names, one a line.
    save_folder : str
        Where the manifests go.
    valid_fraction : float
        Share of the training videos that are used for validation instead,
        chosen by a hash of the YouTube id.
    splits : list of str
        Splits to prepare, among "train", "valid" and "test"; annotations of
        others are ignored.
    check_audio : bool
        Whether to decode all of every file, which finds damage inside it and
        silence, or its header and end alone.

    Raises
    ------
    ValueError
        If an annotation is malformed, contradicts another one or has a label
        that is not in the class list, or if a split has no readable clip.

    Example
    -------
    >>> prepare_vggsound(
    ...     "/data/vggsound",
    ...     ["vggsound.csv"],
    ...     "vggsound_classes.txt",
    ...     "results",
    ... )  # doctest: +SKIP
    """
    check_valid_fraction(valid_fraction)
    events_path = os.path.join(data_folder, "events.csv")
    events = read_events(events_path) if os.path.exists(events_path) else None
    audio = find_audio(data_folder)
    options = {
        "data_folder": os.path.abspath(data_folder),
        "valid_fraction": valid_fraction,
        "splits": list(splits),
        "check_audio": check_audio,
        "audio": hash_files(itertools.chain(*audio.values())),
    }
    inputs = [*annotations, class_list] + [events_path] * (events is not None)
    if is_prepared(save_folder, options, inputs):
        return
    classes = read_class_list(class_list)
    clips = read_annotations(annotations, classes, valid_fraction)
    clips = [clip for clip in clips if clip["split"] in splits]
    rows = match_clips(
        clips, audio, check_audio=check_audio, longest=LONGEST_SECONDS
    )
    write_manifests(
        save_folder,
        rows if events is None else _add_events(rows, events),
        splits,
        classes,
        options,
        inputs,
        hint=f"files in {data_folder} must be named like "
        "AbCdEfGhIjK_000030.wav (or flac, ogg, opus, mp3, m4a)",
    )


def read_annotations(paths, classes, valid_fraction):
    """Read annotation files of both forms; a clip in several counts once.

    Arguments
    ---------
    paths : list of str
        See `prepare_vggsound`.
    classes : list of str
        The labels that may appear.
    valid_fraction : float
        See `prepare_vggsound`.

    Returns
    -------
    clips : list of dict
        With ID, label and split, in order of appearance.

    Raises
    ------
    ValueError
        See `prepare_vggsound`; file and line are named.
    """
    known = set(classes)
    clips, places, repeated = {}, {}, 0
    for path in paths:
        if not os.path.isfile(path):
            raise ValueError(f"annotations: there is no file {path}")
        for line, row in read_csv(path):
            place = f"{path}, line {line}"
            clip = _read_row(row, path, place)
            if clip["label"] not in known:
                raise ValueError(
                    f"{place}: the label {clip['label']!r} is not in the "
                    "class list"
                )
            video = clip["ID"][:11]
            clip["split"] = hold_out(clip["split"], video, valid_fraction)
            first = clips.setdefault(clip["ID"], clip)
            if first != clip:
                raise ValueError(
                    f"{place}: {clip} contradicts {places[clip['ID']]}: {first}"
                )
            repeated += clip["ID"] in places
            places.setdefault(clip["ID"], place)
    if repeated:
        logger.warning("%d repeated annotations count once", repeated)
    return list(clips.values())


def _read_row(row, path, place):
    """One annotation as a dict with ID, label and split (train or test)."""
    if len(row) == 4:
        video, start, label, split = (field.strip() for field in row)
        try:
            name = f"{video}_{read_whole_number(start):06d}"
        except ValueError as error:
            raise ValueError(
                f"{place}: {row} has no start in whole seconds; such a file "
                "has no header"
            ) from error
        if split not in ("train", "test"):
            raise ValueError(f"{place}: the split {split!r} is not train/test")
    elif len(row) == 2:
        name, label = os.path.splitext(row[0].strip())[0], row[1].strip()
        split = _split_of_list(path)
    else:
        raise ValueError(
            f"{place}: expected 4 columns (YouTube id, start, label, split) or "
            f"2 (clip, label), got {len(row)}: {row}"
        )
    if not CLIP_NAME.fullmatch(name):
        raise ValueError(
            f"{place}: {row} does not give an 11-character YouTube id and a "
            "start in whole seconds; such a file has no header"
        )
    return {"ID": name, "label": label, "split": split}


def _split_of_list(path):
    """The split of a two-column list, from its name."""
    name = os.path.basename(path).lower()
    splits = [split for split in ("train", "test") if split in name]
    if len(splits) != 1:
        raise ValueError(
            f"{path}: a two-column list must be named for its split, with "
            "either 'train' or 'test' in the file name"
        )
    return splits[0]


def read_events(path):
    """Read where the event of each clip is.

    Arguments
    ---------
    path : str
        CSV file with columns ID, start and stop (seconds).

    Returns
    -------
    events : dict
        ID -> (start, stop) in seconds.

    Example
    -------
    >>> path = getfixture("tmpdir") / "events.csv"
    >>> path.write_text("ID,start,stop\\na,0.5,0.9\\n", encoding="utf-8")
    >>> read_events(path)
    {'a': (0.5, 0.9)}
    """
    events = {}
    for line, row in read_rows(path, ["ID", "start", "stop"]):
        try:
            start, stop = float(row["start"]), float(row["stop"])
            events[row["ID"]] = (start, stop)
        except ValueError as error:
            raise ValueError(
                f"{path}, line {line}: expected ID,start,stop with times in "
                f"seconds, got {row}"
            ) from error
    return events


def find_audio(data_folder):
    """Find the clips under a folder, see `find_copies`.

    Arguments
    ---------
    data_folder : str
        Where to search.

    Returns
    -------
    audio : dict
        Clip name -> absolute paths, the best first; the names are sorted.
    """
    copies = find_copies(data_folder, CLIP_EXTENSIONS)
    return {n: paths for n, paths in copies.items() if CLIP_NAME.fullmatch(n)}


def _add_events(rows, events):
    """Rows of clips with where their event is."""
    for row in rows:
        if "reason" not in row:
            if row["ID"] not in events:
                raise ValueError(f"events.csv has no line for {row['ID']}")
            row["event_start"], row["event_stop"] = events[row["ID"]]
        yield row
