"""Data sets of scenes: short real events at random places in real backgrounds,
made of a data set in ESC-50's layout and written in that layout.

All that a scene is made of comes from one fold, and no recording is in two of
them: whatever folds are trained and tested on, they share no recording.

Authors
 * The speechbrain_pib developers 2026
"""

import itertools
import json
import os
from collections import defaultdict
from dataclasses import asdict, replace
from typing import NamedTuple

import numpy as np
from tqdm.contrib import tqdm

from speechbrain_pib.dataio.audio.decoding import read_samples
from speechbrain_pib.dataio.audio.files import find_copies, hash_files
from speechbrain_pib.dataio.audio.levels import SILENT_PEAK
from speechbrain_pib.dataio.esc50 import find_esc50, read_meta
from speechbrain_pib.dataio.preparation import match_clips
from speechbrain_pib.dataio.scene_mixing import (
    BACKGROUNDS,
    mix_scene,
    pad_to_frames,
)
from speechbrain_pib.dataio.synthesis import (
    read_parameters,
    write_clip,
    write_once,
    write_rows,
)
from speechbrain_pib.utils.files import hash_file
from speechbrain_pib.utils.seeds import fold_seed
from speechbrain_pib.utils.tables import read_rows

COLUMNS = (
    *("filename", "fold", "target", "category", "event_start", "event_stop"),
    *("snr", "event", "background", "distractors"),
)


class SceneSet(NamedTuple):
    """What `make_scenes` made.

    Arguments
    ---------
    folds : list of int
        Sorted.
    classes : list of str
        Sorted.
    failures : dict
        ID of each clip that could not be used -> reason.
    """

    folds: list
    classes: list
    failures: dict


class Sound(NamedTuple):
    """A clip that was read.

    Arguments
    ---------
    ID : str
        Its name.
    label : str
        Its category.
    samples : numpy.ndarray
        [n], see `pad_to_frames`.
    """

    ID: str
    label: str
    samples: np.ndarray


def make_scenes(data_folder, folder, settings):
    """Write scenes, in ESC-50's layout, or find that they are there.

    The folder then holds `audio/*.wav` (mono, 16 bit), `meta/esc50.csv` (with
    where the event is, event_start and event_stop in seconds, and the clips
    that a scene was made of), `scenes.json` (of what and how they were made)
    and `failures.csv` (clips that were left out: unreadable, silent or shorter
    than the longest event). It appears when it is complete.

    Arguments
    ---------
    data_folder : str
        Folder in ESC-50's layout, or with it in `ESC-50-master`: `audio/` and
        `meta/esc50.csv` (with columns filename, fold, category, src_file).
    folder : str
        Where the scenes go.
    settings : speechbrain_pib.dataio.scene_mixing.SceneSettings
        What they are like.

    Returns
    -------
    scenes : SceneSet

    Raises
    ------
    ValueError
        If the data are not there or malformed, a recording is in two folds, a
        fold lacks events or backgrounds, or the folder holds anything but
        these scenes.

    Example
    -------
    >>> from speechbrain_pib.dataio.scene_mixing import SceneSettings
    >>> make_scenes(
    ...     "/data/ESC-50-master", "scenes", SceneSettings(seed=1)
    ... )  # doctest: +SKIP
    """
    data_folder, folder = find_esc50(data_folder), os.path.abspath(folder)
    meta = os.path.join(data_folder, "meta", "esc50.csv")
    clips = read_meta(meta)
    check_recordings(clips, meta)
    settings = _choose_backgrounds(clips, meta, settings)
    audio = find_copies(os.path.join(data_folder, "audio"))
    parameters = {
        "version": 1,
        **asdict(settings),
        "meta": hash_file(meta),
        "audio": hash_files(itertools.chain(*audio.values())),
    }
    _refuse_other(folder, parameters)
    write_once(
        folder,
        parameters,
        lambda path: _write_scenes(path, clips, audio, settings),
        kind="scenes",
    )
    return _read_scenes(folder)


def check_recordings(clips, meta):
    """Check that clips of one recording are in one fold.

    Arguments
    ---------
    clips : list of dict
        From `read_meta`.
    meta : str
        Where they are listed, for messages.

    Raises
    ------
    ValueError
        If they are not, or nobody knows.

    Example
    -------
    >>> clip = {"ID": "1-7-A-0", "fold": 1, "recording": "7"}
    >>> other = {"ID": "2-7-B-0", "fold": 2, "recording": "7"}
    >>> check_recordings([clip, other], "esc50.csv")
    Traceback (most recent call last):
        ...
    ValueError: esc50.csv: 1-7-A-0 of fold 1 and 2-7-B-0 of fold 2 are of one
    recording (src_file 7); put them into one fold, else a model is tested on
    what it was trained on
    """
    first = {}
    for clip in clips:
        recording = clip.get("recording")
        if not recording:
            raise ValueError(
                f"{meta} does not say of which recording {clip['ID']} is; it "
                "needs a column src_file, so that no recording is both "
                "trained and tested on"
            )
        other = first.setdefault(recording, clip)
        if other["fold"] != clip["fold"]:
            raise ValueError(
                f"{meta}: {other['ID']} of fold {other['fold']} and "
                f"{clip['ID']} of fold {clip['fold']} are of one recording "
                f"(src_file {recording}); put them into one fold, else a model "
                "is tested on what it was trained on"
            )


def _choose_backgrounds(clips, meta, settings):
    """The settings, with the backgrounds that the data have, sorted."""
    categories = {clip["label"] for clip in clips}
    chosen = set(settings.backgrounds) or categories & set(BACKGROUNDS)
    if chosen - categories or not chosen or chosen == categories:
        raise ValueError(
            f"backgrounds must be some, and not all, of the categories of "
            f"{meta} ({', '.join(sorted(categories))}), got "
            f"{', '.join(sorted(chosen)) or 'none'}"
        )
    if settings.background_class in categories:
        raise ValueError(
            f"{meta} has a category {settings.background_class}; choose "
            "another name for scenes without an event"
        )
    return replace(settings, backgrounds=tuple(sorted(chosen)))


def _refuse_other(folder, parameters):
    """Raises if a folder holds scenes that were made otherwise."""
    earlier = read_parameters(folder, "scenes")
    parameters = json.loads(json.dumps(parameters))
    if earlier not in (None, parameters):
        differing = [
            name
            for name, value in parameters.items()
            if earlier.get(name) != value
        ]
        raise ValueError(
            f"{folder} holds scenes that were made with another "
            f"{', '.join(differing)}; choose another folder, or remove it"
        )


def _write_scenes(folder, clips, audio, settings):
    """Writes the scenes of each fold, their table, and what was left out."""
    classes = {clip["label"] for clip in clips} - set(settings.backgrounds)
    if settings.background_class:
        classes.add(settings.background_class)
    targets = {label: index for index, label in enumerate(sorted(classes))}
    failures, rows = {}, []
    for name in ("audio", "meta"):
        os.mkdir(os.path.join(folder, name))
    folds = defaultdict(list)
    for clip in _check_clips(clips, audio, settings, failures):
        folds[clip["fold"]].append(clip)
    progress = tqdm(
        total=len(folds) * settings.scenes_per_fold,
        desc="making scenes",
        unit="scene",
        disable=None,
    )
    with progress:
        for fold in sorted(folds):
            sounds = _read_sounds(folds[fold], settings, failures)
            for row in _write_fold(folder, fold, sounds, settings):
                rows.append({**row, "target": targets[row["category"]]})
                progress.update()
    table = [[row[column] for column in COLUMNS] for row in rows]
    write_rows(os.path.join(folder, "meta", "esc50.csv"), [COLUMNS, *table])
    write_rows(
        os.path.join(folder, "failures.csv"),
        [("ID", "reason"), *sorted(failures.items())],
    )


def _check_clips(clips, audio, settings, failures):
    """Yields the clips that can be used, with the file, in the order of their
    names; notes why others cannot."""
    clips = sorted(clips, key=lambda clip: clip["ID"])
    longest = settings.event_seconds[1]
    for clip in match_clips(clips, audio, check_audio=True):
        if "reason" in clip:
            failures[clip["ID"]] = str(clip["reason"])
        elif clip["duration"] < longest:
            failures[clip["ID"]] = (
                f"{clip['wav']} has {clip['duration']:.2f} s, and an event may "
                f"have {longest} s"
            )
        else:
            yield clip


def _read_sounds(clips, settings, failures):
    """Reads the clips of a fold; notes which are silent at the new rate."""
    sounds = []
    for clip in clips:
        samples, rate = read_samples(
            clip["wav"], settings.sample_rate, "float32"
        )
        if np.abs(samples).max() <= SILENT_PEAK:
            failures[clip["ID"]] = f"{clip['wav']} is silent at {rate} Hz"
            continue
        samples = pad_to_frames(samples, settings)
        sounds.append(Sound(clip["ID"], clip["label"], samples))
    return sounds


def _write_fold(folder, fold, sounds, settings):
    """Writes the scenes of a fold, and yields their rows."""
    backgrounds, events = [], defaultdict(list)
    for sound in sounds:
        if sound.label in settings.backgrounds:
            backgrounds.append(sound)
        else:
            events[sound.label].append(sound)
    _check_fold(fold, events, backgrounds, settings)
    classes = sorted(events)
    if settings.background_class:
        classes.append(settings.background_class)
    for index in range(settings.scenes_per_fold):
        # A scene depends on nothing that was drawn before it.
        rng = np.random.default_rng(fold_seed(settings.seed, fold, index))
        category = classes[index % len(classes)]
        # Of the class of scenes without an event there is no recording.
        event = _draw(events[category], rng) if category in events else None
        background = _draw(backgrounds, rng)
        others = [s for s in backgrounds if s.label != background.label]
        distractors = [_draw(others, rng) for _ in range(settings.distractors)]
        scene = mix_scene(
            event and event.samples,
            background.samples,
            [distractor.samples for distractor in distractors],
            settings,
            rng,
        )
        name = f"{fold}-{index:06d}.wav"
        path = os.path.join(folder, "audio", name)
        write_clip(path, scene.waveform, settings.sample_rate)
        yield {
            "filename": name,
            "fold": fold,
            "category": category,
            "event_start": event and round(scene.start, 7),
            "event_stop": event and round(scene.stop, 7),
            "snr": event and round(scene.snr, 2),
            "event": event and event.ID,
            "background": background.ID,
            "distractors": "|".join(d.ID for d in distractors),
        }


def _check_fold(fold, events, backgrounds, settings):
    """Raises if no scene can be made of a fold."""
    if not events or not backgrounds:
        raise ValueError(
            f"fold {fold} has {sum(map(len, events.values()))} clips of events "
            f"and {len(backgrounds)} of backgrounds that can be used, and "
            "needs both: a scene is made of clips of one fold"
        )
    labels = {sound.label for sound in backgrounds}
    if settings.distractors and len(labels) < 2:
        raise ValueError(
            f"fold {fold} has only {labels.pop()} as a background, and a "
            "distractor is of another one: name more, or have no distractors"
        )


def _draw(sounds, rng):
    """One of several sounds."""
    return sounds[rng.integers(len(sounds))]


def _read_scenes(folder):
    """What a complete folder of scenes holds."""
    clips = read_meta(os.path.join(folder, "meta", "esc50.csv"))
    failures = read_rows(os.path.join(folder, "failures.csv"))
    return SceneSet(
        sorted({clip["fold"] for clip in clips}),
        sorted({clip["label"] for clip in clips}),
        {row["ID"]: row["reason"] for _, row in failures},
    )
