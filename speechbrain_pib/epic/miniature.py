"""A small synthetic data set with the official annotations of
EPIC-KITCHENS-100 and of EPIC-SOUNDS, which annotate the same videos.

Its videos are long sound tracks in one HDF5 file, at 24 kHz: first there are
actions, and then other sounds. Each is a burst of noise of 0.4 s (three in a
long one). The class of a sound and the verb of an action are the rate at which
it swells; the noun of an action is the rate of a second band, which sounds with
it. Between two of them there often is a decoy, louder, in a higher band and at
any rate. See speechbrain_pib.dataio.bursts for why the place matters.

Authors
 * The speechbrain_pib developers 2026
"""

import os

import h5py
import numpy as np

from speechbrain_pib.dataio.bursts import (
    BACKGROUND_LEVEL,
    DECOY_BAND,
    DECOY_LEVEL,
    NEEDLE_BAND,
    NEEDLE_LEVEL,
    RATES,
    draw_gain,
    swelling_noise,
)
from speechbrain_pib.dataio.synthesis import write_once, write_rows

SAMPLE_RATE = 24000  # Hz, as published scripts extract EPIC-KITCHENS
FRAMES_PER_SECOND = 60
SEGMENTS_PER_VIDEO = 20  # actions, and as many sounds
BURST_SECONDS = 0.4
LONG_SHARE = 0.15  # of the segments, which have three bursts instead of one
DECOY_SHARE = 0.7  # of the pauses between segments, which have a decoy
NOUN_BAND = (3000, 4200)  # Hz, above that of verbs and sounds
# How frequent the classes are; of verbs and nouns the rare ones are the tail.
VERB_WEIGHTS = (2, 1, 2, 2)
NOUN_WEIGHTS = (2, 2, 1, 2)
SOUND_WEIGHTS = (4, 3, 3, 2)
ACTION_COLUMNS = (
    "narration_id,participant_id,video_id,narration_timestamp,"
    "start_timestamp,stop_timestamp,start_frame,stop_frame,narration,verb,"
    "verb_class,noun,noun_class,all_nouns,all_noun_classes"
).split(",")
SOUND_COLUMNS = (
    "annotation_id,participant_id,video_id,start_timestamp,stop_timestamp,"
    "start_sample,stop_sample,description,class,class_id"
).split(",")


def write_miniature(folder, *, seed=1234, n_train=1800):
    """Write the miniature, or find that it is there.

    The folder then holds `EPIC_audio.hdf5`, and the official files in
    `epic-kitchens-100-annotations` and `epic-sounds-annotations`. P01 to P04
    train; the validation has other videos of theirs and of P05, who is unseen.
    A complete folder with the same parameters is left as it is, one with other
    parameters is replaced.

    Arguments
    ---------
    folder : str
        The folder to make.
    seed : int
        Of all that is random.
    n_train : int
        About how many training actions, and training sounds; a fifth as many
        for validation.

    Raises
    ------
    ValueError
        If the folder exists and is not a miniature.

    Example
    -------
    >>> write_miniature("miniature", n_train=60)  # doctest: +SKIP
    """
    parameters = {
        "dataset": "EPIC",
        "version": 5,
        "seed": seed,
        "train": n_train,
    }
    write_once(folder, parameters, lambda path: _write(path, parameters))


def _write(folder, parameters):
    """Write sound and annotations."""
    splits = _name_videos(parameters["train"])
    videos = [video for names in splits.values() for video in names]
    # Each has draws of its own, so that it does not depend on the other.
    rngs = [np.random.default_rng(parameters["seed"]) for _ in range(2)]
    actions = _draw_track(videos, _draw_action, rngs[0])
    sounds = _draw_track(videos, _draw_sound, rngs[1])
    durations = {}
    with h5py.File(os.path.join(folder, "EPIC_audio.hdf5"), "w") as file:
        for video in videos:
            first = make_video_sound(*actions[video], rngs[0])
            second = make_video_sound(*sounds[video], rngs[1])
            for segment in sounds[video][0]:
                segment["start"] += len(first) / SAMPLE_RATE
                segment["stop"] += len(first) / SAMPLE_RATE
            file[video] = np.concatenate([first, second])
            file[video].attrs["sample_rate"] = SAMPLE_RATE
            durations[video] = len(file[video]) / SAMPLE_RATE
    for name, tables in (
        ("epic-kitchens-100", _list_kitchens(splits, actions, durations)),
        ("epic-sounds", _list_sounds(splits, sounds)),
    ):
        annotations = os.path.join(folder, f"{name}-annotations")
        os.mkdir(annotations)
        for table, rows in tables.items():
            write_rows(os.path.join(annotations, f"{table}.csv"), rows)


def _name_videos(n_train):
    """Videos of each list."""
    n_videos = max(n_train // SEGMENTS_PER_VIDEO, 8)
    n_test = max(n_videos // 5, 5)
    return {
        "train": [f"P{1 + n % 4:02d}_{n // 4:02d}" for n in range(n_videos)],
        "validation": [
            f"P{1 + n % 5:02d}_{100 + n // 5}" for n in range(n_test)
        ],
        "test": ["P01_200", "P05_200"],
    }


def _draw_track(videos, draw_class, rng):
    """Video to its segments, and how long they take in seconds."""
    track = {}
    for video in videos:
        segments, seconds = draw_segments(SEGMENTS_PER_VIDEO, rng)
        for segment in segments:
            segment.update(draw_class(rng))
        track[video] = segments, seconds
    return track


def _draw_action(rng):
    """Verb and noun of an action, and how it sounds."""
    verb, noun = _draw(VERB_WEIGHTS, rng), _draw(NOUN_WEIGHTS, rng)
    return {
        "verb": verb,
        "noun": noun,
        "swells": [(RATES[verb], NEEDLE_BAND), (RATES[noun], NOUN_BAND)],
    }


def _draw_sound(rng):
    """Class of a sound, and how it sounds."""
    index = _draw(SOUND_WEIGHTS, rng)
    return {"class": index, "swells": [(RATES[index], NEEDLE_BAND)]}


def _draw(weights, rng):
    """An index, as frequent as its weight."""
    chances = np.array(weights) / sum(weights)
    return int(rng.choice(len(weights), p=chances))


def draw_segments(count, rng):
    """Draw when the segments of a video and their bursts are.

    No window of 2 s in the middle of a segment, or inside a long one, lacks
    a whole burst of it or has more than the edge of another's.

    Arguments
    ---------
    count : int
        Number of segments.
    rng : numpy.random.Generator
        Source of all that is random.

    Returns
    -------
    segments : list of dict
        "start" and "stop" in seconds, with two decimals, "bursts", the
        centres of the bursts in seconds, and "decoys", which follow:
        (centre, rate) of each.
    seconds : float
        How long the video is.

    Example
    -------
    >>> segments, seconds = draw_segments(3, np.random.default_rng(0))
    >>> len(segments), bool(seconds > segments[-1]["stop"])
    (3, True)
    """
    segments, time = [], 1.2
    for _ in range(count):
        bursts = [time]
        if rng.random() < LONG_SHARE:
            bursts = [time, time + 0.8, time + 1.6]
        before, after = rng.uniform(0.3, 0.8, 2)
        pause = rng.uniform(1.5, 1.8)
        decoys = [(bursts[-1] + pause / 2, rng.choice(RATES))]
        segments.append(
            {
                "start": round(bursts[0] - before, 2),
                "stop": round(bursts[-1] + after, 2),
                "bursts": bursts,
                "decoys": decoys if rng.random() < DECOY_SHARE else [],
            }
        )
        time = bursts[-1] + pause
    return segments, time


def make_video_sound(segments, seconds, rng, sample_rate=SAMPLE_RATE):
    """Make the sound of a video.

    Quiet noise with bursts of noise whose loudness swells.

    Arguments
    ---------
    segments : list of dict
        As from draw_segments, with "swells": rate and band (Hz) of each noise
        of its bursts.
    seconds : float
        How long it is.
    rng : numpy.random.Generator
        Source of all that is random.
    sample_rate : int
        In Hz.

    Returns
    -------
    waveform : numpy.ndarray
        [n], int16.

    Example
    -------
    >>> segment = {
    ...     "bursts": [1.0],
    ...     "swells": [(75, (500, 900))],
    ...     "decoys": [],
    ... }
    >>> make_video_sound([segment], 2.0, np.random.default_rng(0)).shape
    (48000,)
    """
    waveform = rng.standard_normal(round(seconds * sample_rate))
    waveform *= draw_gain(BACKGROUND_LEVEL, rng)
    size = round(BURST_SECONDS * sample_rate)
    for segment in segments:
        sounds = [
            (centre, rate, band, NEEDLE_LEVEL)
            for centre in segment["bursts"]
            for rate, band in segment["swells"]
        ]
        sounds += [
            (*decoy, DECOY_BAND, DECOY_LEVEL) for decoy in segment["decoys"]
        ]
        for centre, rate, band, level in sounds:
            noise = swelling_noise(rate, band, size, rng, sample_rate)
            first = round((centre - BURST_SECONDS / 2) * sample_rate)
            waveform[first : first + size] += draw_gain(level, rng) * noise
    return (np.clip(waveform, -1, 1) * 32767).astype(np.int16)


def _list_kitchens(splits, actions, durations):
    """The official files of EPIC-KITCHENS-100, name to rows."""
    tables = {
        "train": _list_actions(splits["train"], actions),
        "validation": _list_actions(splits["validation"], actions),
        "test_timestamps": [
            row[:8] for row in _list_actions(splits["test"], actions)
        ],
        "unseen_participant_ids_validation": [("participant_id",), ("P05",)],
        "video_info": [
            ("video_id", "duration", "fps", "resolution"),
            *(
                (video, f"{seconds:.6f}", FRAMES_PER_SECOND, "1920x1080")
                for video, seconds in durations.items()
            ),
        ],
    }
    for task, name, weights in (
        ("verb", _verb_name, VERB_WEIGHTS),
        ("noun", _noun_name, NOUN_WEIGHTS),
    ):
        names = [name(index) for index in range(len(weights))]
        tables[f"{task}_classes"] = [
            ("id", "key", "instances", "category"),
            *((i, key, [key], "noise") for i, key in enumerate(names)),
        ]
        tail = [index for index, weight in enumerate(weights) if weight == 1]
        tables[f"tail_{task}s"] = [(task,), *((index,) for index in tail)]
    return {f"EPIC_100_{name}": rows for name, rows in tables.items()}


def _verb_name(index):
    return f"swell-{RATES[index]}-hz"


def _noun_name(index):
    return f"noise:{RATES[index]}-hz"


def _list_actions(videos, actions):
    """The rows of a list of actions."""
    rows = [tuple(ACTION_COLUMNS)]
    for video in videos:
        for number, segment in enumerate(actions[video][0]):
            times = [segment["start"], segment["stop"]]
            verb, noun = (
                _verb_name(segment["verb"]),
                _noun_name(segment["noun"]),
            )
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


def _list_sounds(splits, sounds):
    """The official files of EPIC-SOUNDS, name to rows."""
    lists = {}
    for split, videos in splits.items():
        lists[split] = [tuple(SOUND_COLUMNS)]
        for video in videos:
            for number, segment in enumerate(sounds[video][0]):
                times = [segment["start"], segment["stop"]]
                lists[split].append(
                    (
                        f"{video}_{number}",
                        video.split("_")[0],
                        video,
                        *(format_timestamp(time, decimals=3) for time in times),
                        *(round(time * SAMPLE_RATE) for time in times),
                        "noise",
                        f"swells at {RATES[segment['class']]} Hz",
                        segment["class"],
                    )
                )
    return {
        "EPIC_Sounds_train": lists["train"],
        "EPIC_Sounds_validation": lists["validation"],
        "EPIC_Sounds_recognition_test_timestamps": [
            row[:7] for row in lists["test"]
        ],
    }


def format_timestamp(seconds, decimals=2):
    """Write a time as EPIC-KITCHENS-100 does.

    Arguments
    ---------
    seconds : float
        The time.
    decimals : int
        Of the seconds.

    Returns
    -------
    timestamp : str

    Example
    -------
    >>> format_timestamp(3723.25)
    '01:02:03.25'
    """
    minutes, seconds = divmod(round(seconds, decimals), 60)
    hours, minutes = divmod(int(minutes), 60)
    width = decimals + 3
    return f"{hours:02d}:{minutes:02d}:{seconds:0{width}.{decimals}f}"
