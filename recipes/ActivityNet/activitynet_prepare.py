"""Manifests of ActivityNet 1.3 (http://activity-net.org).

Joins the official annotations, or Kinetics' in its official form, with the
features that the command extract-features wrote, or with the video files
themselves.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import os

from speechbrain.utils.logger import get_logger

from speechbrain_pib.dataio.manifest import read_class_list
from speechbrain_pib.dataio.preparation import (
    hold_out,
    is_prepared,
    write_manifests,
)
from speechbrain_pib.dataio.segments import (
    find_gaps,
    mend_segment,
    report_mended,
)
from speechbrain_pib.dataio.video.feature_datasets import format_segments
from speechbrain_pib.dataio.video.files import find_durations, find_videos
from speechbrain_pib.dataio.video.published import published_rows
from speechbrain_pib.utils.files import file_state, hash_ids, open_annotations
from speechbrain_pib.utils.tables import read_rows, read_whole_number

logger = get_logger(__name__)

SPLITS = ("train", "valid", "test")
# The labels of the official test set are not public.
SPLIT_OF = {
    "training": "train",
    "validation": "test",
    "testing": None,
    "train": "train",
    "val": "test",
    "validate": "test",
    "test": "test",
}
PREFIX = "v_"  # of the names of ActivityNet's files
# Clips that were cut out of videos are some pictures shorter than annotated.
CUT_SECONDS = 0.1
# Shorter ones, where annotations of a video nearly touch, are no background.
GAP_SECONDS = 1.0


def prepare_features(
    annotations, features, save_folder, *, class_list=None, valid_fraction=0.1
):
    """Write `train.csv`, `valid.csv` and `test.csv` of videos with features.

    The columns are those of the features' manifest and label (one or several,
    joined by "|") and segments (of what is annotated). The test is the
    official validation set. Videos without features are listed in
    `missing.csv`, `coverage.csv` and `coverage.json`, where "without_sound"
    counts the silent ones; segments that are not, or not as annotated, in
    their video are listed in `mended.csv`. Nothing is done if it was done
    before.

    Arguments
    ---------
    annotations : str
        `activity_net.v1-3.min.json`, or a CSV file of Kinetics' form.
    features : str
        The manifest that extract-features wrote, such as features.csv. Its
        IDs are those of the annotations, perhaps in folders and after "v_".
    save_folder : str
        Where the manifests go.
    class_list : str
        Text file with the class names, one a line (default: those of the
        annotations in alphabetical order).
    valid_fraction : float
        Share of the training videos that are used for validation instead,
        chosen by a hash of their ID.

    Raises
    ------
    ValueError
        If an annotation is malformed, or a split has no videos.

    Example
    -------
    >>> prepare_features(
    ...     "activity_net.v1-3.min.json", "features.csv", "results"
    ... )  # doctest: +SKIP
    """
    known = _read_feature_manifest(features)
    failures = _read_failures(features)
    options = {"kind": "features", "valid_fraction": valid_fraction}
    inputs = [annotations, features] + [class_list] * (class_list is not None)
    if is_prepared(save_folder, options, inputs):
        return
    videos, classes = read_annotations(annotations, class_list, valid_fraction)
    rows, mended = [], []
    for video in videos:
        key, split = video["ID"], video["split"]
        row = {"ID": key, "label": video["label"], "split": split}
        if features_of := _find(key, known):
            seconds = float(features_of.get("duration") or "inf")
            kept, lost, changed = _match_segments(video, seconds)
            # The video keeps its labels.
            mended += changed
            mended += [
                {k: r[k] for k in ("ID", "split", "reason")} for r in lost
            ]
            segments = format_segments((r["start"], r["stop"]) for r in kept)
            rows.append({**features_of, **row, "segments": segments})
        else:
            reason = _find(key, failures) or "no features"
            rows.append({**row, "reason": reason})
    report_mended(mended, save_folder)
    write_manifests(
        save_folder,
        rows,
        SPLITS,
        classes,
        options,
        inputs,
        hint=f"extract their features, which {features} must list",
    )


def prepare_published(
    lists, root, save_folder, *, class_list, valid_fraction=0.1
):
    """Write the manifests of features in the layout of the published code.

    As `prepare_features`, but for the segments, which are not known.

    Arguments
    ---------
    lists : list of str
        Pickled lists of the training and of the test videos, which are read
        without running them.
    root : str
        Folder in which "image_features" and "audio_features" are.
    save_folder : str
        Where the manifests go.
    class_list : str
        Text file with the class names, one a line, in the order of the
        indices in the lists.
    valid_fraction : float
        As for `prepare_features`.

    Raises
    ------
    ValueError
        If there is no class list, a list or an array is something else, or a
        split has no videos.

    Example
    -------
    >>> prepare_published(
    ...     ["train.pkl", "val.pkl"],
    ...     "features",
    ...     "results",
    ...     class_list="classes.txt",
    ... )  # doctest: +SKIP
    """
    if class_list is None:
        raise ValueError(
            "published_lists hold indices of classes: give --class_list"
        )
    if len(lists) != 2:
        raise ValueError(
            "published_lists must be [/path/to/train.pkl, /path/to/val.pkl], "
            f"but is {lists}"
        )
    train, test = lists
    options = {
        "kind": "published",
        "valid_fraction": valid_fraction,
        "root": os.path.abspath(root),
    }
    inputs = [train, test, class_list]
    if is_prepared(save_folder, options, inputs):
        return
    classes = read_class_list(class_list)
    rows = []
    for split, path in (("train", train), ("test", test)):
        found, lost = published_rows(path, classes, os.path.abspath(root))
        rows += [
            {**row, "split": hold_out(split, row["ID"], valid_fraction)}
            for row in found + lost
        ]
    write_manifests(
        save_folder,
        rows,
        SPLITS,
        classes,
        options,
        inputs,
        hint=f"{root} must hold their features",
    )


def prepare_moments(
    annotations,
    video_folder,
    save_folder,
    *,
    class_list=None,
    valid_fraction=0.1,
):
    """Write `train.csv`, `valid.csv` and `test.csv` of annotated segments.

    The columns are ID, path (of the video file), start, stop (seconds), label
    and gaps (of a second and more between the segments of the video). Segments
    that are not in their video, or whose video cannot be read, are listed in
    `missing.csv`. The rest is as for `prepare_features`.

    Arguments
    ---------
    annotations : str
        As for `prepare_features`.
    video_folder : str
        Where the video files are, in folders or not, named as their ID,
        perhaps after "v_".
    save_folder : str
        Where the manifests go.
    class_list : str
        As for `prepare_features`.
    valid_fraction : float
        As for `prepare_features`.

    Raises
    ------
    ValueError
        As for `prepare_features`.

    Example
    -------
    >>> prepare_moments(
    ...     "activity_net.v1-3.min.json", "videos", "results"
    ... )  # doctest: +SKIP
    """
    paths = {
        os.path.basename(key): os.path.abspath(path)
        for key, path in find_videos(video_folder).items()
    }
    options = {
        "kind": "moments",
        "valid_fraction": valid_fraction,
        "gap_seconds": GAP_SECONDS,
        "videos": hash_ids(f"{p} {file_state(p)}" for p in paths.values()),
    }
    inputs = [annotations] + [class_list] * (class_list is not None)
    if is_prepared(save_folder, options, inputs):
        return
    videos, classes = read_annotations(annotations, class_list, valid_fraction)
    path_of = {video["ID"]: _find(video["ID"], paths) for video in videos}
    durations = find_durations([p for p in path_of.values() if p])
    rows, mended = [], []
    for video in videos:
        path = path_of[video["ID"]]
        seconds = durations.get(path, ValueError("no such video"))
        kept, lost, changed = _match_segments(video, seconds)
        of_video = {"split": video["split"], "path": path}
        if kept:
            times = [(row["start"], row["stop"]) for row in kept]
            gaps = find_gaps(times, seconds, shortest=GAP_SECONDS)
            of_video["gaps"] = format_segments(gaps)
        rows += [{**row, **of_video} for row in kept]
        rows += lost
        mended += changed
    report_mended(mended, save_folder)
    write_manifests(
        save_folder,
        rows,
        SPLITS,
        classes,
        options,
        inputs,
        hint=f"{video_folder} must hold the videos",
    )


def _match_segments(video, seconds):
    """Segments of a video that lasts so long, or cannot be read: those that
    are in it, those that are not, and what was changed."""
    found, missing, mended = [], [], []
    for number, (start, stop, label) in enumerate(video["segments"]):
        row = {"ID": f"{video['ID']}_{number}"}
        try:
            if isinstance(seconds, ValueError):
                raise seconds
            begin, end, odd = mend_segment(start, stop, seconds)
        except ValueError as error:
            row |= {"label": label, "split": video["split"]}
            missing.append({**row, "reason": str(error)})
            continue
        cut = 0 <= start < stop <= seconds + CUT_SECONDS
        if odd is not None and not cut:
            mended.append({**row, "split": video["split"], "reason": odd})
        found.append({**row, "start": begin, "stop": end, "label": label})
    return found, missing, mended


def read_annotations(path, class_list=None, valid_fraction=0.1):
    """Read annotations in ActivityNet's or in Kinetics' official form.

    Arguments
    ---------
    path : str
        JSON file with "database", or CSV file with columns label, youtube_id,
        time_start, time_end and split. In Kinetics' form a video is a clip,
        whose name is `<youtube_id>_<time_start>_<time_end>` with six digits.
    class_list : str
        See `prepare_features`; videos of other classes are left out.
    valid_fraction : float
        See `prepare_features`.

    Returns
    -------
    videos : list of dict
        With ID, split, label and segments, (start, stop, label) each.
    classes : list of str

    Raises
    ------
    ValueError
        If the file is something else, naming what is wrong with it.

    Example
    -------
    >>> read_annotations("activity_net.v1-3.min.json")  # doctest: +SKIP
    """
    if not os.path.isfile(path):
        raise ValueError(f"annotations: there is no file {path}")
    read = _read_json if path.endswith(".json") else _read_kinetics
    videos = list(read(path))
    labels = {label for video in videos for *_, label in video["segments"]}
    classes = read_class_list(class_list) if class_list else sorted(labels)
    kept = []
    for video in videos:
        of_video = {label for *_, label in video["segments"]}
        if not of_video & set(classes):
            continue
        video["segments"] = [s for s in video["segments"] if s[2] in classes]
        video["label"] = "|".join(sorted(of_video & set(classes)))
        video["split"] = hold_out(video["split"], video["ID"], valid_fraction)
        kept.append(video)
    if len(kept) < len(videos):
        logger.info("%d videos are of other classes", len(videos) - len(kept))
    return kept, classes


def _read_json(path):
    """Videos of ActivityNet's annotations that have labels."""
    try:
        with open_annotations(path) as file:
            entries = json.load(file)["database"].items()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is not the JSON file of ActivityNet, it has no database: "
            f"{error}"
        ) from error
    for key, entry in entries:
        try:
            split = SPLIT_OF[entry["subset"]]
            segments = [
                (*map(float, annotation["segment"]), annotation["label"])
                for annotation in entry["annotations"]
            ]
            if any(len(segment) != 3 for segment in segments):
                raise ValueError("a segment is not [start, stop]")
            if not all(isinstance(segment[2], str) for segment in segments):
                raise ValueError("a label is not text")
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path}: the entry of {key} is malformed: {error!r}"
            ) from error
        if split and segments:
            yield {"ID": key, "split": split, "segments": segments}


def _read_kinetics(path):
    """Clips of Kinetics' annotations."""
    columns = ("label", "youtube_id", "time_start", "time_end", "split")
    for line, row in read_rows(path, columns):
        try:
            start = read_whole_number(row["time_start"])
            stop = read_whole_number(row["time_end"])
            key = f"{row['youtube_id']}_{start:06d}_{stop:06d}"
            label, split = row["label"], SPLIT_OF[row["split"]]
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"{path}, line {line}: expected label, youtube_id, "
                "time_start, time_end (whole seconds) and split (train, "
                f"val, validate or test), got {row}"
            ) from error
        segments = [(0.0, float(stop - start), label)]
        yield {"ID": key, "split": split, "segments": segments}


def _find(key, table):
    """The entry of a video, whose name is its ID or begins with v_."""
    return table.get(f"{PREFIX}{key}", table.get(key))


def _read_feature_manifest(path):
    """ID to row of the manifest of features, whose locators are absolute."""
    if not os.path.isfile(path):
        raise ValueError(
            f"features: there is no file {path}; write it with python -m "
            "speechbrain_pib extract-features"
        )
    folder = os.path.dirname(os.path.abspath(path))
    rows = {}
    for line, row in read_rows(path, ["ID", "features"]):
        key = os.path.basename(row["ID"])
        if key in rows:
            raise ValueError(f"{path}, line {line}: {key} appears twice")
        try:
            float(row.get("duration") or "inf")
        except ValueError as error:
            raise ValueError(
                f"{path}, line {line}: duration: {error}"
            ) from None
        row["features"] = os.path.join(folder, row["features"])
        rows[key] = row
    return rows


def _read_failures(path):
    """ID to reason of the videos from which no features could be computed."""
    stem, extension = os.path.splitext(path)
    path = f"{stem}_failures{extension}"
    if not os.path.exists(path):
        return {}
    return {
        os.path.basename(row["ID"]): row["reason"]
        for _, row in read_rows(path, ["ID", "reason"])
    }
