"""A small synthetic data set in the layout of EPIC-KITCHENS-100.

Its videos are long sound tracks in one HDF5 file, at 24 kHz. An action is a
burst of noise of 0.4 s (three in a long one): the verb is the rate at which
it swells, the noun its band of frequencies. At a hop of 12.5 ms 20 and 60 Hz,
25 and 55, 30 and 50 look alike; a finer hop tells them apart.

Authors
 * The speechbrain_pib developers 2026
"""

import os

import numpy as np

from speechbrain_pib.dataio.synthesis import write_once, write_rows
from speechbrain_pib.epic.miniature import (
    draw_segments,
    format_timestamp,
    write_video_sounds,
)

RATES = (20, 25, 30, 50, 55, 60)  # Hz, of the verbs
BANDS = tuple((low, low + 4000) for low in (50, 1000, 2000, 3000, 3900))  # Hz
TAIL_VERBS, TAIL_NOUNS = (1, 4), (4,)  # half as frequent
SEGMENTS_PER_VIDEO = 20
FRAMES_PER_SECOND = 60
COLUMNS = (
    "narration_id,participant_id,video_id,narration_timestamp,"
    "start_timestamp,stop_timestamp,start_frame,stop_frame,narration,verb,"
    "verb_class,noun,noun_class,all_nouns,all_noun_classes"
).split(",")


def write_miniature(folder, *, seed=1234, n_train=1800):
    """Writes the miniature, or finds that it is there.

    The folder then holds `EPIC_audio.hdf5` and, in
    `epic-kitchens-100-annotations`, the official files. P01 to P04 train; the
    validation has other videos of theirs and of P05, who is unseen. A
    complete folder with the same parameters is left as it is, one with other
    parameters is replaced.

    Arguments
    ---------
    folder : str
        The folder to make.
    seed : int
        Of all that is random.
    n_train : int
        About how many training actions; a fifth as many for validation.

    Raises
    ------
    ValueError
        If the folder exists and is not a miniature.

    Example
    -------
    >>> write_miniature("miniature", n_train=60)  # doctest: +SKIP
    """
    parameters = {"version": 1, "seed": seed, "train": n_train}
    write_once(folder, parameters, lambda path: _write(path, parameters))


def _write(folder, parameters):
    """Writes sound and annotations."""
    rng = np.random.default_rng(parameters["seed"])
    annotations = os.path.join(folder, "epic-kitchens-100-annotations")
    os.mkdir(annotations)
    tables, videos = draw_videos(parameters["train"], rng)
    for name, rows in tables.items():
        path = os.path.join(annotations, f"EPIC_100_{name}.csv")
        write_rows(path, rows)
    write_video_sounds(os.path.join(folder, "EPIC_audio.hdf5"), videos, rng)


def draw_videos(n_train, rng):
    """Draws all actions.

    Arguments
    ---------
    n_train : int
        See `write_miniature`.
    rng : numpy.random.Generator
        Source of all that is random.

    Returns
    -------
    tables : dict
        Name of each official file to its rows, with the header.
    videos : dict
        Video to segments and duration, as `write_video_sounds` takes them.
    """
    n_videos = max(n_train // SEGMENTS_PER_VIDEO, 8)
    n_test = max(n_videos // 5, 5)
    train = [f"P{1 + n % 4:02d}_{n // 4:02d}" for n in range(n_videos)]
    test = [f"P{1 + n % 5:02d}_{100 + n // 5}" for n in range(n_test)]
    hidden = [f"P{n:02d}_200" for n in (1, 5)]
    videos = {}
    for video in train + test + hidden:
        segments, seconds = draw_segments(SEGMENTS_PER_VIDEO, rng)
        for segment in segments:
            segment["verb"] = _draw_class(len(RATES), TAIL_VERBS, rng)
            segment["noun"] = _draw_class(len(BANDS), TAIL_NOUNS, rng)
            segment["rate"] = RATES[segment["verb"]]
            segment["band"] = BANDS[segment["noun"]]
        videos[video] = segments, seconds
    tables = {
        "train": _list_actions(train, videos),
        "validation": _list_actions(test, videos),
        "test_timestamps": [r[:8] for r in _list_actions(hidden, videos)],
        "verb_classes": _list_classes(map(verb_name, range(len(RATES)))),
        "noun_classes": _list_classes(map(noun_name, range(len(BANDS)))),
        "tail_verbs": [("verb",), *((index,) for index in TAIL_VERBS)],
        "tail_nouns": [("noun",), *((index,) for index in TAIL_NOUNS)],
        "unseen_participant_ids_validation": [("participant_id",), ("P05",)],
        "video_info": [
            ("video_id", "duration", "fps", "resolution"),
            *(
                (video, f"{seconds:.6f}", FRAMES_PER_SECOND, "1920x1080")
                for video, (_, seconds) in videos.items()
            ),
        ],
    }
    return tables, videos


def _draw_class(count, tail, rng):
    """A class, one of the tail half as often as another."""
    weights = np.array([1 if index in tail else 2 for index in range(count)])
    return int(rng.choice(count, p=weights / weights.sum()))


def verb_name(index):
    """Name of a verb.

    Arguments
    ---------
    index : int
        Its class.

    Returns
    -------
    name : str
    """
    return f"swell-{RATES[index]}-hz"


def noun_name(index):
    """Name of a noun.

    Arguments
    ---------
    index : int
        Its class.

    Returns
    -------
    name : str
    """
    return "noise:{}-{}-hz".format(*BANDS[index])


def _list_classes(names):
    """The rows of a file of classes."""
    rows = [(i, name, f"['{name}']", "noise") for i, name in enumerate(names)]
    return [("id", "key", "instances", "category"), *rows]


def _list_actions(names, videos):
    """The rows of a list of actions, with the columns of the official ones."""
    rows = [tuple(COLUMNS)]
    for video in names:
        for number, segment in enumerate(videos[video][0]):
            times = [segment["start"], segment["stop"]]
            verb, noun = verb_name(segment["verb"]), noun_name(segment["noun"])
            rows.append(
                (
                    f"{video}_{number}",
                    video.split("_")[0],
                    video,
                    format_timestamp(times[0], decimals=3),
                    *map(format_timestamp, times),
                    *(round(time * FRAMES_PER_SECOND) + 1 for time in times),
                    f"{verb} {noun}",
                    verb,
                    segment["verb"],
                    noun,
                    segment["noun"],
                    [noun],
                    [segment["noun"]],
                )
            )
    return rows
