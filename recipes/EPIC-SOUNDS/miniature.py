"""A small synthetic data set in the layout of EPIC-SOUNDS.

Its videos are long sound tracks in one HDF5 file, at 24 kHz. A sound is a
burst of noise of 0.4 s (three in a long one), and its class the rate at which
it swells. At a hop of 12.5 ms 20 and 60 Hz, 25 and 55, 30 and 50 look alike;
a finer hop tells them apart.

Authors
 * The speechbrain_pib developers 2026
"""

import os

import numpy as np

from speechbrain_pib.dataio.synthesis import write_once, write_rows
from speechbrain_pib.epic.miniature import (
    SAMPLE_RATE,
    draw_segments,
    format_timestamp,
    write_video_sounds,
)

RATES = (20, 25, 30, 50, 55, 60)  # Hz, of the classes
WEIGHTS = (4, 4, 3, 3, 2, 2)  # of the classes: some are rarer
BAND = (50, 7900)  # Hz
SEGMENTS_PER_VIDEO = 20
COLUMNS = (
    "annotation_id,participant_id,video_id,start_timestamp,stop_timestamp,"
    "start_sample,stop_sample,description,class,class_id"
).split(",")


def write_miniature(folder, *, seed=1234, n_train=1800):
    """Writes the miniature, or finds that it is there.

    The folder then holds `EPIC_audio.hdf5`, the official files in
    `epic-sounds-annotations`, and beside them `EPIC_100_video_info.csv`. A
    complete folder with the same parameters is left as it is, one with other
    parameters is replaced.

    Arguments
    ---------
    folder : str
        The folder to make.
    seed : int
        Of all that is random.
    n_train : int
        About how many training sounds; a fifth as many for validation.

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
    annotations = os.path.join(folder, "epic-sounds-annotations")
    os.mkdir(annotations)
    tables, videos = draw_videos(parameters["train"], rng)
    for name, rows in tables.items():
        write_rows(os.path.join(annotations, f"{name}.csv"), rows)
    write_video_sounds(os.path.join(folder, "EPIC_audio.hdf5"), videos, rng)


def draw_videos(n_train, rng):
    """Draws all sounds.

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
    n_test = max(n_videos // 5, 4)
    train = [f"P{1 + n % 4:02d}_{n // 4:02d}" for n in range(n_videos)]
    test = [f"P{1 + n % 4:02d}_{100 + n // 4}" for n in range(n_test)]
    hidden = ["P01_200"]
    chances = np.array(WEIGHTS) / sum(WEIGHTS)
    videos = {}
    for video in train + test + hidden:
        segments, seconds = draw_segments(SEGMENTS_PER_VIDEO, rng)
        for segment in segments:
            segment["class"] = int(rng.choice(len(RATES), p=chances))
            segment["rate"] = RATES[segment["class"]]
            segment["band"] = BAND
        videos[video] = segments, seconds
    tables = {
        "EPIC_Sounds_train": _list_sounds(train, videos),
        "EPIC_Sounds_validation": _list_sounds(test, videos),
        "EPIC_Sounds_recognition_test_timestamps": [
            row[:7] for row in _list_sounds(hidden, videos)
        ],
        "EPIC_100_video_info": [
            ("video_id", "duration", "fps", "resolution"),
            *(
                (video, f"{seconds:.6f}", 60, "1920x1080")
                for video, (_, seconds) in videos.items()
            ),
        ],
    }
    return tables, videos


def _list_sounds(names, videos):
    """The rows of a list of sounds, with the columns of the official ones."""
    rows = [tuple(COLUMNS)]
    for video in names:
        for number, segment in enumerate(videos[video][0]):
            times = [segment["start"], segment["stop"]]
            name = f"swells at {RATES[segment['class']]} Hz"
            rows.append(
                (
                    f"{video}_{number}",
                    video.split("_")[0],
                    video,
                    *(format_timestamp(time, decimals=3) for time in times),
                    *(round(time * SAMPLE_RATE) for time in times),
                    "noise",
                    name,
                    segment["class"],
                )
            )
    return rows
