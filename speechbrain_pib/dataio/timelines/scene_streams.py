"""Long recordings made of scenes, with where their events are.

Authors
 * The speechbrain_pib developers 2026
"""

import os
from typing import NamedTuple

import numpy as np
import soundfile
from tqdm.contrib import tqdm

from speechbrain_pib.dataio.audio.decoding import read_samples
from speechbrain_pib.dataio.esc50 import read_meta
from speechbrain_pib.dataio.synthesis import read_parameters
from speechbrain_pib.dataio.timelines.events import Event
from speechbrain_pib.dataio.timelines.formats import render_events
from speechbrain_pib.utils.files import atomic_path, atomic_writer

SEAM_SECONDS = 0.05  # in which a scene goes over into the next one
WAV_BYTES = 2**32 - 2**12  # what the header of a WAV file can count


class Stream(NamedTuple):
    """What `join_scenes` wrote.

    Arguments
    ---------
    path : str
        The recording.
    events_path : str
        CSV of its events.
    duration : float
        In seconds.
    events : list of Event
        In the order of time.
    """

    path: str
    events_path: str
    duration: float
    events: list


def join_scenes(
    scenes_folder, path, fold, *, seconds=None, event_every=None, seed=1234
):
    """Join scenes of a fold, in random order, to one long recording.

    When all have been heard they come again, in another order. Each goes
    over into the next one in 0.05 s. Beside the recording a CSV says where its
    events are.

    Arguments
    ---------
    scenes_folder : str
        What `make_scenes` made.
    path : str
        WAV file to write, whole or not at all.
    fold : int
        The fold whose scenes are heard.
    seconds : float
        Duration of the recording (default: each scene once).
    event_every : float
        Mean time from one event to the next, in seconds, for which there must
        be scenes without an event (default: scenes as they come).
    seed : int
        Of the order.

    Returns
    -------
    stream : Stream

    Raises
    ------
    ValueError
        If there are no such scenes, or the recording would be too long.

    Example
    -------
    >>> join_scenes(
    ...     "scenes", "fold4.wav", fold=4, seconds=3600, event_every=20
    ... )  # doctest: +SKIP
    """
    scenes, rate, length = _find_scenes(scenes_folder, fold)
    seam = round(SEAM_SECONDS * rate)
    step = round(length * rate) - seam
    if step <= seam:
        raise ValueError(f"scenes of {length} s are too short to be joined")
    count = len(scenes)
    if seconds is not None:
        count = max(round((seconds * rate - seam) / step), 1)
    if 2 * (count * step + seam) > WAV_BYTES:
        raise ValueError(f"a WAV file holds no {count} scenes of {length} s")
    rng = np.random.default_rng([seed, fold])
    period = None if event_every is None else event_every * rate / step
    order = _draw_order(scenes, count, period, rng)
    path, events_path = os.fspath(path), f"{os.path.splitext(path)[0]}.csv"
    duration = (count * step + seam) / rate
    events = [
        Event(
            scene["label"],
            index * step / rate + scene["event_start"],
            index * step / rate + scene["event_stop"],
            1.0,
        )
        for index, scene in enumerate(order)
        if "event_start" in scene
    ]
    table = render_events(
        "csv", events, recording=os.path.basename(path), duration=duration
    )
    with atomic_path(path) as temporary:
        _write_sound(temporary, order, rate, step, seam)
        # First the events, so that no recording is without them.
        with atomic_writer(events_path) as file:
            file.write(table)
    return Stream(path, events_path, duration, events)


def _find_scenes(folder, fold):
    """The scenes of a fold with their files, their rate and duration."""
    parameters = read_parameters(folder, "scenes")
    if parameters is None:
        raise ValueError(
            f"{folder} holds no scenes; make some with the command make-scenes"
        )
    scenes = read_meta(os.path.join(folder, "meta", "esc50.csv"))
    folds = sorted({scene["fold"] for scene in scenes})
    scenes = [
        {**scene, "wav": os.path.join(folder, "audio", f"{scene['ID']}.wav")}
        for scene in scenes
        if scene["fold"] == fold
    ]
    if not scenes:
        raise ValueError(f"{folder} has scenes of {folds}, but not of {fold}")
    return scenes, parameters["sample_rate"], parameters["seconds"]


def _draw_order(scenes, count, period, rng):
    """So many scenes, one after the other, one in `period` with an event."""
    if period is None:
        return list(_draw(scenes, count, rng))
    with_event = [scene for scene in scenes if "event_start" in scene]
    others = [scene for scene in scenes if "event_start" not in scene]
    if period > 1 and not others:
        raise ValueError(
            "there are no scenes without an event; make them with the option "
            "--background_class of make-scenes"
        )
    if period < 1:
        raise ValueError(
            "a scene has one event at most, so that they cannot be so frequent"
        )
    # One event in each stretch of a period, at a random place of it.
    borders = np.ceil(np.arange(int(count / period) + 1) * period).astype(int)
    places = rng.integers(borders[:-1], borders[1:])
    sources = {
        True: _draw(with_event, count, rng),
        False: _draw(others, count, rng),
    }
    events = set(places.tolist())
    return [next(sources[index in events]) for index in range(count)]


def _draw(scenes, count, rng):
    """Yields scenes in random order, and again in another one."""
    for number in range(count if scenes else 0):
        if number % len(scenes) == 0:
            order = rng.permutation(len(scenes))
        yield scenes[order[number % len(scenes)]]


def _write_sound(path, order, rate, step, seam):
    """Writes scenes one after the other, without a step between them."""
    ramp = (np.arange(seam, dtype=np.float32) + 0.5) / seam
    tail = None
    with soundfile.SoundFile(
        path, "w", rate, channels=1, subtype="PCM_16", format="WAV"
    ) as file:
        for scene in tqdm(
            order, desc="joining scenes", unit="scene", disable=None
        ):
            samples, _ = read_samples(scene["wav"], rate, "float32")
            if tail is not None:
                samples[:seam] = samples[:seam] * ramp + tail
            file.write(samples[:step])
            tail = samples[step:] * ramp[::-1]
        file.write(samples[step:])
